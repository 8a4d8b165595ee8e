/** The words of Twofold: docs/glossary.md is made of them, and pages explain their terms by them. */

/** What each term means. */
export const glossary = {
  archive: "All records as Parquet files by event day, in a local folder or an S3 bucket",
  "batch layer": "Recomputes metrics with SQL over the archive; publishes runs",
  block:
    "A range of offsets of one partition; the unit of archiving. It ends at a multiple of the block size or at a tick",
  bucket: "A span of time in an answer: `all`, a day, an hour, a minute, a window",
  catalog:
    "A small table whose columns are joined to keys when they are read, such as movie titles",
  claim: "A conditional put that reserves a number, such as that of a batch run, for one process",
  cut:
    "The frontier up to which a batch run covers the log: an offset per partition, at the bounds of blocks",
  "dead letter": "A record that could not be decoded, kept with its bytes and the reason",
  decoding:
    "The meaning of a schema and the version of the decoder that turned records into archived rows",
  drift:
    "The difference between speed and batch layer over the events that both have seen; 0 means that they agree exactly",
  event: "What a producer reports. Its id and its timestamp identify it",
  "event time": "The timestamp of an event; append time is when the log accepted its record",
  frontier: "For each partition, the next offset that an answer does not cover yet",
  "future event": "An event whose time lies further ahead of its append time than `--future-after`",
  generation:
    "A version of everything that decides a metric's stored values. Each has tables of its own; the live one answers",
  grain: "The bucket in which batch rows are stored: 1, 5 or 15 minutes, an hour or a day",
  horizon: "The number of offsets within which the speed layer recognises repeats",
  lag: "The number of records in the log that the speed layer has not counted yet",
  "late event": "An event older than the watermark. It counts in the window of its event time",
  ledger:
    "The speed layer's table of counts per partition and block: events, repeats, late events, dead letters",
  log: "The ordered, partitioned store of records: embedded (SQLite) or Kafka",
  manifest: "Lists the archive's files of a block with their counts and checksums; written last",
  measure: "What a metric accumulates per key and window, such as `count()` or `avg(rating)`",
  metric: "What a plugin declares and both layers compute",
  parity: "Both layers give the same for the same events; the parity law tests it for each plugin",
  "partition, offset": "A part of the log, and the position of a record in it",
  plugin: "A file in `plugins/` that declares a metric",
  problem:
    "A standing fault that affects answers: code, subject, message, since when. It ends with its cause",
  record: "An entry of the log: an event, a tick or a dead letter",
  relation: "A view in SQL: `batch_…`, `stream_…` (speed layer) and `merged_…` of each metric",
  repeat: "A record whose event occurred before; it does not count",
  "row format": "Turns the lines of a file or a request into events; a file `plugins/*.format.ts`",
  run: "An execution of the batch layer. A published run is immutable",
  scrub: "The background verification of all stored data",
  "serving layer": "Merges batch and speed rows by offset and answers queries",
  session: "Events of a key, each at most a gap after the one before; see `sessions()`",
  source: "Makes events up, for trying out; a file `plugins/*.source.ts`",
  "speed layer": "Computes windows from the log as events arrive",
  tick: "A small record that Twofold appends to end the open block of a quiet partition",
  "unseen repeat":
    "A repeat that the speed layer could not recognise, beyond its horizon or in another partition; the next batch run corrects it",
  watermark:
    "The greatest event time so far in a partition, without future events. It never drops events",
  window: "A span of event time, such as 10 seconds, in which the speed layer accumulates",
} as const;

/** A term of the glossary. */
export type GlossaryTerm = keyof typeof glossary;

/** The terms that pages explain where they name a figure. */
export const explained = [
  "archive",
  "batch layer",
  "cut",
  "dead letter",
  "drift",
  "future event",
  "grain",
  "lag",
  "late event",
  "repeat",
  "run",
  "serving layer",
  "speed layer",
  "unseen repeat",
  "watermark",
  "window",
] as const satisfies readonly GlossaryTerm[];

/** One of {@link explained}. */
export type ExplainedTerm = typeof explained[number];

/**
 * The element that explains a term.
 *
 * @example
 * ```ts
 * import { explanationId } from "./glossary.ts";
 * if (explanationId("late event") !== "term-late-event") throw new Error("unexpected");
 * ```
 */
export const explanationId = (term: ExplainedTerm): string => `term-${term.replaceAll(" ", "-")}`;
