/**
 * What each monoid says of states in SQL: how they merge, how far two of them are apart, how a
 * person reads one. Drift and roll-ups know no other difference between monoids.
 */
import type { MeasureColumn, Monoid } from "../plugin.ts";

/** The SQL of one monoid. */
export interface StateSql {
  /** The aggregate function that merges the states of the rows that meet a condition. */
  readonly mergeIf: string;
  /**
   * How far two merged states are apart: an SQL expression of type Float64 that is 0 exactly where
   * they are equal, above 0 elsewhere and never NULL.
   */
  difference(column: MeasureColumn, a: string, b: string): string;
  /** A merged state as an SQL expression of type String. */
  shown(state: string): string;
  /**
   * Whether `a ⊕ c = b ⊕ c` proves `a = b`. True for sums. The least of some values stays the same
   * when another one is lost, so for the others equality proves nothing where there is a `c`.
   */
  readonly cancels: boolean;
}

/** Values are compared as the widest type, in which no difference overflows. */
const wide = ({ sqlType }: MeasureColumn, value: string): string => {
  const scale = /Decimal\(\d+, (\d+)\)/.exec(sqlType)?.[1];
  return scale === undefined ? `toInt128(${value})` : `toDecimal128(${value}, ${scale})`;
};

const distance = (column: MeasureColumn, a: string, b: string) =>
  `toFloat64(abs(${wide(column, a)} - ${wide(column, b)}))`;

/** Values that may be NULL; a value and no value are 1 apart. */
const extreme: Omit<StateSql, "mergeIf"> = {
  difference: (column, a, b) =>
    `ifNull(${distance(column, a, b)}, toFloat64(isNull(${a}) != isNull(${b})))`,
  shown: (state) => `ifNull(toString(${state}), 'none')`,
  cancels: false,
};

/** The SQL of every monoid. */
export const stateSql: Readonly<Record<Monoid, StateSql>> = {
  sum: { mergeIf: "sumIf", difference: distance, shown: (s) => `toString(${s})`, cancels: true },
  min: { mergeIf: "minIf", ...extreme },
  max: { mergeIf: "maxIf", ...extreme },
  union: {
    mergeIf: "groupUniqArrayArrayIf",
    // The elements that only one of them has.
    difference: (_column, a, b) =>
      `toFloat64(length(${a}) + length(${b}) - 2 * length(arrayIntersect(${a}, ${b})))`,
    shown: (state) => `concat(toString(length(${state})), ' values')`,
    cancels: false,
  },
};
