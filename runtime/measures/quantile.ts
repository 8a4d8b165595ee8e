import { BucketColumn, bucketColumn } from "./bucket_column.ts";
import type { NumberExpression } from "../expressions/typed.ts";
import {
  type DeclaredMeasure,
  type Measure,
  type MeasureKind,
  measureOf,
  type MeasureOptions,
  type ShownMeasure,
} from "./measure.ts";
import { numberKinds } from "./numbers.ts";

/** A measure of one quantile, or of several. */
export interface QuantileMeasure extends Measure {
  /** From 0 to 1. */
  readonly q: number | readonly number[];
}

/**
 * The value below which a share `q` of the values lies; null where there are no values. Of `n`
 * values in ascending order it is the one at index `floor(q × n)`, counted from 0, or the last one.
 *
 * It is exact for fields whose declared range has at most 4,096 values, such as stars from 0.00 to
 * 10.00. For other fields the relative error is at most 1 %. All quantiles of a field share a state,
 * `<field>_quantiles`.
 *
 * @param q from 0 to 1: 0.5 is the median.
 * @throws {RangeError} where `q` lies outside.
 * @example
 * ```ts
 * import { quantile } from "./quantile.ts";
 * import { Expression } from "../expressions/expression.ts";
 * const duration = Expression.field("duration", { kind: "uint32", nullable: false }) as never;
 * if (quantile(duration, 0.95).field !== "duration") throw new Error("unexpected");
 * ```
 */
export function quantile(
  input: NumberExpression,
  q: number,
  options?: MeasureOptions,
): QuantileMeasure {
  checkShares("quantile", [q]);
  return { ...measureOf("quantile", input, options), q };
}

/**
 * Several quantiles of a field, shown as `<name>_p50`, `<name>_p99_9` and so on; see
 * {@link quantile}.
 *
 * @throws {RangeError} where one of them lies outside of 0 to 1, or where there is none.
 */
export function quantiles(
  input: NumberExpression,
  qs: readonly number[],
  options?: MeasureOptions,
): QuantileMeasure {
  checkShares("quantiles", qs);
  return { ...measureOf("quantile", input, options), q: qs };
}

function checkShares(what: string, qs: readonly number[]): void {
  const wrong = qs.find((q) => !(q >= 0 && q <= 1));
  if (wrong !== undefined) {
    throw new RangeError(`Cannot declare ${what}: q must be from 0 to 1, got ${wrong}`);
  }
  if (qs.length === 0) throw new RangeError(`Cannot declare ${what}: give at least one q`);
}

export const quantileKind: MeasureKind<QuantileMeasure> = {
  takes: numberKinds,
  keepsUnit: true,
  define(declared) {
    const { name, measure: { q } } = declared;
    const column = bucketColumn(declared, `${stateName(declared)}_quantiles`);
    const shown = typeof q === "number"
      ? [shownAt(column, name, q)]
      : q.map((each) => shownAt(column, `${name}_p${percentOf(each)}`, each));
    return { columns: [column], shown };
  },
};

/** `99_9` for 0.999. */
const percentOf = (q: number) => String(Number((100 * q).toPrecision(12))).replace(".", "_");

function shownAt(column: BucketColumn, name: string, q: number): ShownMeasure {
  const state = `merged.${column.name}`;
  const total = `toFloat64(arraySum(mapValues(${state})))`;
  const index = `least(floor(${q} * ${total}), ${total} - 1)`;
  const key = `mapKeys(${state})[arrayFirstIndex(_n -> _n > ${index}, ` +
    `arrayCumSum(mapValues(${state})))]`;
  return {
    name,
    type: "number",
    sql: `if(empty(${state}), NULL, ${column.valueSql(key)})`,
    of(stateOf) {
      const buckets = stateOf(column);
      const total = buckets.reduce((sum, [, count]) => sum + count, 0);
      const index = Math.min(Math.floor(q * total), total - 1);
      let below = 0;
      const found = buckets.find(([, count]) => (below += count) > index);
      return found === undefined ? null : column.valueOf(found[0]);
    },
  };
}

/** Quantiles of a field share a state; an expression that is no field has no name that could be a column's. */
const stateName = ({ name, fieldName }: DeclaredMeasure) =>
  /^[a-z][a-z0-9_]*$/.test(fieldName) ? fieldName : name;
