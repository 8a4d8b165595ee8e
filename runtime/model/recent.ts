/** What of a plugin a process still has in memory, as its readers see it. */
import type { Cut } from "./frontier.ts";

/** Rows in memory, to be read before anything else happens: they change with the next event. */
export interface RecentRows {
  /** How far they go. */
  readonly frontier: Cut;
  /** The merged rows of one key whose windows start in a range; null where there are none. */
  states(key: readonly (string | number)[], range: TimeRange): KeyStates | null;
}

/** `[from, to)` in seconds since 1970 UTC; null where open. */
export interface TimeRange {
  readonly from: number | null;
  readonly to: number | null;
}

/** A row's states by measure column; see `MeasureColumn`. */
export type KeyStates = readonly unknown[];
