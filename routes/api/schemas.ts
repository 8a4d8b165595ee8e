/** The shapes of questions and answers: types for the routes, and the OpenAPI document. */
import { z } from "zod";
import { type NotComparedReason, notComparedWords } from "../../runtime/ports/services.ts";

/** Texts that a person reads: what, with an example. */
const text = (description: string, example?: string) =>
  z.string().meta({ description, ...(example === undefined ? {} : { example }) });
const instant = (description: string) =>
  z.string().meta({ description: `${description} (ISO 8601, UTC)`, format: "date-time" });
const count = (description: string) => z.number().int().meta({ description });
/** A whole number that may exceed what JSON numbers hold. */
const offset = (description: string) =>
  z.string().regex(/^\d+$/).meta({ description, example: "65536" });
const parameter = (description: string, example?: string) => text(description, example).optional();
/** A whole number among the parameters: the service reads and validates the text. */
const whole = (description: string, min: number, max: number) =>
  z.number().int().min(min).max(max).optional().meta({ description });
const time = (description: string) =>
  z.string().optional().meta({ description, format: "date-time" });
const named = <T extends z.ZodType>(id: string, schema: T): T => schema.meta({ id }) as T;

/** Opaque frontiers. */
const frontier = text(
  "Opaque: how far it reaches; comparable by wait_for",
  "local-0mwtt8uso-s746c1l9_0_1_0_3",
);
const next = z.string().nullable().meta({
  description: "Opaque: ask again with it for what follows; null at the end",
});
const layer = z.enum(["merged", "batch", "speed"]);

/** A column of rows. */
export const column = named(
  "Column",
  z.object({
    name: text("Name", "view_count"),
    type: text("integer, decimal, number, instant, list, or the kind of a key's field", "integer"),
  }),
);
const columns = z.array(column);
/** A row: values by column. */
export const row = z.record(z.string(), z.unknown());

/** A fault (RFC 9457). */
export const problem = named(
  "Problem",
  z.looseObject({
    type: text("urn:twofold:problem: and the kind", "urn:twofold:problem:invalid-request"),
    title: text("The kind in words"),
    status: count("HTTP status"),
    detail: text("What was wanted and what came"),
    field: text("The parameter, header or field at fault", "limit").optional(),
    instance: text("The path that was asked"),
  }),
);

/** What the ingest answers. */
export const ingestAnswer = named(
  "IngestAnswer",
  z.object({
    accepted: count("Events that are durable and will be counted"),
    rejected: z.array(z.object({
      line: count("Line, from 1"),
      field: text("The field at fault; empty when it is the whole line"),
      reason: text("What was wanted and what came"),
    })).meta({ description: "The first hundred faults" }),
    rejected_total: count("All faults"),
    frontier,
  }),
);

/** Something that Twofold cannot vouch for at the moment. */
export const standingProblem = named(
  "StandingProblem",
  z.object({
    code: text("Kind of problem", "drift"),
    subject: text("What it concerns", "plugin ratings"),
    message: text("What is wrong and what to do"),
    since: instant("When it was first seen"),
    blocking: z.boolean().meta({ description: "Whether /readyz answers 503 while it stands" }),
    plugin: text("The metric whose answers carry it", "ratings").optional(),
    topic: text("The topic whose metrics' answers carry it").optional(),
    affects: z.array(z.object({
      code: text("Kind of failure", "batch_failing"),
      subject: text("What fails", "movie-viewing-events"),
      plugin: text("The metric whose answers carry the problem too").optional(),
      topic: text("The topic whose metrics' answers carry the problem too").optional(),
    })).optional().meta({ description: "Work that fails because of it; absent where none does" }),
  }),
);

const buckets = z.array(z.enum(["window", "minute", "hour", "day", "all"]));
/** List metrics. */
export const metricList = named(
  "MetricList",
  z.object({
    metrics: z.array(z.object({
      name: text("Name", "popular_movies"),
      version: count("Version of the plugin"),
      summary: text("What it tells"),
      topic: text("The topic it is made of"),
      title: text("Title for people"),
      chart: z.enum(["bar", "line"]).describe("How a time series of it is drawn"),
      by: text("The key named in heading and caption of its page"),
      sort: text("The usual order", "-view_count"),
      window_seconds: count("Size of the speed layer's windows"),
      grain: text("The finest bucket of the batch and merged layers", "hour"),
      keys: columns,
      measures: z.array(z.string()),
      layers: z.object({ merged: buckets, batch: buckets, speed: buckets }),
    })),
  }),
);

