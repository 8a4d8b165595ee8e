/** The speed layer, as serving and the status use it. */
import type { PluginDrift } from "../model/drift.ts";
import type { PluginRun } from "./batch_layer.ts";
import type { Cut } from "../model/frontier.ts";
import type { RecentRows } from "../model/recent.ts";

/** What one partition of a log looks like. */
export interface PartitionStatus {
  readonly partition: number;
  readonly log_start: string;
  readonly log_end: string;
  readonly speed_frontier: string;
  readonly archived: string;
  readonly cut: string;
  /** Records between the speed frontier and the log's end. */
  readonly lag_records: number;
  /**
   * Greatest event time, those of future events left out, moved on by ticks: ISO 8601; null before
   * the first.
   */
  readonly watermark: string | null;
  readonly events: number;
  /** Events that lay further ahead of their append time than `--future-after`; counted as all others. */
  readonly future_events: number;
  /** Greatest event time of all, ISO 8601; null before the first event. */
  readonly last_event: string | null;
  readonly late_events: number;
  readonly repeats: number;
  readonly dead_letters: number;
  /** Whether this process reads it; if not, what is told of it is what the tables say. */
  readonly own: boolean;
  /** Why the partition stopped; null while it runs. */
  readonly error: string | null;
}

/** What a run under way computes of a plugin, and reads for it. */
export interface BatchWork extends Pick<PluginRun, "days" | "daysDone" | "events" | "bytes"> {
  readonly run: number;
}

/** How the batch layer does for one plugin. */
export interface PluginBatchStatus {
  /** When the newest published run was published, ISO 8601; null before the first. */
  readonly published: string | null;
  /** Since when runs fail for this plugin, ISO 8601; null while they work. */
  readonly failing_since: string | null;
  /** Why they fail; null while they work. */
  readonly error: string | null;
  /** The newest run under way, of whichever process; null while there is none. */
  readonly under_way: BatchWork | null;
}

/** What one plugin looks like. */
export interface PluginStatus extends PluginDrift {
  readonly topic: string;
  /** The generation of the code that is loaded. */
  readonly generation: string;
  /** The generation that answers. */
  readonly answering: string;
  /** See {@link AnsweringGeneration.rebuilding}. */
  readonly rebuilding: number | null;
  /**
   * `failed`: the speed layer cannot compute it; `batch-failing`: the speed layer can, the batch
   * layer cannot; `refused`: its file or its schema has a fault, so it does not run; `paused`: an
   * operator paused it.
   */
  readonly state: "running" | "catching-up" | "failed" | "batch-failing" | "refused" | "paused";
  /** Why the speed layer does not compute it; null while it is computed. */
  readonly error: string | null;
  /** Rows flushed since the start of the process. */
  readonly speed_rows: number;
  /** Newest published run, or null. */
  readonly run: number | null;
  readonly batch: PluginBatchStatus;
}

/** Future events of a topic: further ahead of their append time than `--future-after`. */
export interface FutureEvents {
  /** Greatest event time of all other events, in milliseconds since 1970 UTC; -1 for none. */
  readonly watermarkMs: number;
  readonly events: number;
}

/** The windows that hold all that the log held, by event time in milliseconds since 1970 UTC. */
export interface WholeWindows {
  /** Where they begin; null where no window is incomplete before. */
  readonly fromMs: number | null;
  /** Where they end, exclusive: blocks with future events were removed; null where none was. */
  readonly untilMs: number | null;
}

/** The speed layer of one topic. */
export interface SpeedLayer {
  /** How far a plugin's acknowledged flushes reach, for the log that runs. */
  frontier(plugin: string): Cut;
  /**
   * The first offset that a plugin's rows cover, by partition: 0 where they cover all that the log
   * ever held, more where older blocks are left to a backfill or to the batch layer.
   */
  start(plugin: string): Cut;
  /** Which windows of a plugin hold all that the log held. Called per speed answer, concurrently. */
  wholeWindows(plugin: string): Promise<WholeWindows>;
  /** Resolves when {@link frontier} reaches `target` or `signal` aborts. */
  reached(plugin: string, target: Cut, signal: AbortSignal): Promise<void>;
  /**
   * Brings the tables up to date for somebody who is about to read them: what this process counted a
   * moment ago may only be in its memory. Called before every read, often and concurrently.
   */
  fresh(): Promise<void>;
  /**
   * A plugin's rows from a cut on as they are in this process's memory, which may be ahead of
   * {@link frontier}; null where some of them are not: then the tables are asked.
   */
  recent(plugin: string, cut: Cut): RecentRows | null;
}
