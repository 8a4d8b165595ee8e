/** Plugins, the status of the process, and the verification of what is stored. */
import { z } from "zod";
import { batchRun } from "./batch.ts";
import { count, instant, named, notComparedSince, offset, standingProblem, text } from "./parts.ts";

/** What a prune removed. */
export const pruned = named(
  "Pruned",
  z.object({ removed: z.array(text("Name of a table or relation")) }),
);

/** Who pauses or resumes a metric, or cancels a batch run. */
export const pluginOperator = named(
  "PluginOperator",
  z.strictObject({ by: text("Name of the operator", "ada") }),
);

/** Whether a metric is paused. */
export const pluginPaused = named(
  "PluginPaused",
  z.object({ plugin: text("Name of the metric", "ratings"), paused: z.boolean() }),
);

/** Which days of a metric to recompute. */
export const pluginRebuild = named(
  "PluginRebuild",
  z.strictObject({
    from: text("First event day; default: the first of all", "2013-07-20").optional(),
    to: text("Last event day; default: the last of all", "2013-07-21").optional(),
    dry_run: z.boolean().optional().meta({
      description: "Report the amount to read and change nothing",
    }),
  }),
);

/** What came of a rebuild. */
export const pluginRebuilt = named(
  "PluginRebuilt",
  z.object({
    dry_run: z.boolean(),
    reads: z.object({
      days: count("Event days to recompute, including those in days_outside"),
      files: count("Files of the archive that hold them"),
      events: count("Events in the files, repeats included"),
      bytes: count("Size of the files"),
    }),
    days_outside: z.array(text(
      "An event day outside the range that is recomputed too: it has new events, or the metric has " +
        "no published run",
      "2013-07-22",
    )),
    run: batchRun.nullable().meta({ description: "null for a dry run" }),
  }),
);

const names = (what: string) => z.array(text(what, "ratings"));

/** What a reload changed. */
export const reloaded = named(
  "Reloaded",
  z.object({
    added: names("Name of a plugin that is new"),
    changed: names("Name of a plugin that changed"),
    removed: names("Name of a plugin whose file is gone"),
    refused: z.array(z.object({
      plugin: text(
        "Name of a plugin that does not load; what was loaded before runs on",
        "ratings",
      ),
      file: text("Where it is declared", "plugins/ratings.ts"),
      faults: z.array(text("What is wrong")),
    })),
    loaded_files: z.array(
      text("File of a row format or source that is new or changed", "plugins/movielens.format.ts"),
    ),
    removed_files: z.array(
      text("File of a row format or source that is gone", "plugins/movielens.format.ts"),
    ),
    refused_files: z.array(z.object({
      file: text(
        "File of a catalog, row format or source that does not load",
        "plugins/movielens.format.ts",
      ),
      faults: z.array(text("What is wrong")),
    })),
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
    state: z.enum(["running", "catching-up", "failed", "batch-failing", "refused", "paused"]).meta({
      description: "failed: the speed layer cannot compute it; batch-failing: the batch layer " +
        "cannot; refused: its file or its schema has a fault, so it does not run",
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
    not_compared: notComparedSince.nullable().meta({
      description: "Why the newest published run could not be compared",
    }),
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
      under_way: z.object({
        run: count("Number of the run"),
        days: count("Event days to recompute"),
        daysDone: count("How many of them are computed"),
        events: count("Events in the files of the days, repeats included; null where not known")
          .nullable(),
        bytes: count("Size of these files; null where not known").nullable(),
      }).nullable().meta({
        description: "What a run under way computes, in whichever process; null while none is",
      }),
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

/** What the memory of a process consists of. */
export const memory = named(
  "Memory",
  z.object({
    resident_bytes: count("Resident memory"),
    anonymous_bytes: count("What no file backs; null where that is not known").nullable(),
    parts: z.array(z.object({
      part: text("Which part", "heap_used"),
      thread: text("Of which thread; null where it belongs to the process", "main").nullable(),
      bytes: count("Its bytes"),
    })),
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
      redecoding: z.number().min(0).max(1).nullable().meta({
        description:
          "Share of the archive that is decoded again after a change of the schema; null " +
          "when all of it is",
      }),
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
