/** Metrics and their series. */
import { z } from "zod";
import { buckets } from "../../../runtime/ports/services.ts";
import {
  columns,
  count,
  frontier,
  instant,
  layer,
  named,
  next,
  notComparedSince,
  parameter,
  row,
  standingProblem,
  text,
  whole,
} from "./parts.ts";

const bucket = z.enum(buckets);

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
      grain: text("The finest bucket of the batch layer", "hour"),
      grain_seconds: count("Its size"),
      needs_from: z.boolean().describe("Whether a question for its rows has to give from"),
      keys: columns,
      measures: z.array(z.string()),
      series_measures: z.array(z.string()).describe("The measures that a time series can show"),
      units: z.record(z.string(), z.string()).meta({
        description: "Units of keys and measures that have one, by column",
        examples: [{ avg_duration: "seconds" }],
      }),
      layers: z.object({ merged: z.array(bucket), batch: z.array(bucket), speed: z.array(bucket) }),
    })),
  }),
);

const answered = {
  metric: text("Name", "popular_movies"),
  layer,
  tz: text("The time zone of the buckets", "UTC"),
  compare: z.object({
    from: instant("Start of the earlier range"),
    to: instant("Its end, exclusive"),
    until: instant(
      "Where the compared part of the range ends: at the newest whole step at the latest",
    ),
    whole: z.boolean().meta({
      description:
        "Whether that is the end of a bucket (or of a range without buckets): else the " +
        "last one is still filling, and is compared with the same part of the earlier one",
    }),
  }).nullable().meta({ description: "What the answer is compared with; null unless asked for" }),
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
  speed_ranges: z.array(
    z.object({ from: z.string().nullable(), to: z.string().nullable() }),
  ).meta({
    description: "merged only: ranges [from, to) of event time that are counted from the speed " +
      "layer's windows alone, also below the cut: edges that hold no whole grain, or the whole " +
      "range where buckets are finer than the grain. There a repeat beyond the horizon or in " +
      "another partition counts again. Empty where the batch layer counted all below the cut; " +
      "null bounds are open",
  }),
  not_compared: notComparedSince.nullable().meta({
    description: "Why days of the published run have not been compared with the speed layer yet; " +
      "null where they have, and for layer speed",
  }),
  problems: z.array(standingProblem).meta({
    description: "What Twofold cannot vouch for in this answer; empty when all is well",
  }),
};

/** A metric's rows. */
export const metricAnswer = named(
  "MetricAnswer",
  z.object({ ...answered, columns, rows: z.array(row), next }),
);

const parts = (what: string) =>
  z.array(z.number().nullable()).nullable().meta({
    description: `${what}, as parts says; null where parts is null`,
  });

/** A time series in columns. */
export const seriesAnswer = named(
  "SeriesAnswer",
  z.object({
    ...answered,
    measure: text("The measure", "view_count"),
    unit: z.string().nullable().meta({
      description: "What one of the measure is, such as seconds; null where none is declared",
    }),
    bucket: text("The width of the buckets; null without any", "hour").nullable(),
    bucket_seconds: z.number().int().nullable().meta({
      description: "Seconds of each bucket; null for months and in time zones other than UTC",
    }),
    time: z.array(z.number().int()).meta({
      description: "Starts of the buckets in seconds since 1970 UTC, without holes: each ends " +
        "where the next begins",
    }),
    end: z.number().int().nullable().meta({
      description: "Where the last bucket ends, in seconds since 1970 UTC; null without buckets",
    }),
    offsets: z.array(z.number().int()).meta({
      description: "Seconds to add to UTC for the local time at each start",
    }),
    beyond: z.object({
      until: instant("When the last of the data ends: give it as `to` to see everything"),
      future_events: count("Events of the topic further ahead of their append time than allowed"),
    }).nullable().meta({ description: "Set where future events lie beyond the points" }),
    parts: z.enum(["values", "events"]).nullable().meta({
      description: "What batch and speed of each series hold: values that add up to its values " +
        "(counts and sums), or the number of events behind each value (averages and others). " +
        "Null for the batch layer, and where the metric does not count events",
    }),
    covered: z.object({
      share: z.number().min(0).max(1).meta({
        description: "Share of the records in this answer that the batch part covers, by offset",
      }),
      until: z.string().nullable().meta({
        description: "The batch part has all records appended up to then; null where it covers " +
          "none of a partition, or everything",
      }),
    }).nullable().meta({
      description: "How far the batch part goes in the log; null for the batch layer",
    }),
    series: z.array(z.object({
      key: row.nullable().meta({ description: "The key; null for the series over all keys" }),
      values: z.array(z.number().nullable()).meta({
        description: "One per bucket; null where there is none",
      }),
      batch: parts("The part of each bucket below the cut of the published batch run"),
      speed: parts("The part of each bucket above the cut"),
      earlier: z.object({
        values: z.array(z.number().nullable()),
        change: z.array(z.number().nullable()).describe("The differences to them"),
        percent: z.array(z.number().nullable()).describe("The differences in percent of them"),
      }).nullable().meta({
        description: "The values of the earlier buckets; null unless the question compares",
      }),
    })),
  }),
);

const range = {
  from: parameter("Event times from here on: ISO 8601, on a window; layer batch: on the grain"),
  to: parameter("Event times before this: ISO 8601, on a window; layer batch: on the grain"),
};

const tz = parameter("The IANA time zone of the buckets; default UTC", "Europe/Berlin");

const compare = parameter(
  "An earlier range to compare with: previous, or one so much earlier, such as 24h, 7d or 4w; needs from",
  "7d",
);

/** Parameters of a metric's rows; key columns may be added by name. */
export const metricParameters = z.object({
  layer: layer.optional().meta({ description: "Default merged" }),
  ...range,
  bucket: bucket.optional().meta({
    description: "Default all; layer batch has none finer than the grain",
  }),
  tz,
  compare,
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
  bucket: parameter(
    "Width such as 5minute, hour, 7day or month; default the finest that fits, for layer merged of " +
      "whole grains unless that gives fewer than 12 points",
    "hour",
  ),
  tz,
  compare,
  measure: parameter("A measure; default the one that the metric is sorted by"),
  max_points: whole("The most points; default 500", 1, 5000),
  top: whole("One series for each of this many greatest keys", 1, 20),
});
