import { afterAll, beforeAll, describe, expect, fc, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import type { MetricQuery, SeriesQuery } from "../../runtime/ports/services.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { served, ServingWorld } from "../support/serving_world.ts";
import { byTier } from "../support/tier.ts";

const dir = Deno.makeTempDirSync({ prefix: "pages-" });
const ends = [700, 1000, 900];
const cut = [512, 512, 768];
let warehouse: Warehouse;
let world: ServingWorld;

beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "movies", memoryLimitBytes: 1.5e9 });
  world = new ServingWorld(warehouse);
  await world.clear();
  await world.generate(1000);
  for (const tables of Object.values(served)) {
    for (const [partition, end] of ends.entries()) await world.flush(tables, partition, 0, end);
    await world.publish(tables, 1, cut);
  }
  world.speed.move(...ends);
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

async function pagesOf(name: string, query: MetricQuery, limit: number) {
  const rows: unknown[] = [];
  let next: string | null | undefined;
  while (next !== null) {
    const page = await world.serving.query(name, {
      ...query,
      limit: String(limit),
      after: next ?? undefined,
    });
    expect(page.rows.length).toBeLessThanOrEqual(limit);
    rows.push(...page.rows);
    next = page.next;
  }
  return rows;
}

describe("pages of an answer", () => {
  it("are together the whole answer, in any order, with ties and nulls", async () => {
    const questions = Object.values(served).flatMap(({ plugin }) => {
      const columns = [...plugin.keyColumns, ...plugin.shownColumns].map(({ name }) => name);
      return columns.flatMap((column) => [column, `-${column}`]).map((order) => ({
        name: plugin.name,
        order,
      }));
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...questions),
        fc.constantFrom("all", "day", "hour"),
        fc.constantFrom("merged", "batch", "speed"),
        fc.integer({ min: 20, max: 200 }),
        async ({ name, order }, bucket, layer, limit) => {
          const query = { order, bucket, layer, keys: {} };
          const whole = await world.serving.query(name, { ...query, limit: "10000" });
          expect(whole.next).toBe(null);
          expect(await pagesOf(name, query, limit)).toEqual(whole.rows);
          expect(await world.serving.count(name, query)).toBe(whole.rows.length);
        },
      ),
      { numRuns: byTier({ quick: 4, full: 20, long: 200 }) },
    );
  });

  it("end exactly where the rows do", async () => {
    const { rows } = await world.serving.query("ratings", { limit: "10000", keys: {} });
    const asked = { keys: {}, limit: String(rows.length) };
    expect((await world.serving.query("ratings", asked)).next).toBe(null);
    const fewer = { keys: {}, limit: String(rows.length - 1) };
    expect((await world.serving.query("ratings", fewer)).next).not.toBe(null);
  });

  it("refuse a cursor of another question, or of nobody", async () => {
    const { next } = await world.serving.query("ratings", { limit: "2", keys: {} });
    for (
      const query of [
        { after: next!, order: "movie_id" },
        { after: next!, layer: "batch" },
        { after: "W10" },
        { after: "?" },
      ]
    ) {
      await expect(world.serving.query("ratings", { ...query, keys: {} }))
        .rejects.toMatchObject({ field: "after", fault: "user" });
    }
  });
});

/** The measure by bucket and maybe key, straight from the events. */
async function truth(name: string, measure: string, seconds: number, where = "1") {
  const tables = served[name];
  const rows = await world.truth(tables, ends, {
    group:
      `toDateTime(intDiv(toUInt32(toUnixTimestamp(event_time)), ${seconds}) * ${seconds}, 'UTC')`,
    where,
    order: "bucket",
    limit: 100_000,
  });
  return rows.map((row) => ({ at: Date.parse(String(row.bucket)) / 1000, value: row[measure] }));
}

const series = (name: string, query: Partial<SeriesQuery>) =>
  world.serving.series(name, { keys: {}, ...query });

