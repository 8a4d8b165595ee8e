import type { Columns } from "../model/columns.ts";
import type { NumberExpression } from "../expressions/typed.ts";
import {
  type Adder,
  aggregate,
  type DeclaredMeasure,
  type Measure,
  type MeasureKind,
  measureOf,
  type MeasureOptions,
} from "./measure.ts";
import { numberKinds, numbersOf, shownAsItIs, wideType } from "./numbers.ts";
import { type CellSums, sumColumn } from "./sum_column.ts";

/** The exact sum of a number field; nulls are left out. */
export const sum = (input: NumberExpression, options?: MeasureOptions): Measure =>
  measureOf("sum", input, options);

export const sumKind: MeasureKind = {
  takes: numberKinds,
  keepsUnit: true,
  define(declared) {
    const total = totalOf(declared, declared.name);
    return { columns: [total], shown: [shownAsItIs(total)] };
  },
};

/** A column of the sum of a measure's field. */
export function totalOf({ field, fieldName, fieldSql }: DeclaredMeasure, name: string) {
  return sumColumn({
    name,
    sqlType: wideType(field),
    adds: "value",
    field: fieldName,
    adder: valueAdder(fieldName),
    buildSql: (condition) => aggregate("sum", fieldSql, condition),
  });
}

/** The loop that adds the values of a column; nulls are left out. */
export const valueAdder = (fieldName: string) => (columns: Columns): Adder<CellSums> => {
  const { values: from, nulls } = numbersOf(columns, fieldName);
  return {
    add({ values }, cellOf, firstRow, endRow) {
      for (let row = firstRow; row < endRow; row++) {
        if (cellOf[row] >= 0 && nulls[row] === 0) values[cellOf[row]] += from[row];
      }
    },
  };
};
