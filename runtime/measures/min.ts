import type { NumberExpression } from "../expressions/typed.ts";
import { type Extreme, extremeColumn } from "./extreme_column.ts";
import { type Measure, type MeasureKind, measureOf, type MeasureOptions } from "./measure.ts";
import { numberKinds, numbersOf, shownAsItIs } from "./numbers.ts";

/** The least value of a number field; null where there is none. */
export const min = (input: NumberExpression, options?: MeasureOptions): Measure =>
  measureOf("min", input, options);

const least: Extreme = {
  name: "min",
  better: (a, b) => a < b,
  adder(columns, field) {
    const { values: from, nulls } = numbersOf(columns, field);
    return {
      add({ values }, cellOf, firstRow, endRow) {
        for (let row = firstRow; row < endRow; row++) {
          const cell = cellOf[row];
          if (cell < 0 || nulls[row] === 1) continue;
          // Not a plain comparison: true also where the cell still holds NaN.
          if (!(values[cell] <= from[row])) values[cell] = from[row];
        }
      },
    };
  },
};

export const minKind: MeasureKind = {
  takes: numberKinds,
  keepsUnit: true,
  define(declared) {
    const column = extremeColumn(declared, least);
    return { columns: [column], shown: [shownAsItIs(column)] };
  },
};
