/** The batch layer, as the API and the commands use it. */
import type { NotCompared, PluginDrift } from "../model/drift.ts";
import type { Cut } from "../model/frontier.ts";

/** One plugin's part of a run. */
export interface PluginRun {
  readonly plugin: string;
  readonly status: "published" | "failed" | "superseded";
  readonly mode: "full" | "incremental";
  /** Batch rows written. */
  readonly rows: number;
  /** Event days recomputed. */
  readonly days: number;
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
  /** ISO 8601. */
  readonly started: string;
  readonly finished: string;
  readonly cut: Cut;
  readonly plugins: readonly PluginRun[];
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
  /** The newest runs first. */
  history(limit: number): Promise<BatchRun[]>;
  /**
   * How the layers of each plugin compare, and sets or clears the problem `drift` of each. Called
   * after every run, and by whoever asks for the status.
   */
  drift(): Promise<PluginDrift[]>;
  /** Whether a run is under way. */
  readonly running: boolean;
  /** Runs that ended in this process: who keeps what was published looks again when it moves. */
  readonly ended: number;
}
