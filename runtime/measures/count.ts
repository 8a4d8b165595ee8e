import { aggregate, type Measure, type MeasureKind } from "./measure.ts";
import { shownAsItIs } from "./numbers.ts";
import { sumColumn } from "./sum_column.ts";

/** How many events. */
export const count = (): Measure => ({ kind: "count" });

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
