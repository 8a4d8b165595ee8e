/** Batch runs, and the drift that they measure. */
import { z } from "zod";
import { count, instant, named, next, notComparedReason, parameter, text, whole } from "./parts.ts";

const runState = z.enum([
  "queued",
  "running",
  "published",
  "failed",
  "superseded",
  "cancelled",
  "interrupted",
]);

/** A batch run. */
export const batchRun = named(
  "BatchRun",
  z.object({
    topic: text("Topic"),
    run: count("Number of the run"),
    state: runState.meta({
      description: "queued or running while any plugin is; else interrupted (its process has not " +
        "reported for a minute), failed, cancelled or published when one is, in this order, and " +
        "superseded",
    }),
    started: instant("Begin"),
    finished: z.string().nullable().meta({ description: "End; null while it is under way" }),
    cut: text("Opaque: what the run covers"),
    plugins: z.array(z.object({
      plugin: text("Plugin"),
      status: runState,
      mode: z.enum(["full", "incremental"]),
      rows: count("Rows written"),
      days: count("Event days to recompute"),
      daysDone: count("How many of them are computed"),
      events: count("Events in the files of the days, repeats included; null where not known")
        .nullable(),
      bytes: count("Size of these files; null where not known").nullable(),
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

/** The run that was cancelled. */
export const runCancelled = named("BatchRunCancelled", z.object({ run: batchRun }));

/** What starting a run answers. */
export const runAnswer = named(
  "BatchRunAnswer",
  z.object({
    run: batchRun.nullable().meta({ description: "null when nothing is new" }),
  }),
);

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
