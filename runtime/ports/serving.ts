/** The serving layer: questions and answers of metrics. */
import type { NotComparedSince } from "../model/drift.ts";
import type { Problem } from "../model/problems.ts";
import { type Grain, grains } from "../plugin.ts";
import type { AnswerColumn } from "./inspection.ts";

export type Layer = "merged" | "batch" | "speed";
export type Bucket = "window" | Grain | "week" | "month" | "all";

/** All buckets, finest first. */
export const buckets: readonly Bucket[] = ["window", ...grains, "week", "month", "all"];

/** A question to one metric, as text, straight from a request: serving validates all of it. */
export interface MetricQuery {
  readonly layer?: string;
  /** ISO 8601 instants, `[from, to)`. */
  readonly from?: string;
  readonly to?: string;
  readonly bucket?: string;
  /** The time zone of the buckets, an IANA name such as `Europe/Berlin`; UTC when left out. */
  readonly tz?: string;
  /** An earlier range to compare with: `previous`, or `24h`, `7d`, `4w` before. */
  readonly compare?: string;
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

/** A range of event time, `[from, to)`, ISO 8601; null where open. */
export interface EventRange {
  readonly from: string | null;
  readonly to: string | null;
}

/** What an answer is compared with; ISO 8601. */
export interface Compared {
  /** The earlier range, `[from, to)`. */
  readonly from: string;
  readonly to: string;
  /** Where the compared part of the question's own range ends: at the newest whole step at the latest. */
  readonly until: string;
  /**
   * Whether that is the end of a bucket, or of a range without buckets. Else the last bucket is still
   * filling, and is compared with the same part of the earlier one.
   */
  readonly whole: boolean;
}

/** What rows and series of a metric have in common. */
export interface AnswerOfMetric extends AnsweringGeneration {
  readonly metric: string;
  readonly layer: Layer;
  /** The time zone of the buckets, as the IANA database spells it. */
  readonly tz: string;
  /** Null unless the question compares. */
  readonly compare: Compared | null;
  /** Opaque: the frontier of the batch part. */
  readonly cut: string;
  /** Opaque: the frontier of the whole answer. Comparable by `wait_for`. */
  readonly frontier: string;
  /**
   * speed only: windows that start before this are no longer kept whole, nor are sessions that seem to
   * begin in them; null when all are.
   */
  readonly kept_from: string | null;
  /** speed only: windows from here on are not whole, where future events were removed; else null. */
  readonly kept_until: string | null;
  /**
   * merged only: the ranges, ascending, that are counted from the speed layer's windows alone, also
   * below the cut, as they hold no whole grain or the buckets are finer. There a repeat that the speed
   * layer could not recognise counts again. Empty where the batch layer counted all below the cut.
   */
  readonly speed_ranges: readonly EventRange[];
  /**
   * Why days of the published run behind the answer have not been compared with the speed layer yet,
   * and since when; null where they have, and for layer speed.
   */
  readonly not_compared: NotComparedSince | null;
  /** The standing problems that affect this answer. */
  readonly problems: readonly Problem[];
}

/** A metric's answer. */
export interface MetricAnswer extends AnswerOfMetric {
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
   * `minute`, `hour`, `day`, `week`, `month` or a whole number of them, such as `5minute` or `7day`.
   * Left out: the finest that the layer can give within `max_points`.
   */
  readonly bucket?: string;
  /** As {@link MetricQuery.tz}. */
  readonly tz?: string;
  /** As {@link MetricQuery.compare}. */
  readonly compare?: string;
  /** A measure that is shown as a number; left out: the one that the plugin sorts by, or the first. */
  readonly measure?: string;
  /** The most points of a series, 1 to 5,000; default 500. */
  readonly max_points?: string;
  /** One series for each of this many greatest keys, 1 to 20; left out: one series over all keys. */
  readonly top?: string;
  /** Key columns to filter by, by name. */
  readonly keys: Readonly<Record<string, string>>;
}

/** What a series is compared with, by bucket; null where a value is missing. */
export interface EarlierValues {
  readonly values: readonly (number | null)[];
  /** The differences to them. */
  readonly change: readonly (number | null)[];
  /** The differences in percent of them; null where they are 0. */
  readonly percent: readonly (number | null)[];
}

/** A time series in columns. */
export interface SeriesAnswer extends AnswerOfMetric {
  /**
   * Set where the question named no `to` and future events lie beyond the points: when the last of
   * the data ends (ISO 8601, to be given as `to`), and how many future events the topic holds.
   */
  readonly beyond: { readonly until: string; readonly future_events: number } | null;
  readonly measure: string;
  /** What one of the measure is; null where its plugin declares no unit. */
  readonly unit: string | null;
  /**
   * The width of the buckets as a question gives it, such as `hour`, `7day` or `month`; null without
   * buckets, unless the question named one.
   */
  readonly bucket: string | null;
  /** Seconds of each bucket; null for months and in time zones, where they may differ. */
  readonly bucket_seconds: number | null;
  /**
   * Starts of the buckets in seconds since 1970 UTC, ascending and without holes: each bucket ends
   * where the next begins.
   */
  readonly time: readonly number[];
  /** Where the last bucket ends, in seconds since 1970 UTC; null without buckets. */
  readonly end: number | null;
  /** Seconds to add to UTC for the local time at each start. */
  readonly offsets: readonly number[];
  /** One value per bucket; null where the bucket has none. */
  readonly series: readonly {
    /** The key; null for the series over all keys. */
    readonly key: Readonly<Record<string, unknown>> | null;
    readonly values: readonly (number | null)[];
    /**
     * By bucket, the part below the cut of the published batch run and the part above it; see `parts`.
     * The batch layer counted the former in merged answers and has recomputed it in those of the
     * speed layer.
     */
    readonly batch: readonly (number | null)[] | null;
    readonly speed: readonly (number | null)[] | null;
    /** Of the earlier bucket of each; null unless the question compares. */
    readonly earlier: EarlierValues | null;
  }[];
  /**
   * What `batch` and `speed` of the series hold: `values` that add up to the series' values, or how
   * many `events` each value was made of where values do not add up. Null, and they too, for the batch
   * layer and where the metric does not count its events.
   */
  readonly parts: "values" | "events" | null;
  /** How much of the log the batch part covers; null for the batch layer and where nothing was read. */
  readonly covered: Coverage | null;
}

/** How much of a log the batch part of an answer covers. */
export interface Coverage {
  /** The part of the records in the answer that lie below the cut, 0 to 1; by offsets. */
  readonly share: number;
  /**
   * The batch part has all records that were appended up to then, ISO 8601. Null where there is no
   * such time: it covers none of a partition, or everything.
   */
  readonly until: string | null;
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
  readonly grain: Grain;
  readonly grain_seconds: number;
  /** Whether a question for its rows has to give `from`. */
  readonly needs_from: boolean;
  readonly keys: readonly AnswerColumn[];
  readonly measures: readonly string[];
  /** The measures that are numbers: a time series can be asked for each of them. */
  readonly series_measures: readonly string[];
  /** The units of keys and measures that have one, by column: `{ "avg_duration": "seconds" }`. */
  readonly units: Readonly<Record<string, string>>;
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
  /**
   * How many rows {@link Serving.query} gives on all of its pages, as of now. Costs a statement that
   * reads keys alone, of each layer that answers. The metric has to have keys.
   *
   * @throws as {@link Serving.query} does.
   */
  count(metric: string, query: MetricQuery, signal?: AbortSignal): Promise<number>;
  /** @throws as {@link Serving.query} does. */
  series(metric: string, query: SeriesQuery, signal?: AbortSignal): Promise<SeriesAnswer>;
  /**
   * Brings a metric up to date for a reader, and tells how far it is counted, and its problems: moves
   * whenever a new answer may differ.
   *
   * @throws NotFoundError for an unknown metric.
   */
  position(metric: string): Promise<string>;
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