describe("a time series", () => {
  it("holds a key's values per bucket, with holes told", async () => {
    for (const layer of ["merged", "speed"]) {
      const answer = await series("user_stats", {
        layer,
        bucket: "2hour",
        measure: "avg_duration",
        keys: { user_id: "17" },
      });
      const expected = await truth("user_stats", "avg_duration", 2 * 3600, "user_id = 17");
      const values = new Map(answer.time.map((at, i) => [at, answer.series[0].values[i]]));
      expect(expected.length).toBeGreaterThan(2);
      for (const { at, value } of expected) expect(values.get(at)).toBe(value);
      const known = new Set(expected.map(({ at }) => at));
      for (const [at, value] of values) if (!known.has(at)) expect(value).toBe(null);
      answer.time.forEach((at, i) => expect(at - answer.time[0]).toBe(i * 2 * 3600));
    }
  });

  it("adds up over all keys, sets by their union", async () => {
    const [total] = await warehouse.query<{ movies: number; events: number }>(
      `SELECT uniqExact(movie_id) AS movies, count() AS events FROM source
WHERE ${ends.map((end, p) => `partition = ${p} AND offset < ${end}`).join(" OR ")}`,
    );
    const year = { bucket: "3640day" };
    const movies = await series("user_stats", { ...year, measure: "movies_watched" });
    expect(movies.series[0].values).toEqual([total.movies]);
    const events = await series("user_stats", { bucket: "hour", measure: "total_events" });
    const sum = events.series[0].values.reduce<number>((all, value) => all + (value ?? 0), 0);
    expect(sum).toBe(total.events);
  });

  it("gives the greatest keys a series each", async () => {
    const { rows } = await world.serving.query("popular_movies", { limit: "3", keys: {} });
    const answer = await series("popular_movies", { top: "3", bucket: "day" });
    expect(answer.series.map(({ key }) => key)).toEqual(
      rows.map(({ movie_id }) => ({ movie_id })),
    );
    answer.series.forEach(({ values }, i) => {
      const sum = values.reduce<number>((all, value) => all + (value ?? 0), 0);
      expect(sum).toBe(rows[i].view_count);
    });
  });

  it("says how much of each value is batch and how much speed, of counts and of the events of others", async () => {
    const below = cut.map((end, p) => `(partition = ${p} AND offset < ${end})`).join(" OR ");
    const asked: [string, string, string][] = [
      ["popular_movies", "view_count", "values"],
      ["user_stats", "total_events", "values"],
      ["user_stats", "movies_watched", "events"],
      ["ratings", "avg_rating", "events"],
    ];
    const both = asked.flatMap((each) =>
      (["merged", "speed"] as const).map((layer) => [...each, layer] as const)
    );
    for (const [name, measure, parts, layer] of both) {
      const counted = { ratings: "rating_count", user_stats: "total_events" }[name] ?? measure;
      const of = async (where: string) =>
        new Map((await truth(name, counted, 7200, where)).map(({ at, value }) => [at, value]));
      // One key, else the events of all keys of a bucket have to be added up.
      const keys = await world.serving.query(name, { limit: "1", keys: {} }).then((
        { rows: [row] },
      ) =>
        Object.fromEntries(
          served[name].plugin.keyColumns.map((column) => [column.name, String(row[column.name])]),
        )
      );
      const only = Object.entries(keys).map(([key, value]) => `${key} = '${value}'`).join(" AND ");
      const answer = await series(name, { layer, bucket: "2hour", measure, keys });
      const [{ batch, speed, values }] = answer.series;
      expect([name, measure, layer, answer.parts]).toEqual([name, measure, layer, parts]);
      const [ofBatch, ofSpeed] = [
        await of(`(${below}) AND ${only}`),
        await of(`NOT (${below}) AND ${only}`),
      ];
      expect(batch).toEqual(answer.time.map((at) => ofBatch.get(at) ?? null));
      expect(speed).toEqual(answer.time.map((at) => ofSpeed.get(at) ?? null));
      expect(ofBatch.size * ofSpeed.size).toBeGreaterThan(0);
      if (parts === "values") {
        expect(values).toEqual(
          answer.time.map((_, i) =>
            batch![i] === null && speed![i] === null ? null : (batch![i] ?? 0) + (speed![i] ?? 0)
          ),
        );
      }
    }
    const { parts, covered, series: [line] } = await series("ratings", { layer: "batch" });
    expect([parts, covered, line.batch, line.speed]).toEqual([null, null, null, null]);
  });

  it("says how much of the log the batch part covers, and up to when", async () => {
    const share = sumOf(cut) / sumOf(ends);
    for (const layer of ["merged", "speed"]) {
      const covered = async () => (await series("ratings", { layer })).covered;
      world.appended = [3000, 2000, 4000];
      expect(await covered()).toEqual({ share, until: new Date(2000).toISOString() });
      world.appended = [3000, null, 4000];
      expect(await covered()).toEqual({ share, until: null });
    }
  });

  it("takes the finest bucket that fits, and says no to one that does not", async () => {
    for (const points of [1, 7, 50, 5000]) {
      const { time } = await series("hourly_stats", { max_points: String(points) });
      expect(time.length).toBeLessThanOrEqual(points);
    }
    expect((await series("hourly_stats", { max_points: "5000" })).bucket_seconds).toBe(3600);
    const ever = { from: "1970-01-01", to: "2105-12-31", max_points: "1" };
    expect((await series("hourly_stats", ever)).time.length).toBe(1);
    await expect(series("hourly_stats", { bucket: "hour", max_points: "3" }))
      .rejects.toMatchObject({ field: "bucket", message: expect.stringContaining("at least") });
  });

  it("takes a width in seconds, whatever its unit in the answer", async () => {
    const { bucket_seconds } = await series("hourly_stats", { bucket: "7day" });
    const again = await series("hourly_stats", { bucket: `${bucket_seconds}second` });
    expect(again.bucket_seconds).toBe(604_800);
    expect(again.time).toEqual((await series("hourly_stats", { bucket: "7day" })).time);
  });

  it("keeps to the range asked for", async () => {
    const range = { from: "2024-03-01T06:00Z", to: "2024-03-01T09:00Z" };
    const { time, series: [all] } = await series("popular_movies", { ...range, bucket: "hour" });
    expect(time.map((at) => new Date(at * 1000).getUTCHours())).toEqual([6, 7, 8]);
    const { rows } = await world.serving.query("popular_movies", {
      ...range,
      keys: {},
      limit: "10000",
    });
    const sum = rows.reduce((total, row) => total + Number(row.view_count), 0);
    expect(all.values.reduce<number>((total, value) => total + (value ?? 0), 0)).toBe(sum);
  });

  it("names the field of a bad question", async () => {
    const bad: [Partial<SeriesQuery>, string][] = [
      [{ bucket: "1minute" }, "bucket"],
      [{ bucket: "fortnight" }, "bucket"],
      [{ measure: "movie_id" }, "measure"],
      [{ max_points: "0" }, "max_points"],
      [{ top: "21" }, "top"],
      [{ from: "today" }, "from"],
      [{ keys: { user_id: "1" } }, "user_id"],
    ];
    for (const [query, field] of bad) {
      await expect(series("ratings", query)).rejects.toMatchObject({ field, fault: "user" });
    }
  });
});

