/**
 * Rows of one key merged in this process, with the same result as the engine's SQL: to the last
 * digit, because the measures hold states as integers of their column's scale.
 */
import type { MeasureColumn, StateOf } from "../measures/measure.ts";
import type { Plugin } from "../plugin.ts";
import type { KeyStates } from "../model/recent.ts";
import { readArithmetic } from "./arithmetic.ts";

/** Shown values by name. */
export type ShownValues = Readonly<Record<string, number | null>>;

/** Merges rows; of none it shows the empty states. */
export type MergeRows = (rows: readonly KeyStates[]) => ShownValues;

/**
 * How to merge the rows of one key of a plugin.
 *
 * @returns null where a derived column takes more than arithmetic: only the engine computes it.
 */
export function mergerOf({ measureColumns, shownColumns, derive }: Plugin): MergeRows | null {
  const byName = new Map(measureColumns.map((column) => [column.name, column]));
  const shown: (readonly [name: string, of: (stateOf: StateOf) => number | null])[] = [];
  const shownOf = new Map(shownColumns.map(({ name, of }) => [name, of]));
  const numberOf = (name: string, stateOf: StateOf): number => {
    const column = byName.get(name);
    return column === undefined
      ? shownOf.get(name)!(stateOf) ?? NaN
      : column.toFloat(stateOf(column));
  };
  const names = [...byName.keys(), ...shownColumns.flatMap(({ name, of }) => of ? name : [])];
  for (const { name, of } of shownColumns) {
    const compute = of ?? derivedFrom(derive[name], new Set(names), numberOf);
    if (compute === null) return null;
    shown.push([name, compute]);
  }
  return (rows) => {
    const merged = new Map<unknown, unknown>(
      measureColumns.map((column, i) => [column.name, column.merge(rows.map((row) => row[i]))]),
    );
    const stateOf = <State>({ name }: MeasureColumn<State>) => merged.get(name) as State;
    return Object.fromEntries(shown.map(([name, of]) => [name, of(stateOf)]));
  };
}

function derivedFrom(
  sql: string,
  names: ReadonlySet<string>,
  numberOf: (name: string, stateOf: StateOf) => number,
): ((stateOf: StateOf) => number | null) | null {
  const compute = readArithmetic(sql, names);
  if (compute === null) return null;
  return (stateOf) => {
    const value = compute((name) => numberOf(name, stateOf));
    return Number.isFinite(value) ? value : null;
  };
}