const answered = {
  metric: text("Name", "popular_movies"),
  layer,
  generation: text("The generation that the whole answer is of", "v1_0f3a9c2e"),
  frozen_at: z.string().nullable().meta({
    description: "When this generation was last computed: the answer stands still at its " +
      "frontier; null while it is computed",
  }),
  rebuilding: z.number().min(0).max(1).nullable().meta({
    description: "How much of the records the next generation has; null when none is being built",
  }),
  cut: text("Opaque: what the batch part covers"),
  frontier,
  kept_from: z.string().nullable().meta({
    description: "speed only: windows before this are no longer kept whole; null when all are",
  }),
  kept_until: z.string().nullable().meta({
    description: "speed only: windows from here on are not whole, because future events were " +
      "removed; null where there is no such bound",
  }),
  problems: z.array(standingProblem).meta({
    description: "What Twofold cannot vouch for in this answer; empty when all is well",
  }),
};
/** What a prune removed. */
export const pruned = named(
  "Pruned",
  z.object({ removed: z.array(text("Name of a table or relation")) }),
);
/** A metric's rows. */
export const metricAnswer = named(
  "MetricAnswer",
  z.object({ ...answered, columns, rows: z.array(row), next }),
);
/** A time series in columns. */
export const seriesAnswer = named(
  "SeriesAnswer",
  z.object({
    ...answered,
    measure: text("The measure", "view_count"),
    bucket_seconds: count("Distance of two points, in seconds"),
    time: z.array(z.number().int()).meta({
      description: "Starts of the buckets in seconds since 1970 UTC, without holes",
    }),
    beyond: z.object({
      until: instant("When the last of the data ends: give it as `to` to see everything"),
      future_events: count("Events of the topic further ahead of their append time than allowed"),
    }).nullable().meta({ description: "Set where future events lie beyond the points" }),
    series: z.array(z.object({
      key: row.nullable().meta({ description: "The key; null for the series over all keys" }),
      values: z.array(z.number().nullable()).meta({
        description: "One per bucket; null where there is none",
      }),
    })),
  }),
);

const range = {
  from: parameter("Event times from here on: ISO 8601, on the layer's grain or window"),
  to: parameter("Event times before this: ISO 8601, on the layer's grain or window"),
};
/** Parameters of a metric's rows; key columns may be added by name. */
export const metricParameters = z.object({
  layer: layer.optional().meta({ description: "Default merged" }),
  ...range,
  bucket: z.enum(["window", "minute", "hour", "day", "all"]).optional().meta({
    description: "Default all; window and minute only by the speed layer, none below the grain",
  }),
  order: parameter("A column, descending with a leading -; default the metric's sort"),
  limit: whole("Default 100", 1, 10_000),
  after: parameter("next of the page before, of the same question"),
  expand: parameter("Catalogs whose columns to add, with commas between", "movies"),
  wait_for: parameter("A frontier: waits up to 10 s until the answer covers it, else 503"),
});
/** Parameters of a series; key columns may be added by name. */
export const seriesParameters = z.object({
  layer: layer.optional().meta({ description: "Default merged" }),
  ...range,
  bucket: parameter("Width such as 5minute, hour or 7day; default the finest that fits", "hour"),
  measure: parameter("A measure; default the one that the metric is sorted by"),
  max_points: whole("The most points; default 500", 1, 5000),
  top: whole("One series for each of this many greatest keys", 1, 20),
});

const notComparedReason = z.enum(Object.keys(notComparedWords) as NotComparedReason[])
  .meta({ description: "Why speed and batch layer could not be compared" });

/** A batch run. */
export const batchRun = named(
  "BatchRun",
  z.object({
    topic: text("Topic"),
    run: count("Number of the run"),
    started: instant("Begin"),
    finished: instant("End"),
    cut: text("Opaque: what the run covers"),
    plugins: z.array(z.object({
      plugin: text("Plugin"),
      status: z.enum(["published", "failed", "superseded"]),
      mode: z.enum(["full", "incremental"]),
      rows: count("Rows written"),
      days: count("Event days recomputed"),
      seconds: z.number(),
      drift: z.number().nullable().meta({
        description: "By how much speed and batch layer differ over the recomputed days; null " +
          "where they were not compared",
      }),
      notCompared: z.object({
        reason: notComparedReason,
        message: text("The reason in words"),
      }).nullable().meta({ description: "Why they were not compared" }),
      unseenRepeats: count("Repeats that the speed layer could not see"),
      error: text("Empty when it went well"),
    })),
  }),
);
/** Batch runs. */
export const runList = named("BatchRunList", z.object({ runs: z.array(batchRun) }));
/** What starting a run answers. */
export const runAnswer = named(
  "BatchRunAnswer",
  z.object({
    run: batchRun.nullable().meta({ description: "null when nothing is new" }),
  }),
);