describe("answers in a time zone", () => {
  const tz = "America/Sao_Paulo";

  it("name it, and have its offset in the times of rows", async () => {
    const query = { tz, bucket: "day", order: "bucket", limit: "1", keys: {} };
    const { rows: [row], ...answer } = await world.serving.query("hourly_stats", query);
    expect([answer.tz, row.bucket]).toEqual([tz, "2024-02-29T00:00:00-03:00"]);
    const windows = await world.serving.query("hourly_stats", {
      ...query,
      layer: "speed",
      bucket: "window",
      order: "window_start",
    });
    expect(windows.rows[0].window_start).toMatch(/-03:00$/);
    expect(windows.rows[0].window_end).toMatch(/-03:00$/);
  });

  it("have pages, and no cursor of another zone or bucket", async () => {
    for (const bucket of ["hour", "day", "week", "month"]) {
      const query = { tz, bucket, order: "-bucket", keys: {} };
      const whole = await pagesOf("hourly_stats", query, 10_000);
      expect(await pagesOf("hourly_stats", query, 3)).toEqual(whole);
    }
    const { next } = await world.serving.query("hourly_stats", {
      tz,
      bucket: "day",
      limit: "2",
      keys: {},
    });
    for (const other of [{ tz: "UTC", bucket: "day" }, { tz, bucket: "week" }]) {
      await expect(
        world.serving.query("hourly_stats", { ...other, limit: "2", after: next!, keys: {} }),
      ).rejects.toThrow("same question");
    }
  });

  it("are the same in rows and series, with sets and without", async () => {
    const metrics: [string, string, Record<string, string>][] = [
      ["hourly_stats", "event_count", { event_type: "view" }],
      ["user_stats", "movies_watched", { user_id: "7" }],
    ];
    for (const [name, measure, key] of metrics) {
      for (const layer of ["merged", "batch", "speed"]) {
        for (const bucket of ["hour", "day", "week", "month"]) {
          const { rows } = await world.serving.query(name, {
            tz,
            layer,
            bucket,
            order: "bucket",
            limit: "10000",
            keys: key,
          });
          const { time, offsets, series: [{ values }] } = await series(name, {
            tz,
            layer,
            bucket,
            measure,
            keys: key,
          });
          const points = time.flatMap((start, i) =>
            values[i] === null ? [] : [[start * 1000, values[i]]]
          );
          expect(points)
            .toEqual(rows.map((row) => [Date.parse(String(row.bucket)), Number(row[measure])]));
          expect(new Set(offsets)).toEqual(new Set([-3 * 3600]));
        }
      }
    }
  });

  it("have buckets that end where the next begin, in days, weeks and months that fit", async () => {
    const year = { from: "2024-01-01T00:00-03:00", to: "2025-01-01T00:00-03:00" };
    const found = await Promise.all(
      ["366", "60", "12", "4", "1"].map((max_points) =>
        series("hourly_stats", { tz, ...year, max_points })
      ),
    );
    expect(found.map(({ bucket, time }) => [bucket, time.length]))
      .toEqual([["day", 366], ["week", 53], ["month", 12], ["3month", 4], ["12month", 1]]);
    for (const { time, end, bucket_seconds } of found) {
      expect(bucket_seconds).toBe(null);
      expect(end! > time.at(-1)!).toBe(true);
    }
    const ever = { tz, from: "1970-01-01", to: "2105-12-31", max_points: "2" };
    expect((await series("hourly_stats", ever)).time.length).toBe(2);
    await expect(series("hourly_stats", { ...ever, max_points: "1" })).rejects.toMatchObject({
      field: "bucket",
      message: expect.stringContaining("must be at least 1632month for at most 1 points"),
    });
  });

  it("are refused where the layer's rows lie across its buckets", async () => {
    const kolkata = { tz: "Asia/Kolkata", bucket: "day" };
    await expect(series("hourly_stats", { ...kolkata, layer: "batch" }))
      .rejects.toMatchObject({ field: "tz" });
    expect((await series("fine_stats", kolkata)).offsets[0]).toBe(19_800);
    const range = { from: "2024-02-29T18:30Z", to: "2024-03-02T18:30Z" };
    const days = await series("hourly_stats", { ...kolkata, ...range, layer: "speed" });
    const fine = await series("fine_stats", { ...kolkata, ...range });
    expect([fine.series[0].values, fine.speed_ranges]).toEqual([days.series[0].values, []]);
    // Merged answers have windows where the grain does not serve.
    const merged = await series("hourly_stats", { ...kolkata, ...range });
    expect(merged.series).toEqual(days.series);
    expect(merged.speed_ranges)
      .toEqual([{ from: "2024-02-29T18:30:00Z", to: "2024-03-02T18:30:00Z" }]);
    world.speed.whole = { fromMs: Date.UTC(2024, 2, 3), untilMs: null };
    await expect(series("hourly_stats", { ...kolkata, ...range }))
      .rejects.toThrow("ask for buckets that hold whole grains of 3600 s");
    world.speed.whole = { fromMs: null, untilMs: null };
    // The range of the data decides, where the question names none.
    expect((await series("hourly_stats", { tz: "Asia/Singapore" })).tz).toBe("Asia/Singapore");
  });
});

