/**
 * Rows of one key merged in this process, with the same result as the engine's SQL: to the last
 * digit, because the measures hold states as integers of their column's scale.
 */
import type { MeasureColumn, ShownValue } from "../measures/measure.ts";
import type { Plugin } from "../plugin.ts";
import type { KeyStates } from "../model/recent.ts";
import { isJoined } from "../sql/merged_rows.ts";

/** Shown values by name. */
export type ShownValues = Readonly<Record<string, ShownValue>>;

/** Merges rows; of none it shows the empty states. */
export type MergeRows = (rows: readonly KeyStates[]) => ShownValues;

/**
 * How to merge the rows of one key of a plugin.
 *
 * @returns null where only the engine computes it: what is joined across buckets, and derived columns
 * that an earlier build stored.
 */
export function mergerOf({ measureColumns, shownColumns }: Plugin): MergeRows | null {
  if (shownColumns.some(({ of }) => of === null) || measureColumns.some(isJoined)) return null;
  return (rows) => {
    const merged = new Map<string, unknown>(
      measureColumns.map((column, i) => [column.name, column.merge(rows.map((row) => row[i]))]),
    );
    const stateOf = <State>({ name }: MeasureColumn<State>) => merged.get(name) as State;
    return Object.fromEntries(shownColumns.map(({ name, of }) => [name, of!(stateOf)]));
  };
}