/** How a plugin stands. */
export const pluginStatus = named(
  "PluginStatus",
  z.object({
    plugin: z.string(),
    topic: z.string(),
    generation: text("The generation of the code that is loaded", "v1_0f3a9c2e"),
    answering: text("The generation that answers", "v1_0f3a9c2e"),
    rebuilding: z.number().min(0).max(1).nullable().meta({
      description: "How much of the records the loaded generation has, while it does not answer",
    }),
    state: z.enum(["running", "catching-up", "failed", "batch-failing", "refused"]).meta({
      description: "failed: the speed layer cannot compute it; batch-failing: the batch layer " +
        "cannot; refused: its batch SQL is wrong, so it does not run",
    }),
    error: z.string().nullable().meta({ description: "Why it is failed or refused" }),
    speed_rows: count("Rows flushed since the start"),
    run: z.number().int().nullable().meta({ description: "Newest published run" }),
    drift: z.number().nullable().meta({
      description:
        "By how much speed and batch layer differ on all days whose drift stands; null " +
        "when none is known and the newest published run could not be compared",
    }),
    drifting_days: count("Event days whose drift stands"),
    accepted_days: count("Event days whose drift was accepted"),
    waiting_days: count("Event days that the next run compares again"),
    not_compared: z.object({
      reason: notComparedReason,
      message: text("The reason in words"),
      since: z.string().nullable().meta({ description: "Since when, ISO 8601" }),
    }).nullable().meta({ description: "Why the newest published run could not be compared" }),
    batch: z.object({
      published: z.string().nullable().meta({
        description: "When the newest run was published (ISO 8601, UTC); null before the first",
        format: "date-time",
      }),
      failing_since: z.string().nullable().meta({
        description: "Since when runs fail for it (ISO 8601, UTC); null while they work",
        format: "date-time",
      }),
      error: z.string().nullable().meta({ description: "Why runs fail" }),
    }),
  }),
);
/** A plugin with its texts. */
export const plugin = named(
  "Plugin",
  z.object({
    plugin: text("Name", "popular_movies"),
    status: pluginStatus,
    file: text("Where it is declared", "plugins/popular_movies.ts"),
    source: text("The text of that file"),
    batch_sql: text("The batch layer's SQL"),
    relations: z.object({
      speed: text("View of the speed layer", "stream_movie_views"),
      batch: text("View of the published batch run", "batch_popular_movies"),
      merged: text("View of both", "merged_popular_movies"),
    }),
  }),
);

/** What a process that is ready answers. */
export const readiness = named(
  "Readiness",
  z.object({
    ready: z.literal(true),
    problems: z.array(standingProblem.partial({ message: true })).meta({
      description: "Problems that do not block",
    }),
  }),
);

/** All that the status tells. */
export const status = named(
  "Status",
  z.object({
    version: z.string(),
    process: text("Names the process in the relation twofold_problems", "3f9a1c2b"),
    started: instant("Start of the process"),
    roles: z.array(z.string()).meta({ description: "What this process does" }),
    ready: z.boolean(),
    problems: z.array(standingProblem).meta({
      description: "Everything that Twofold cannot vouch for; empty when all is well",
    }),
    sql: z.object({
      running: count("Statements of the SQL console that run"),
      waiting: count("Those that wait for their turn"),
      stuck: count("Those that run on after their time is up"),
      stuck_total: count("Those that were ever stuck since the start"),
    }).meta({ description: "Statements of the SQL console" }),
    unreached: z.array(z.object({
      part: z.enum(["log", "archive", "warehouse"]),
      since: instant("When that was first noticed"),
      error: z.string(),
    })).meta({ description: "Parts that do not answer: what they told is told as it was" }),
    topics: z.array(z.object({
      topic: z.string(),
      log: text("Identity of the log"),
      partitions: z.array(z.object({
        partition: count("Partition"),
        log_start: offset("First offset held"),
        log_end: offset("End of the log (exclusive)"),
        speed_frontier: offset("What the speed layer has read"),
        archived: offset("What is archived"),
        cut: offset("What the published runs cover"),
        lag_records: count("Records behind the log's end"),
        watermark: z.string().nullable().meta({
          description: "Greatest event time, future events left out, moved on by ticks",
        }),
        events: count("Events"),
        future_events: count(
          "Events further ahead of their append time than --future-after, counted all the same",
        ),
        last_event: z.string().nullable().meta({ description: "Greatest event time of all" }),
        late_events: count("Late events, counted all the same"),
        repeats: count("Repeats, not counted"),
        dead_letters: count("Records that could not be decoded"),
        own: z.boolean().meta({
          description: "Whether this process reads it; if not, the tables tell of it",
        }),
        error: z.string().nullable().meta({ description: "Why it stopped" }),
      })),
    })),
    plugins: z.array(pluginStatus),
    scrub: z.object({
      started: z.string().nullable().meta({ description: "Start of the pass under way" }),
      finished: z.string().nullable().meta({ description: "End of the last whole pass" }),
      checked_bytes: count("Bytes read in this pass"),
      total_bytes: count("Bytes of archive and tables; those of the log come on top"),
    }).nullable().meta({ description: "The slow verification of what is stored; null: off" }),
  }),
);

