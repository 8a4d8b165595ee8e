import type { NumberExpression } from "../expressions/typed.ts";
import {
  aggregate,
  type DeclaredMeasure,
  finiteSql,
  type Measure,
  type MeasureKind,
  measureOf,
  type MeasureOptions,
} from "./measure.ts";
import { numberKinds, numbersOf } from "./numbers.ts";
import { totalOf } from "./sum.ts";
import { sumColumn } from "./sum_column.ts";

/** The mean of the values that are there, else null; held as `<name>_sum` and `<name>_count`. */
export const avg = (input: NumberExpression, options?: MeasureOptions): Measure =>
  measureOf("avg", input, options);

export const avgKind: MeasureKind = {
  takes: numberKinds,
  keepsUnit: true,
  define(declared) {
    const { name } = declared;
    const total = totalOf(declared, `${name}_sum`);
    const present = presentOf(declared, `${name}_count`);
    const [dividend, divisor] = [total, present].map((c) => c.floatSql(`merged.${c.name}`));
    return {
      columns: [total, present],
      shown: [{
        name,
        type: "number",
        sql: finiteSql(`${dividend} / ${divisor}`),
        of(stateOf) {
          const mean = total.toFloat(stateOf(total)) / present.toFloat(stateOf(present));
          return Number.isFinite(mean) ? mean : null;
        },
      }],
    };
  },
};

/** A column of how many values a measure's field has. */
export function presentOf({ fieldName, fieldSql }: DeclaredMeasure, name: string) {
  return sumColumn({
    name,
    sqlType: "UInt64",
    adds: "present",
    field: fieldName,
    adder(columns) {
      const { nulls } = numbersOf(columns, fieldName);
      return {
        add({ values }, cellOf, firstRow, endRow) {
          for (let row = firstRow; row < endRow; row++) {
            if (cellOf[row] >= 0 && nulls[row] === 0) values[cellOf[row]]++;
          }
        },
      };
    },
    buildSql: (condition) => aggregate("count", fieldSql, condition),
  });
}
