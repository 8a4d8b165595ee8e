import type { EventSchema } from "../events.ts";
import type { Problem, ProblemSink } from "../model/problems.ts";
import type { ArchiveReader, ObjectStore, Warehouse } from "../ports/ports.ts";
import type { BatchLayer, BatchRun, DayRange, Reading, RebuildAnswer } from "../ports/services.ts";
import type { Clock } from "../std/clock.ts";
import type { SpeedFacts } from "./drift.ts";
import type { BatchPlugin } from "./plugin_step.ts";
import type { BatchSettings } from "./run_context.ts";

/** Options of a batch layer; see `createBatchLayer()`. */
export interface BatchLayerOptions {
  readonly schema: EventSchema;
  /** The plugins whose source is the schema. The list may change: then {@link LocalBatchLayer.replaced}. */
  readonly plugins: readonly BatchPlugin[];
  readonly archive: ArchiveReader;
  /** Where runs are claimed: the store that holds the archive. */
  readonly store: ObjectStore;
  /** Must have the table `batch_runs`; the plugins' tables are made when absent. */
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /** Whether no other process computes runs in the warehouse. Default false. */
  readonly alone?: boolean;
  /** The repeat horizon of the speed layer, in offsets. */
  readonly horizon: number;
  /** The identity of the log that runs; without it there is no drift. */
  readonly currentLogId?: () => string;
  /** See {@link SpeedFacts.wholeWindows}. Default: there are no speed rows to compare with. */
  readonly wholeWindows?: SpeedFacts["wholeWindows"];
  /** See {@link SpeedFacts.fresh}. Default: nothing. */
  readonly freshSpeed?: SpeedFacts["fresh"];
  readonly settings: BatchSettings;
  /** Told of plugins of which nothing is published, before a run reads the archive for them. */
  readonly onBackfill?: (plugins: readonly string[], reads: Reading) => void;
  /** Where failures stand until a run works, and drift until it is gone. Default: nowhere. */
  readonly problems?: ProblemSink;
}

/** A batch layer that runs in this process. */
export interface LocalBatchLayer extends BatchLayer {
  /**
   * Runs as {@link run} does, but leaves plugins of which nothing is published to a run of their own,
   * which no scheduled run waits for.
   */
  runScheduled(signal: AbortSignal): Promise<BatchRun | null>;
  /**
   * Recomputes days of one plugin, and those with new events, although nothing changed; everything
   * where the range is open on both sides. Runs of other plugins do not wait for it.
   *
   * @param plugin a name in the list of plugins.
   * @throws {NotFoundError} when it is not in the list any more.
   */
  rebuild(plugin: string, days: DayRange, signal: AbortSignal): Promise<BatchRun>;
  /** What {@link rebuild} would read now; nothing is written. */
  rebuildReading(
    plugin: string,
    days: DayRange,
  ): Promise<Pick<RebuildAnswer, "reads" | "days_outside">>;
  /**
   * Notes the newest published run of a plugin and the full run that it builds on, whichever process
   * published them: what failed here before works again.
   */
  published(plugin: string, run: number, fullRun: number): void;
  /**
   * Takes note that the list of plugins has changed, and runs those of which nothing is published, in a
   * run of their own that no other run waits for.
   *
   * @param signal ends that run.
   */
  replaced(signal: AbortSignal): void;
  /** Ends runs that another process has cancelled; called once a second where there may be others. */
  follow(): Promise<void>;
  /** Resolves when no run is under way. */
  idle(): Promise<void>;
  /**
   * Sets again what had failed before the process was started again, as far as it concerns this topic
   * and its plugins: a restart mends nothing.
   */
  recall(problems: readonly Problem[]): void;
}
