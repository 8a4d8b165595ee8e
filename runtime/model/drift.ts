/**
 * Drift: by how much the speed layer and the published batch run differ over what both have seen.
 * Routes, commands and the status read these; the batch layer finds and keeps them.
 */
import type { Page } from "../std/page_cursor.ts";

/** Why days could not be compared, in words, by code. */
export const notComparedWords = {
  waiting: "the run was published and has not been compared yet",
  speed_behind: "the speed layer had not written everything below the run's cut",
  speed_rows_removed: "the speed layer no longer keeps all rows of these days",
  other_logs: "these days have events of an earlier log, which the speed layer does not read",
  no_speed_layer: "there are no rows of the speed layer to compare with",
  comparison_failed: "the comparison failed",
  run_failed: "the run failed",
  run_cancelled: "the run was cancelled",
  superseded: "another run was published instead",
  not_read: "the warehouse has not answered yet",
  not_running: "the plugin does not run",
  nothing_published: "no batch run has been compared yet",
} as const;

/** Why something could not be compared. */
export type NotComparedReason = keyof typeof notComparedWords;

/** Means that no drift is known. */
export interface NotCompared {
  readonly reason: NotComparedReason;
  readonly message: string;
}

/** Why something is not compared, and since when: ISO 8601; null where nothing was published. */
export interface NotComparedSince extends NotCompared {
  readonly since: string | null;
}

/** How one plugin's layers compare, over all days that its generation remembers. */
export interface PluginDrift {
  readonly plugin: string;
  /**
   * The sum of the differences of all days that drift and were not accepted. null when no such day
   * is known and the newest published run could not be compared.
   */
  readonly drift: number | null;
  /** Days that drift and were not accepted. */
  readonly drifting_days: number;
  /** Days whose drift an operator has accepted. */
  readonly accepted_days: number;
  /** Days that the next run compares again. */
  readonly waiting_days: number;
  /** Why the newest published run could not be compared, and since when (ISO 8601); null if it was. */
  readonly not_compared: NotComparedSince | null;
}

/** A measure of a cell in which the layers differ. */
export interface MeasureDifference {
  /** A column of the tables, such as `avg_rating_sum`; empty: only one of the layers has the cell. */
  readonly measure: string;
  readonly speed: string;
  readonly batch: string;
  /** Sums, minima and maxima: by how much; sets: how many elements only one of them has. */
  readonly difference: number;
}

/** A cell, which is one key in one bucket, in which the layers differ. */
export interface DriftCell {
  /** The start of the grain, ISO 8601. */
  readonly bucket: string;
  /** Key columns and their values as text. */
  readonly key: Readonly<Record<string, string>>;
  readonly measures: readonly MeasureDifference[];
}

/** An event day that drifts, or did when it was last compared. */
export interface DriftDay {
  readonly topic: string;
  readonly metric: string;
  readonly generation: string;
  readonly day: string;
  /** What came of the newest run of the day; a difference that was found before stands until `equal`. */
  readonly state: "equal" | "differs" | "waiting" | "not_comparable";
  /** The code of why the newest run could not be compared; null when it was. */
  readonly reason: NotComparedReason | null;
  readonly message: string;
  /** Since when state and reason are these, ISO 8601. */
  readonly since: string;
  /** The newest run that recomputed the day. */
  readonly run: number;
  readonly differing_cells: number;
  readonly difference: number;
  /** Minima, maxima and sets that repeats unseen by the speed layer kept from being compared. */
  readonly not_comparable: number;
  /** The first cells that differ. */
  readonly cells: readonly DriftCell[];
  /** Since when the day drifts, ISO 8601. */
  readonly differs_since: string | null;
  /** Who has accepted the difference, when and why; null when nobody has. */
  readonly accepted: {
    readonly at: string;
    readonly by: string;
    readonly reason: string;
  } | null;
}

/** Which days to show, as text, straight from a request. */
export interface DriftQuery {
  /** Default: all metrics. */
  readonly metric?: string;
  /** {@link Page.next} of the page before. */
  readonly after?: string;
  /** 1 to 1,000; default 100. */
  readonly limit?: string;
}

/** An operator's word that a difference is known and no problem. */
export interface DriftAcceptance {
  readonly metric: string;
  /** An event day such as `2013-07-20`. Default: every day that drifts. */
  readonly day?: string;
  readonly by: string;
  readonly reason: string;
}

/** Looks into the drift that is kept. */
export interface Drifts {
  /** The days that drift, by metric and day. @throws NotFoundError; UserError naming the field. */
  list(query: DriftQuery, signal?: AbortSignal): Promise<Page<DriftDay>>;
  /**
   * Accepts the differences of a metric's days as they are: they are no problem any more, until a run
   * measures another difference. Recorded with the day.
   *
   * @returns the days accepted.
   * @throws NotFoundError for an unknown metric, or where nothing drifts; UserError naming the field.
   */
  accept(acceptance: DriftAcceptance): Promise<readonly string[]>;
}