describe("weeks and months", () => {
  it("need no time zone, and hold whole days", async () => {
    const days = await series("hourly_stats", { bucket: "day" });
    for (const [bucket, seconds] of [["week", 604_800], ["month", null]] as const) {
      const { time, end, bucket_seconds, tz, series: [{ values }] } = await series("hourly_stats", {
        bucket,
      });
      expect([bucket_seconds, tz]).toEqual([seconds, "UTC"]);
      const sums = time.map((start, i) =>
        sumOf(
          days.series[0].values.filter((_, day) =>
            days.time[day] >= start && days.time[day] < (time[i + 1] ?? end!)
          ),
        )
      );
      expect(values.map((value) => value ?? 0)).toEqual(sums);
    }
  });
});

describe("a time series with one event of 2105", () => {
  beforeAll(async () => {
    await world.events([{ partition: 0, offset: 700, at: "2105-06-01 00:00:00", user_id: 7 }]);
    await world.flush(served.user_stats, 0, 512, 701);
    world.speed.move(701, 1000, 900);
  });

  it("loses nothing, also where its last bucket ends after all times that the engine knows", async () => {
    // Another event lies at the same offset.
    const events = 700 + 1000 + 900 + 2;
    world.future = null;
    const to = "2105-12-31";
    for (const layer of ["merged", "speed"]) {
      for (const max_points of ["1", "20", "24", "100", "200", "500"]) {
        const answer = await series("user_stats", { layer, max_points, measure: "total_events" });
        const sum = sumOf(answer.series[0].values);
        expect([layer, max_points, sum]).toEqual([layer, max_points, events]);
      }
      const whole = await series("user_stats", { layer, to, measure: "total_events" });
      expect(sumOf(whole.series[0].values)).toBe(events);
    }
  });
});

