import type { NumberExpression } from "../expressions/typed.ts";
import {
  aggregate,
  type DeclaredMeasure,
  type Measure,
  type MeasureKind,
  measureOf,
  type MeasureOptions,
} from "./measure.ts";
import { numberKinds, numbersOf, scaledSql, shownAsItIs, unitOf } from "./numbers.ts";
import { sumColumn } from "./sum_column.ts";

/** A measure that counts values between bounds. */
export interface HistogramMeasure extends Measure {
  readonly bounds: readonly number[];
}

/** The most bounds of a histogram. */
const MAX_BOUNDS = 64;

/**
 * How many values lie below the first bound, from each bound (inclusive) up to the next one
 * (exclusive), and from the last bound on: columns `<name>_0`, `<name>_1` and so on, one more than
 * there are bounds.
 *
 * @param bounds ascending, 1 to 64 of them, in units of the field.
 * @throws {RangeError} where they are not.
 * @example
 * ```ts
 * import { histogram } from "./histogram.ts";
 * import { Expression } from "../expressions/expression.ts";
 * const seconds = Expression.field("seconds", { kind: "uint32", nullable: false }) as never;
 * if (histogram(seconds, [1, 10, 60]).bounds.length !== 3) throw new Error("unexpected");
 * ```
 */
export function histogram(
  input: NumberExpression,
  bounds: readonly number[],
  options?: MeasureOptions,
): HistogramMeasure {
  const ascending = bounds.every((bound, i) =>
    Number.isFinite(bound) && (i === 0 || bound > bounds[i - 1])
  );
  if (!ascending || bounds.length === 0 || bounds.length > MAX_BOUNDS) {
    throw new RangeError(
      `Cannot declare histogram: bounds must be 1 to ${MAX_BOUNDS} ascending numbers, got ` +
        `[${bounds.join(", ")}]`,
    );
  }
  return { ...measureOf("histogram", input, options), bounds };
}

export const histogramKind: MeasureKind<HistogramMeasure> = {
  takes: numberKinds,
  define(declared) {
    const { measure: { bounds }, field } = declared;
    const unit = unitOf(field);
    // The least scaled integer that is not below a bound.
    const scaled = bounds.map((bound) => Math.ceil(Number((bound * unit).toPrecision(15))));
    const columns = [-Infinity, ...scaled].map((from, i) =>
      countBetween(declared, i, from, scaled[i] ?? Infinity)
    );
    return { columns, shown: columns.map(shownAsItIs) };
  },
};

/** A column of how many scaled integers lie in `[from, to)`. */
function countBetween(
  { name, field, fieldName, fieldSql }: DeclaredMeasure,
  index: number,
  from: number,
  to: number,
) {
  const value = scaledSql(fieldSql, field);
  const limits = [
    ...(from === -Infinity ? [] : [`${value} >= ${from}`]),
    ...(to === Infinity ? [] : [`${value} < ${to}`]),
  ];
  return sumColumn({
    name: `${name}_${index}`,
    sqlType: "UInt64",
    adds: `from ${from} below ${to}`,
    field: fieldName,
    adder(columns) {
      const { values: of, nulls } = numbersOf(columns, fieldName);
      return {
        add({ values }, cellOf, firstRow, endRow) {
          for (let row = firstRow; row < endRow; row++) {
            const cell = cellOf[row];
            if (cell >= 0 && nulls[row] === 0 && of[row] >= from && of[row] < to) values[cell]++;
          }
        },
      };
    },
    buildSql: (condition) =>
      aggregate("countIf", [...limits, ...(condition ? [`(${condition})`] : [])].join(" AND ")),
  });
}
