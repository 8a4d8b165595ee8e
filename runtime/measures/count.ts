import {
  aggregate,
  type Measure,
  type MeasureKind,
  measureOf,
  type MeasureOptions,
} from "./measure.ts";
import { shownAsItIs } from "./numbers.ts";
import { valueAdder } from "./sum.ts";
import { sumColumn } from "./sum_column.ts";

/** How many events, or how many that meet a condition. */
export const count = ({ where, unit }: MeasureOptions = {}): Measure =>
  where === undefined ? { kind: "count", unit } : measureOf("countIf", where, { unit });

export const countKind: MeasureKind = {
  takes: [],
  define({ name }) {
    const events = sumColumn({
      name,
      sqlType: "UInt64",
      adds: "one",
      adder: () => ({
        add({ values }, cellOf, firstRow, endRow) {
          for (let row = firstRow; row < endRow; row++) {
            if (cellOf[row] >= 0) values[cellOf[row]]++;
          }
        },
      }),
      buildSql: (condition) => aggregate("count", "", condition),
    });
    return { columns: [events], shown: [shownAsItIs(events)] };
  },
};

/** How often a condition is true. */
export const countIfKind: MeasureKind = {
  takes: ["boolean"],
  define({ name, fieldName, fieldSql }) {
    const events = sumColumn({
      name,
      sqlType: "UInt64",
      adds: "true",
      field: fieldName,
      adder: valueAdder(fieldName),
      buildSql: (condition) =>
        `countIf(${condition === undefined ? fieldSql : `(${fieldSql}) AND (${condition})`})`,
    });
    return { columns: [events], shown: [shownAsItIs(events)] };
  },
};
