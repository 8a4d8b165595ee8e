/** The batch layer, as the API and the commands use it. */
import type { NotCompared, PluginDrift } from "../model/drift.ts";
import type { Cut } from "../model/frontier.ts";

/**
 * The state of a run or of a plugin's part of it. `superseded`: another run was published first.
 * `cancelled`: by an operator. `interrupted`: its process has not reported for a minute.
 */
export type RunState =
  | "queued"
  | "running"
  | "published"
  | "failed"
  | "superseded"
  | "cancelled"
  | "interrupted";

/** Event days, `YYYY-MM-DD`, both included; null where it is open on a side. */
export interface DayRange {
  readonly from: string | null;
  readonly to: string | null;
}

/** One plugin's part of a run. */
export interface PluginRun {
  readonly plugin: string;
  readonly status: RunState;
  readonly mode: "full" | "incremental";
  /** Batch rows written. */
  readonly rows: number;
  /** Event days to recompute. */
  readonly days: number;
  /** How many of them are computed. */
  readonly daysDone: number;
  /** See {@link Reading}; null in runs of earlier builds, and where the archive could not be read. */
  readonly events: number | null;
  readonly bytes: number | null;
  readonly seconds: number;
  /**
   * By how much speed and batch differ over the recomputed days, net of the repeats that the speed
   * layer could not see, summed over all cells and measures; null where they were not compared.
   */
  readonly drift: number | null;
  /** Why they were not compared; null where they were, and for a run that recomputed no day. */
  readonly notCompared: NotCompared | null;
  /** Repeats in the recomputed days that the speed layer could not see. */
  readonly unseenRepeats: number;
  readonly error: string;
}

/** A batch run. */
export interface BatchRun {
  readonly topic: string;
  readonly run: number;
  /**
   * `queued` and `running` while any part is; else `interrupted`, `failed`, `cancelled` or
   * `published` when one part is, in this order, and `superseded`.
   */
  readonly state: RunState;
  /** ISO 8601. */
  readonly started: string;
  /** ISO 8601; null while it is under way. */
  readonly finished: string | null;
  readonly cut: Cut;
  readonly plugins: readonly PluginRun[];
}

/** Which runs to list. */
export interface RunQuery {
  readonly limit: number;
  readonly before: number | null;
}

/** The batch layer of one topic. */
export interface BatchLayer {
  /**
   * Runs once: cuts at what is archived, recomputes, publishes. One at a time: a second call while
   * one runs waits for it and then runs.
   *
   * @param options.full recompute everything from the archive.
   * @returns the run, or null when nothing is new for any plugin (never null with `full`).
   */
  run(options?: { full?: boolean; signal?: AbortSignal }): Promise<BatchRun | null>;
  /**
   * Cancels a run that any process computes, and waits for its end. Parts that are not published yet
   * leave nothing behind; those that are stay.
   *
   * @param by who does it.
   * @param signal gives up waiting.
   * @returns the run; its state is `cancelled`.
   * @throws {NotFoundError} when there is no such run; UserError when it has ended, or nothing was left
   * to cancel.
   */
  cancel(run: number, by: string, signal?: AbortSignal): Promise<BatchRun>;
  /**
   * Runs of every process, those under way too; the newest first.
   *
   * @param query.before only runs with lower numbers; null: all.
   */
  history(query: RunQuery): Promise<BatchRun[]>;
  /**
   * How the layers of each plugin compare, and sets or clears the problem `drift` of each. Called
   * after every run, and for each status.
   */
  drift(): Promise<PluginDrift[]>;
  /** Whether a run is under way. */
  readonly running: boolean;
  /** Runs that ended in this process: who keeps what was published looks again when it moves. */
  readonly ended: number;
}
