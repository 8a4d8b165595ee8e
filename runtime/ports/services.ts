/**
 * What the layers offer to routes and commands: questions and answers, runs, the status. The layers
 * implement these; whoever shows or asks needs nothing else.
 */
import type { Cut } from "../model/frontier.ts";
import type { RecentRows } from "../model/recent.ts";
import type { PluginIsland } from "../plugin.ts";
import type { Problem } from "../model/problems.ts";
import type { Drifts, NotCompared, NotComparedSince, PluginDrift } from "../model/drift.ts";
import type {
  AnswerColumn,
  Catalogs,
  DeadLetters,
  PluginText,
  Records,
  SqlConsole,
  SqlLoad,
} from "./inspection.ts";

export { notComparedWords } from "../model/drift.ts";
export type * from "../model/drift.ts";
export type * from "./inspection.ts";
export type { Page } from "../std/page_cursor.ts";

// ---------------------------------------------------------------------------------------------
// The batch layer, as the API and the commands use it

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

// ---------------------------------------------------------------------------------------------
// The speed layer, as serving and the status use it

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

/** How the batch layer does for one plugin. */
export interface PluginBatchStatus {
  /** When the newest published run was published, ISO 8601; null before the first. */
  readonly published: string | null;
  /** Since when runs fail for this plugin, ISO 8601; null while they work. */
  readonly failing_since: string | null;
  /** Why they fail; null while they work. */
  readonly error: string | null;
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
   * layer cannot; `refused`: its file has a fault, so it does not run.
   */
  readonly state: "running" | "catching-up" | "failed" | "batch-failing" | "refused";
  /** Why the speed layer cannot compute it, or why it was refused; null while it is computed. */
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

/** The speed layer of one topic. */
export interface SpeedLayer {
  /** How far a plugin's acknowledged flushes reach, for the log that runs. */
  frontier(plugin: string): Cut;
  /**
   * The first offset that a plugin's rows cover, by partition: 0 where they cover all that the log
   * ever held, more where older blocks are left to a backfill or to the batch layer.
   */
  start(plugin: string): Cut;
  /**
   * The event time from which on a plugin's windows hold all that the log held: ISO 8601, or null
   * when every window does. Called per speed answer, concurrently.
   */
  wholeFrom(plugin: string): Promise<string | null>;
  /**
   * The event time up to which they do, exclusive, where blocks with future events have been removed:
   * ISO 8601, or null where there is no such bound. Called as {@link wholeFrom} is.
   */
  wholeUntil(plugin: string): Promise<string | null>;
  /** Resolves when {@link frontier} reaches `target` or `signal` aborts. */
  reached(plugin: string, target: Cut, signal: AbortSignal): Promise<void>;
  /**
   * A plugin's rows from a cut on as they are in this process's memory, which may be ahead of
   * {@link frontier}; null where some of them are not: then the tables are asked.
   */
  recent(plugin: string, cut: Cut): RecentRows | null;
}

// ---------------------------------------------------------------------------------------------
// The serving layer, as routes and commands use it

export type Layer = "merged" | "batch" | "speed";
export type Bucket = "window" | "minute" | "hour" | "day" | "all";

/** A question to one metric, as text, straight from a request: serving validates all of it. */
export interface MetricQuery {
  readonly layer?: string;
  /** ISO 8601 instants, `[from, to)`. */
  readonly from?: string;
  readonly to?: string;
  readonly bucket?: string;
  readonly order?: string;
  readonly limit?: string;
  readonly wait_for?: string;
  /** {@link MetricAnswer.next} of the page before, of the same question. */
  readonly after?: string;
  /** Catalogs whose columns to add, by name, with commas between: `movies`. */
  readonly expand?: string;
  /** Key columns to filter by, by name. */
  readonly keys: Readonly<Record<string, string>>;
}

/** Which generation of a metric an answer is of. */
export interface AnsweringGeneration {
  /** The generation whose tables the whole answer comes from, such as `v1_0f3a9c2e`. */
  readonly generation: string;
  /**
   * When a process last computed this generation, ISO 8601: the answer stands still at its frontier.
   * Null while the generation is computed.
   */
  readonly frozen_at: string | null;
  /**
   * How much of the records the next generation has, from 0 to below 1; null when none is being
   * built.
   */
  readonly rebuilding: number | null;
}

/** A metric's answer. */
export interface MetricAnswer extends AnsweringGeneration {
  readonly metric: string;
  readonly layer: Layer;
  /** Opaque: what the batch part covers. */
  readonly cut: string;
  /** Opaque: what the whole answer covers. Comparable by `wait_for`. */
  readonly frontier: string;
  /** speed only: windows that start before this are no longer kept whole; null when all are. */
  readonly kept_from: string | null;
  /** speed only: windows from here on are not whole, where future events were removed; else null. */
  readonly kept_until: string | null;
  /**
   * Why days of the published run behind the answer have not been compared with the speed layer yet,
   * and since when; null where they have, and for layer speed.
   */
  readonly not_compared: NotComparedSince | null;
  /** What Twofold cannot vouch for in this answer; empty when all is well. */
  readonly problems: readonly Problem[];
  readonly columns: readonly AnswerColumn[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Opaque: asks for the rows behind these; null when there are none. */
  readonly next: string | null;
}

/** A question for a time series, as text, straight from a request. */
export interface SeriesQuery {
  readonly layer?: string;
  /** ISO 8601 instants, `[from, to)`; left out: where the data begins and ends. */
  readonly from?: string;
  readonly to?: string;
  /**
   * `minute`, `hour`, … or a whole number of them, such as `5minute` or `7day`. Left out: the finest
   * that the layer can give within `max_points`.
   */
  readonly bucket?: string;
  /** A shown measure; left out: the one that the plugin sorts by. */
  readonly measure?: string;
  /** The most points of a series, 1 to 5,000; default 500. */
  readonly max_points?: string;
  /** One series for each of this many greatest keys, 1 to 20; left out: one series over all keys. */
  readonly top?: string;
  /** Key columns to filter by, by name. */
  readonly keys: Readonly<Record<string, string>>;
}

/** A time series in columns. */
export interface SeriesAnswer extends AnsweringGeneration {
  /**
   * Set where the question named no `to` and future events lie beyond the points: when the last of
   * the data ends (ISO 8601, to be given as `to`), and how many future events the topic holds.
   */
  readonly beyond: { readonly until: string; readonly future_events: number } | null;
  readonly metric: string;
  readonly layer: Layer;
  readonly cut: string;
  readonly frontier: string;
  readonly kept_from: string | null;
  /** speed only: windows from here on are not whole, where future events were removed; else null. */
  readonly kept_until: string | null;
  /**
   * Why days of the published run behind the answer have not been compared with the speed layer yet,
   * and since when; null where they have, and for layer speed.
   */
  readonly not_compared: NotComparedSince | null;
  /** What Twofold cannot vouch for in this answer; empty when all is well. */
  readonly problems: readonly Problem[];
  readonly measure: string;
  /** Distance of two points, in seconds. */
  readonly bucket_seconds: number;
  /** Starts of the buckets in seconds since 1970 UTC, ascending and without holes. */
  readonly time: readonly number[];
  /** One value per bucket; null where the bucket has none. */
  readonly series: readonly {
    /** The key; null for the series over all keys. */
    readonly key: Readonly<Record<string, unknown>> | null;
    readonly values: readonly (number | null)[];
  }[];
}

/** What a live reader is told: first all rows, then those that changed. */
export interface LiveUpdate {
  /** Opaque: to go on from here. */
  readonly id: string;
  /**
   * `snapshot`: `answer.rows` are all; `change`: those that are new or other than before, or none
   * where the answer only reaches further or its problems changed.
   */
  readonly kind: "snapshot" | "change";
  readonly answer: MetricAnswer;
  /** change only: identities (time and key columns) of rows that are no longer among the answer's. */
  readonly removed: readonly Readonly<Record<string, unknown>>[];
}

/** What a client may know of a metric. */
export interface MetricInfo {
  readonly name: string;
  readonly version: number;
  readonly summary: string;
  readonly topic: string;
  readonly title: string;
  readonly chart: "bar" | "line";
  readonly by: string;
  readonly sort: string;
  readonly window_seconds: number;
  readonly grain: string;
  readonly keys: readonly { readonly name: string; readonly type: string }[];
  readonly measures: readonly string[];
  readonly layers: Readonly<Record<Layer, readonly Bucket[]>>;
}

/** The serving layer. */
export interface Serving {
  metrics(): MetricInfo[];
  /**
   * @throws NotFoundError for an unknown metric; UserError naming the field for a bad question;
   * NotReadyError while a backfill leaves a gap below the speed rows, or when `wait_for` is not
   * reached in time.
   */
  query(metric: string, query: MetricQuery, signal?: AbortSignal): Promise<MetricAnswer>;
  /** @throws as {@link Serving.query} does. */
  series(metric: string, query: SeriesQuery, signal?: AbortSignal): Promise<SeriesAnswer>;
  /**
   * How far a metric is counted, and its problems: moves whenever a new answer may differ.
   *
   * @throws NotFoundError for an unknown metric.
   */
  position(metric: string): string;
  /**
   * Follows a metric: at most one update a second, none while nothing changes. Readers of one
   * question share its statements. Nothing waits in memory for a reader that does not pull: its next
   * update covers all that it missed.
   *
   * @param lastId the last {@link LiveUpdate.id} that the reader has; unknown ones begin again with
   * a snapshot.
   * @throws as {@link Serving.query} does, before the first update; BusyError when too many other
   * questions are followed.
   */
  live(
    metric: string,
    query: MetricQuery,
    options: { readonly lastId?: string; readonly signal: AbortSignal },
  ): Promise<AsyncIterable<LiveUpdate>>;
}

// ---------------------------------------------------------------------------------------------
// Taking events in, the status, and all of it together

/** What the ingest answers. */
export interface IngestAnswer {
  readonly accepted: number;
  /** The first hundred faults. */
  readonly rejected: readonly {
    readonly line: number;
    readonly field: string;
    readonly reason: string;
  }[];
  readonly rejected_total: number;
  /** Reaches it when all accepted events are counted: for `wait_for`. */
  readonly frontier: string;
}

/** The formats that events come in. */
export const eventFormats = [
  "ndjson",
  "json-array",
  "csv",
  "movielens",
  "movielens-tab",
  "movielens-csv",
] as const;

/**
 * How events are written: a JSON object per line, one JSON array, CSV whose header names fields, or
 * MovieLens' ratings with `::`, tabs or commas between user, movie, rating and seconds.
 */
export type EventFormat = typeof eventFormats[number];

/** What a body may be compressed with. */
export type BodyEncoding = "gzip" | "zstd";

/** Options of {@link Ingest.ingest}. */
export interface IngestOptions {
  /** What the body is compressed with. Default: it is not. */
  readonly encoding?: BodyEncoding;
  /** The most bytes of the body, decompressed. Default: any number. */
  readonly maxBytes?: number;
}

/** Takes events in. */
export interface Ingest {
  /**
   * Validates and appends a stream of events, durably before it returns, in bounded memory: the body
   * is read no faster than the log takes it. What cannot be decoded goes to the log too: it ends up
   * in the dead letter, told here.
   *
   * @param topic the schema's topic; may be left out when there is one.
   * @throws UserError for a topic that there is not, compressed data that are broken, a header or an
   * array that is none; what came before stays taken. TooLargeError beyond `maxBytes`, and where a
   * compressed body is more than 200 times as large when decompressed, beyond its first MiB.
   */
  ingest(
    body: ReadableStream<Uint8Array>,
    format: EventFormat,
    topic?: string,
    options?: IngestOptions,
  ): Promise<IngestAnswer>;
}

/** A part that did not answer when it was asked last. */
export interface UnreachedPart {
  readonly part: "log" | "archive" | "warehouse";
  /** When that was first noticed, ISO 8601. */
  readonly since: string;
  readonly error: string;
}

/**
 * All that `GET /api/v1/status` tells. What a part tells that is not reached is as it was when it was
 * last told.
 */
export interface Status {
  readonly version: string;
  /** Names the process in the relation `twofold_problems`; the same after a restart. */
  readonly process: string;
  /** ISO 8601. */
  readonly started: string;
  /** What this process does. */
  readonly roles: readonly string[];
  /** Whether no problem is blocking. */
  readonly ready: boolean;
  /** Everything that Twofold cannot vouch for; empty when all is well. */
  readonly problems: readonly Problem[];
  /** The parts that are not reached at the moment; empty when all is well. */
  readonly unreached: readonly UnreachedPart[];
  readonly topics: readonly {
    readonly topic: string;
    readonly log: string;
    /**
     * After a change of the schema, the share of the archive that is decoded again, 0 to 1; null when
     * all of it is.
     */
    readonly redecoding: number | null;
    readonly partitions: readonly PartitionStatus[];
  }[];
  readonly plugins: readonly PluginStatus[];
  /** Statements of the SQL console. */
  readonly sql: SqlLoad;
  /** How far the slow verification of what is stored is; null where it is off. */
  readonly scrub: ScrubStatus | null;
}

/** Something stored that is not what was written. */
export interface Finding {
  readonly code: "archive_damaged" | "log_damaged" | "warehouse_damaged";
  /** The name of a file, or a table and its part. */
  readonly object: string;
  /** What is wrong with it, as a clause. */
  readonly damage: string;
  /** What to do. */
  readonly advice: string;
}

/** What {@link Verification.verify} looked at and found. */
export interface VerifyReport {
  readonly ok: boolean;
  /** Whether only names, sizes and counts were compared. */
  readonly fast: boolean;
  readonly manifests: number;
  /** Files of the archive, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  readonly tables: number;
  readonly findings: readonly Finding[];
  /** Damage that an operator has accepted: it is no finding. */
  readonly accepted: readonly AcceptedDamage[];
}

/** How far the scrub is, which verifies everything slowly and again and again. */
export interface ScrubStatus {
  /** When the pass under way began, ISO 8601; null between two passes. */
  readonly started: string | null;
  /** When the last whole pass ended, ISO 8601; null before the first. */
  readonly finished: string | null;
  /** Bytes read in this pass; those of the log come on top of the total. */
  readonly checked_bytes: number;
  readonly total_bytes: number;
}

/** A damaged file of the archive whose loss an operator has accepted. */
export interface AcceptedDamage {
  /** The file's name. */
  readonly object: string;
  /** Events or dead letters that are lost with it. */
  readonly rows: number;
  readonly reason: string;
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Looks whether everything stored is what was written. */
export interface Verification {
  /**
   * Verifies archive, claims, published runs, tables and log. What it finds becomes a problem; what
   * is right again clears its problem.
   *
   * @param options.fast names, sizes and counts only: no file's bytes are read.
   */
  verify(options?: { fast?: boolean; signal?: AbortSignal }): Promise<VerifyReport>;
  /**
   * Goes on without a damaged file of the archive, for good: its events count nowhere from the next
   * run of their day on. Recorded in the archive.
   *
   * @throws NotFoundError when no manifest lists such a file; UserError when the file is not damaged.
   */
  accept(damage: { object: string; reason: string; by: string }): Promise<AcceptedDamage>;
  /** How far the scrub is; null where there is none. */
  scrub(): ScrubStatus | null;
}

/** Everything a route needs, provided by the engine. */
export interface Services {
  readonly serving: Serving;
  readonly ingest: Ingest;
  /** Batch layers by topic. */
  readonly batch: ReadonlyMap<string, BatchLayer>;
  readonly records: Records;
  readonly deadLetters: DeadLetters;
  readonly drifts: Drifts;
  readonly catalogs: Catalogs;
  readonly sql: SqlConsole;
  /** The pages' own SQL: it does not wait for people's. */
  readonly pageSql: Pick<SqlConsole, "query">;
  readonly verification: Verification;
  /** Texts by plugin. */
  readonly plugins: ReadonlyMap<string, PluginText>;
  /**
   * Removes the tables and relations that no metric answers from: those of removed plugins and of
   * replaced generations.
   *
   * @returns their names.
   */
  prunePlugins(): Promise<string[]>;
  /** Components of plugins that have one, by plugin. */
  readonly islands: ReadonlyMap<string, PluginIsland>;
  /** Called by monitors, often and concurrently: answers within seconds, whatever is not reached. */
  status(): Promise<Status>;
  /** The newest batch run of each topic, as far as it is known; answers as {@link status} does. */
  newestRuns(): Promise<readonly BatchRun[]>;
}
