import { describe, expect, it } from "testing";
import hourlyStats from "../../plugins/hourly_stats.ts";
import ratings from "../../plugins/ratings.ts";
import { UserError } from "../../runtime/std/errors.ts";
import { type Grain, grains, type Plugin } from "../../runtime/plugin.ts";
import type { MetricQuery } from "../../runtime/ports/services.ts";
import { utc } from "../../runtime/serving/local_buckets.ts";
import { bucketsOf } from "../../runtime/serving/metric_info.ts";
import { readMetricQuery } from "../../runtime/serving/metric_query.ts";

const read = (query: Partial<MetricQuery>, plugin: Plugin = ratings) =>
  readMetricQuery(plugin, { keys: {}, ...query }, 1000);

function faultOf(query: Partial<MetricQuery>, plugin?: Plugin): { field?: string; text: string } {
  try {
    read(query, plugin);
  } catch (error) {
    if (error instanceof UserError) return { field: error.field, text: error.message };
    throw error;
  }
  throw new Error("it was accepted");
}

describe("readMetricQuery()", () => {
  it("has defaults: merged, all time, in the metric's order, a hundred rows", () => {
    const { question: _, ...query } = read({});
    expect(query).toEqual({
      layer: "merged",
      bucket: "all",
      zone: utc,
      from: null,
      to: null,
      grains: { from: null, to: null },
      keys: [],
      anyOf: null,
      limit: 100,
      order: [
        { column: "rating_count", descending: true },
        { column: "movie_id", descending: false },
      ],
      after: null,
      waitFor: null,
      compare: null,
    });
  });

  it("orders buckets by time first, unless asked otherwise", () => {
    const columns = (order?: string) =>
      read({ bucket: "day", order }).order.map((term) => term.column);
    expect(columns()).toEqual(["bucket", "rating_count", "movie_id"]);
    expect(columns("-avg_rating")).toEqual(["avg_rating", "bucket", "movie_id"]);
  });

  it("takes dates, instants and offsets", () => {
    const from = 1374278400;
    for (
      const text of [
        "2013-07-20",
        "2013-07-20T00:00Z",
        "2013-07-20T00:00:00.000",
        "2013-07-20T02:00+02:00",
        "2013-07-20t00:00z",
      ]
    ) {
      expect(read({ from: text, to: "2013-07-21" })).toMatchObject({ from, to: from + 86400 });
    }
  });

  for (const from of ["yesterday", "2013-02-30", "2013-07-20T25:00Z", "1969-12-31", "", "2013"]) {
    it(`refuses "${from}" as an instant`, () => {
      expect(faultOf({ from })).toMatchObject({
        field: "from",
        text: expect.stringMatching(/must be an ISO 8601 instant .* got "/),
      });
    });
  }

  it("wants instants on the layer's grain or window", () => {
    expect(faultOf({ layer: "batch", from: "2013-07-20T00:30Z" })).toMatchObject({
      field: "from",
      text: expect.stringContaining("must lie on the batch layer's grain of 3600 s"),
    });
    for (const layer of ["speed", "merged"]) {
      expect(faultOf({ layer, to: "2013-07-20T00:00:05Z" })).toMatchObject({
        field: "to",
        text: expect.stringContaining(`must lie on the ${layer} layer's window of 10 s`),
      });
    }
    const fine = { ...ratings, batch: { ...ratings.batch, grain: "5minute" as const } };
    expect(faultOf({ layer: "batch", from: "2013-07-20T00:04Z" }, fine).text)
      .toContain("must lie on the batch layer's grain of 300 s");
    expect(read({ layer: "batch", from: "2013-07-20T00:05Z" }, fine).from).toBe(1374278700);
    expect(faultOf({ from: "2013-07-20T00:00:00.000000001Z" }).field).toBe("from");
    expect(read({ layer: "speed", to: "2013-07-20T00:00:10Z" }).to).toBe(1374278410);
  });

  it("wants from before to", () => {
    for (const to of ["2013-07-20", "2013-07-19"]) {
      expect(faultOf({ from: "2013-07-20", to })).toMatchObject({
        field: "to",
        text: expect.stringContaining("must be after from 2013-07-20T00:00:00Z"),
      });
    }
  });

  it("tells which layers there are", () => {
    expect(faultOf({ layer: "fast" })).toEqual({
      field: "layer",
      text: 'Cannot query metric "ratings": layer must be one of merged, batch, speed, got "fast"',
    });
  });

  it("tells which buckets a layer can give", () => {
    expect(faultOf({ layer: "batch", bucket: "minute" })).toEqual({
      field: "bucket",
      text:
        'Cannot query metric "ratings": bucket must be one of hour, day, week, month, all for ' +
        'layer batch, got "minute"',
    });
    for (const layer of ["speed", "merged"] as const) {
      expect(bucketsOf(ratings, layer)).toEqual(["window", ...grains, "week", "month", "all"]);
    }
  });

  it("leaves out buckets that the window or the grain does not divide", () => {
    const ofGrain = (grain: Grain) => ({ ...ratings, batch: { ...ratings.batch, grain } });
    const daily = ofGrain("day");
    const calendar = ["week", "month", "all"];
    expect(bucketsOf(daily, "batch")).toEqual(["day", "week", "month", "all"]);
    expect(bucketsOf(ofGrain("15minute"), "batch")).toEqual([
      "15minute",
      "hour",
      "day",
      ...calendar,
    ]);
    expect(bucketsOf(ofGrain("minute"), "batch")).toEqual([...grains, ...calendar]);
    const window = { kind: "tumbling" as const, sizeSeconds: 7200 };
    const slow = { ...daily, stream: { ...ratings.stream, window } };
    expect(bucketsOf(slow, "speed")).toEqual(["window", "day", ...calendar]);
  });

  for (const limit of ["0", "-1", "1001", "1.5", "ten", "", "1e3"]) {
    it(`refuses the limit "${limit}"`, () => {
      expect(faultOf({ limit })).toMatchObject({
        field: "limit",
        text: expect.stringContaining("must be a whole number in 1..1000"),
      });
    });
  }

  it("refuses an order that is no column of the answer", () => {
    for (const order of ["title", "--rating_count", "bucket", "", "rating_count DESC"]) {
      expect(faultOf({ order })).toMatchObject({
        field: "order",
        text: expect.stringContaining("movie_id, rating_count, rating_sum, avg_rating"),
      });
    }
    expect(read({ bucket: "hour", order: "-bucket" }).order[0].descending).toBe(true);
  });

  it("refuses unknown parameters, naming the known ones", () => {
    expect(faultOf({ keys: { user_id: "7" } })).toEqual({
      field: "user_id",
      text:
        'Cannot query metric "ratings": unknown parameter "user_id", allowed are layer, from, ' +
        "to, bucket, tz, compare, order, limit, after, expand, wait_for, movie_id",
    });
  });

  it("reads keys by their type", () => {
    expect(read({ keys: { movie_id: "4294967295" } }).keys[0].value).toBe(4294967295);
    for (const movie_id of ["4294967296", "-1", "1.0", "x", ""]) {
      expect(faultOf({ keys: { movie_id } })).toMatchObject({
        field: "movie_id",
        text: expect.stringContaining("must be a whole number in 0..4294967295"),
      });
    }
    expect(faultOf({ keys: { event_type: "stop" } }, hourlyStats).text)
      .toContain('must be one of view, pause, resume, complete, rating, got "stop"');
  });

  it("refuses a frontier that the API did not give", () => {
    expect(faultOf({ wait_for: "soon!" }).field).toBe("wait_for");
    expect(read({ wait_for: "local-1_5" }).waitFor).toEqual({ "local-1": [5n] });
  });
});