/** Damage whose loss is accepted. */
export const acceptedDamage = named(
  "AcceptedDamage",
  z.object({
    object: text("Name of the file"),
    rows: count("Events or dead letters that are lost with it"),
    reason: text("Why"),
    by: text("Who accepted it"),
    at: instant("When"),
  }),
);

/** What to accept. */
export const damageAcceptance = z.strictObject({
  object: z.string().min(1).max(1000),
  reason: z.string().min(1).max(1000),
  by: z.string().min(1).max(200),
});

/** What a verification found. */
export const verifyReport = named(
  "VerifyReport",
  z.object({
    ok: z.boolean(),
    fast: z.boolean().meta({ description: "Whether only names, sizes and counts were compared" }),
    manifests: count("Manifests of the archive"),
    files: count("Files of the archive"),
    bytes: count("Bytes of these files"),
    tables: count("Tables of the warehouse"),
    findings: z.array(z.object({
      code: z.enum(["archive_damaged", "log_damaged", "warehouse_damaged"]),
      object: text("Name of a file, or a table and its part"),
      damage: text("What is wrong with it"),
      advice: text("What to do"),
    })),
    accepted: z.array(acceptedDamage).meta({ description: "Damage that is accepted: no finding" }),
  }),
);

/** The newest records. */
export const eventList = named(
  "EventList",
  z.object({
    events: z.array(z.object({
      topic: z.string(),
      partition: count("Partition"),
      offset: offset("Offset"),
      append_time: instant("When the log took it"),
      kind: z.enum(["event", "tick", "dead-letter"]),
      event: row.nullable().meta({ description: "The declared fields; null for other kinds" }),
      text: text("The record as it came, cut off after 4,096 characters"),
    })),
    next: next.meta({
      description: "Opaque: asks for older records by before (or newer, by after)",
    }),
    newest: text("Opaque: where the newest of these ends; for after"),
  }),
);
/** Parameters of the newest records. */
export const eventParameters = z.object({
  topic: parameter("Default the only topic"),
  partition: whole("Default all", 0, 255),
  before: parameter("next of the page before: older records"),
  after: parameter("newest of an earlier answer: what came behind it, the oldest first"),
  limit: whole("Default 50", 1, 1_000),
});

const letter = {
  topic: z.string(),
  log: text("Identity of the log"),
  partition: count("Partition"),
  offset: offset("Offset"),
  append_time: instant("When the log took it"),
  field: text("The field at fault; empty when it is the whole record"),
  reason: text("What was wanted and what came"),
  size_bytes: count("Size of the record"),
  preview: text("Its beginning, at most 200 characters"),
};
/** Dead letters. */
export const deadLetterList = named(
  "DeadLetterList",
  z.object({ dead_letters: z.array(z.object(letter)), next }),
);
/** A dead letter as a whole. */
export const deadLetter = named(
  "DeadLetter",
  z.object({
    ...letter,
    text: text("The record; bytes that are no UTF-8 as U+FFFD"),
    base64: text("The record's bytes"),
  }),
);
/** Parameters of the dead letters. */
export const deadLetterParameters = z.object({
  topic: parameter("Topic"),
  partition: whole("Partition", 0, 4_294_967_295),
  field: parameter("The field at fault", "rating"),
  reason: parameter("A part of the reason, whatever the case"),
  from: time("Append times from here on (ISO 8601)"),
  to: time("Append times before this (ISO 8601)"),
  after: parameter("next of the page before"),
  limit: whole("Default 50", 1, 1_000),
});