describe("a time series with a future event", () => {
  const watermark = Date.UTC(2024, 2, 2, 11);
  beforeAll(() => {
    world.future = { watermarkMs: watermark, events: 1 };
  });

  it("ends with the day of the watermark, says what lies beyond, and shows it when asked", async () => {
    for (const layer of ["merged", "speed"]) {
      const query = { layer, measure: "total_events" };
      const answer = await series("user_stats", query);
      expect(answer.end).toBeLessThanOrEqual(Date.UTC(2024, 2, 3) / 1000);
      expect(answer.beyond).toEqual({ until: "2105-06-02T00:00:00Z", future_events: 1 });
      const all = await series("user_stats", { ...query, to: answer.beyond!.until });
      expect(all.beyond).toBe(null);
      expect(sumOf(all.series[0].values)).toBe(700 + 1000 + 900 + 2);
    }
    // Asked from a time beyond the watermark, there is nothing else to show.
    const after = await series("user_stats", { from: "2105-01-01", measure: "total_events" });
    expect([sumOf(after.series[0].values), after.beyond]).toEqual([1, null]);
    // The batch layer holds no such day.
    expect((await series("user_stats", { layer: "batch" })).beyond).toBe(null);
  });
});

const sumOf = (values: readonly (number | null)[]) =>
  values.reduce<number>((all, value) => all + (value ?? 0), 0);