const driftDay = {
  topic: text("Topic"),
  metric: text("Name of the metric", "ratings"),
  generation: text("Generation that was compared"),
  day: text("Event day", "2013-07-20"),
  state: z.enum(["equal", "differs", "waiting", "not_comparable"]).meta({
    description: "What came of the newest run of the day; a difference stands until it is equal",
  }),
  reason: notComparedReason.nullable(),
  message: text("The reason in words; empty where the newest run was compared"),
  since: instant("Since when state and reason are these"),
  run: count("Newest run that recomputed the day"),
  differing_cells: count("Cells (bucket and key) that differ"),
  difference: z.number().meta({ description: "Sum of the differences" }),
  not_comparable: count("Minima, maxima and sets that unseen repeats kept from being compared"),
  cells: z.array(z.object({
    bucket: instant("Start of the grain"),
    key: z.record(z.string(), z.string()).meta({ description: "Key columns, as text" }),
    measures: z.array(z.object({
      measure: text("Column; empty: only one layer has the cell", "avg_rating_sum"),
      speed: text("What the speed layer has; of a set, how many values"),
      batch: text("What the batch layer has, unseen repeats included"),
      difference: z.number(),
    })),
  })).meta({ description: "The first cells that differ" }),
  differs_since: z.string().nullable().meta({ description: "Since when the day drifts" }),
  accepted: z.object({
    at: instant("When"),
    by: text("Who"),
    reason: text("Why"),
  }).nullable().meta({ description: "Who has accepted the difference" }),
};
/** Days that drift. */
export const driftList = named("DriftList", z.object({ days: z.array(z.object(driftDay)), next }));
/** Parameters of the days that drift. */
export const driftParameters = z.object({
  metric: parameter("Name of the metric; default all", "ratings"),
  after: parameter("next of the page before"),
  limit: whole("Default 100", 1, 1_000),
});
/** What accepting a difference takes. */
export const driftAcceptance = named(
  "DriftAcceptance",
  z.strictObject({
    metric: text("Name of the metric", "ratings"),
    day: text("Event day; default every day that drifts", "2013-07-20").optional(),
    by: text("Who accepts it"),
    reason: text("Why"),
  }),
);
/** What accepting a difference answers. */
export const driftAccepted = named(
  "DriftAccepted",
  z.object({ accepted: z.array(z.string()).meta({ description: "Event days" }) }),
);

/** The catalogs that there are. */
export const catalogList = named(
  "CatalogList",
  z.object({
    catalogs: z.array(z.object({
      name: z.string(),
      summary: z.string(),
      columns,
      rows: count("Rows"),
      updated: z.string().nullable().meta({ description: "When it was put; null when never" }),
    })),
  }),
);
/** A part of a catalog. */
export const catalogPage = named(
  "CatalogPage",
  z.object({ catalog: z.string(), columns, rows: z.array(row), next }),
);
/** What a put of a catalog came to. */
export const catalogPut = named(
  "CatalogPut",
  z.object({ catalog: z.string(), rows: count("Rows") }),
);
/** Parameters of a catalog. */
export const catalogParameters = z.object({
  search: parameter("Words that an entry has to contain, whatever the case", "fantomas"),
  keys: parameter("Keys, with commas between", "2844,4936"),
  after: parameter("next of the page before"),
  limit: whole("Default 100", 1, 10_000),
});

const sqlLimit = z.number().int().min(1).max(1_000_000).optional().meta({
  description: "The most rows; default 1,000",
});
const sqlAfter = z.string().optional().meta({
  description: "next of the page before: the statement runs again, without the rows up to there",
});
/** A statement to run. */
export const sqlQuestion = named(
  "SqlQuestion",
  z.strictObject({
    sql: text(
      "One SELECT, EXPLAIN, SHOW or DESCRIBE",
      "SELECT * FROM batch_popular_movies ORDER BY view_count DESC LIMIT 3",
    ),
    limit: sqlLimit,
    after: sqlAfter,
  }),
);
/** Parameters of a statement that comes as plain text. */
export const sqlParameters = z.object({ limit: sqlLimit, after: sqlAfter });
/** Rows of a statement. */
export const sqlAnswer = named(
  "SqlAnswer",
  z.object({
    columns,
    rows: z.array(row),
    truncated: z.boolean().meta({ description: "Whether there are more rows" }),
    next,
    seconds: z.number(),
  }),
);
