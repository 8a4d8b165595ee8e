import { afterAll, beforeAll, beforeEach, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import type { MetricQuery, SeriesQuery } from "../../runtime/ports/services.ts";
import { NotReadyError, UnansweredRangeError } from "../../runtime/std/errors.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { logId, served, ServingWorld } from "../support/serving_world.ts";

const dir = Deno.makeTempDirSync({ prefix: "edges-" });
const { user_stats, ratings, popular_movies, fine_stats } = served;
const ends = [700, 1000, 900];
const cut = [512, 512, 768];
const all = Object.values(served);
let warehouse: Warehouse;
let world: ServingWorld;
/** Called before each statement. */
let onStatement: (sql: string) => void;
/** The greatest event time in logs before this one. */
let earlierMs: number;

beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "edges", memoryLimitBytes: 1.5e9 });
  const watched: Pick<Warehouse, "query" | "command"> = {
    query(sql, options) {
      onStatement(sql);
      return warehouse.query(sql, options);
    },
    command: (sql, options) => warehouse.command(sql, options),
  };
  world = new ServingWorld(watched as Warehouse, {}, all, {
    earlierLogs: () => Promise.resolve(earlierMs),
  });
  onStatement = () => {};
  await world.clear();
  await world.generate(1000);
  for (const tables of all) {
    for (const [partition, end] of ends.entries()) await world.flush(tables, partition, 0, end);
    await world.publish(tables, 1, [256, 512, 512]);
    await world.publish(tables, 3, cut, { base: [256, 512, 512], fullRun: 1 });
  }
});
beforeEach(() => {
  onStatement = () => {};
  earlierMs = -1;
  world.speed.whole = { fromMs: null, untilMs: null };
  world.speed.move(...ends);
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

const ask = (metric: string, query: Partial<MetricQuery>) =>
  world.serving.query(metric, { limit: "5000", keys: {}, ...query });
const series = (metric: string, query: Partial<SeriesQuery>) =>
  world.serving.series(metric, { keys: {}, ...query });
const at = (iso: string) => `parseDateTime64BestEffort('${iso}', 9, 'UTC')`;
const within = (from: string, to: string) => `event_time >= ${at(from)} AND event_time < ${at(to)}`;
const msOf = (iso: string) => Date.parse(iso);

const ranges: readonly (readonly [from: string, to: string, windows: readonly string[]])[] = [
  ["2024-03-01T05:20:10Z", "2024-03-01T09:40:00Z", [
    "2024-03-01T05:20:10Z to 2024-03-01T06:00:00Z",
    "2024-03-01T09:00:00Z to 2024-03-01T09:40:00Z",
  ]],
  ["2024-03-01T05:00:00Z", "2024-03-02T00:00:10Z", [
    "2024-03-02T00:00:00Z to 2024-03-02T00:00:10Z",
  ]],
  ["2024-02-29T23:00:10Z", "2024-03-02T00:00:00Z", [
    "2024-02-29T23:00:10Z to 2024-03-01T00:00:00Z",
  ]],
  ["2024-03-01T05:20:00Z", "2024-03-01T05:25:00Z", [
    "2024-03-01T05:20:00Z to 2024-03-01T05:25:00Z",
  ]],
];

describe("a merged answer with edges", () => {
  for (const [from, to, windows] of ranges) {
    it(`equals the events from ${from} to ${to}, and names what windows count`, async () => {
      for (const tables of [user_stats, ratings, popular_movies]) {
        const { name, present, keyColumns: [key] } = tables.plugin;
        const answer = await ask(name, { from, to });
        expect(answer.speed_ranges.map(({ from, to }) => `${from} to ${to}`)).toEqual(windows);
        const order = `${present.sort.replace(/^-(.*)/, "$1 DESC")}, ${key.name}`;
        const where = within(from, to);
        expect(answer.rows).toEqual(await world.truth(tables, ends, { order, where, limit: 5000 }));
      }
    });
  }

  it("has only the windows outside of whole grains: a fine grain has few of them", async () => {
    const [from, to] = ["2024-03-01T05:20:00Z", "2024-03-01T06:05:10Z"];
    const { speed_ranges, rows } = await ask("fine_stats", { from, to, order: "event_type" });
    expect(speed_ranges).toEqual([{ from: "2024-03-01T06:05:00Z", to }]);
    const where = within(from, to);
    expect(rows).toEqual(await world.truth(fine_stats, ends, { order: "event_type", where }));
  });

  it("has buckets finer than the grain, and windows", async () => {
    const [from, to] = ["2024-03-01T05:20:00Z", "2024-03-01T07:00:00Z"];
    const minutes = await ask("popular_movies", { from, to, bucket: "minute" });
    expect(minutes.rows).toEqual(
      await world.truth(popular_movies, ends, {
        group: "toStartOfMinute(event_time)",
        where: within(from, to),
        order: "bucket, view_count DESC, movie_id",
        limit: 5000,
      }),
    );
    expect(minutes.speed_ranges).toEqual([{ from, to }]);
    const windows = await ask("popular_movies", { bucket: "window", from, to });
    const speed = await ask("popular_movies", { bucket: "window", from, to, layer: "speed" });
    expect(windows.rows).toEqual(speed.rows);
  });

  it("is the same for a single key, in pages and in any order", async () => {
    const range = { from: "2024-03-01T05:20:10Z", to: "2024-03-01T22:40:00Z" };
    const { rows } = await ask("user_stats", range);
    const one = { user_id: "7" };
    expect((await ask("user_stats", { ...range, keys: one })).rows)
      .toEqual(rows.filter(({ user_id }) => user_id === 7));
    const paged = [];
    let after: string | undefined;
    do {
      const page = await ask("user_stats", { ...range, after, limit: "7" });
      paged.push(...page.rows);
      after = page.next ?? undefined;
    } while (after !== undefined);
    expect(paged).toEqual(rows);
  });

  it("reads whole grains alone where there are no edges", async () => {
    world.speed.whole = { fromMs: msOf("2024-03-05T00:00Z"), untilMs: null };
    const range = { from: "2024-03-01T05:00Z", to: "2024-03-01T09:00Z" };
    expect((await ask("ratings", { ...range, bucket: "hour" })).speed_ranges).toEqual([]);
    expect((await ask("ratings", {})).speed_ranges).toEqual([]);
    expect((await ask("ratings", { layer: "speed", bucket: "minute" })).speed_ranges).toEqual([]);
  });
});

describe("a merged answer whose windows are not whole", () => {
  const refusal = (asked: Promise<unknown>) =>
    asked.then(() => null, (error) => error) as Promise<UnansweredRangeError>;

  it("is refused with the range up to the bounds of the grains", async () => {
    world.speed.whole = { fromMs: msOf("2024-03-01T08:00:10Z"), untilMs: null };
    const error = await refusal(
      ask("ratings", { from: "2024-03-01T05:20Z", to: "2024-03-01T08:40Z" }),
    );
    expect(error).toBeInstanceOf(UnansweredRangeError);
    expect(error.message).toBe(
      'Cannot query metric "ratings": from 2024-03-01T05:20:00Z to 2024-03-01T06:00:00Z and ' +
        "from 2024-03-01T08:00:00Z to 2024-03-01T08:40:00Z would come from windows of 10 s, which " +
        "are complete only from 2024-03-01T08:00:10Z; the nearest range is from " +
        "2024-03-01T05:00:00Z to 2024-03-01T09:00:00Z",
    );
    expect(error.field).toBe("from");
    const nearest = { from: "2024-03-01T05:00:00Z", to: "2024-03-01T09:00:00Z" };
    expect(error.nearest).toEqual(nearest);
    expect((await ask("ratings", nearest)).speed_ranges).toEqual([]);
  });

  it("keeps an edge that is whole", async () => {
    world.speed.whole = { fromMs: msOf("2024-03-01T08:00Z"), untilMs: null };
    const range = { from: "2024-03-01T05:20Z", to: "2024-03-01T08:40:00Z" };
    const { nearest } = await refusal(ask("ratings", range));
    expect(nearest).toEqual({ from: "2024-03-01T05:00:00Z", to: range.to });
    expect((await ask("ratings", nearest as { from: string; to: string })).rows.length)
      .toBeGreaterThan(0);
  });

  it("within one grain is refused with that grain", async () => {
    world.speed.whole = { fromMs: null, untilMs: msOf("2024-03-01T05:10Z") };
    const range = { from: "2024-03-01T05:05Z", to: "2024-03-01T05:15Z" };
    expect(await refusal(ask("ratings", range))).toMatchObject({
      message: expect.stringContaining("are complete only to 2024-03-01T05:10:00Z"),
      nearest: { from: "2024-03-01T05:00:00Z", to: "2024-03-01T06:00:00Z" },
    });
  });

  it("of fine buckets is refused with the part that is whole, or told to be coarser", async () => {
    world.speed.whole = {
      fromMs: msOf("2024-03-01T05:10Z"),
      untilMs: msOf("2024-03-01T06:30Z"),
    };
    const range = { from: "2024-03-01T05:00Z", to: "2024-03-01T07:00Z", bucket: "minute" };
    expect(await refusal(ask("ratings", range))).toMatchObject({
      field: "bucket",
      nearest: { from: "2024-03-01T05:10:00Z", to: "2024-03-01T06:30:00Z" },
    });
    const before = { from: "2024-03-01T03:00Z", to: "2024-03-01T04:00Z", bucket: "minute" };
    expect(await refusal(ask("ratings", before))).toMatchObject({
      message: expect.stringContaining("; ask for buckets that hold whole grains of 3600 s"),
      nearest: null,
    });
  });

  it("is refused where they go while it is read", async () => {
    const range = { from: "2024-03-01T05:20Z", to: "2024-03-01T08:40Z" };
    onStatement = (sql) => {
      if (!sql.includes("FINAL")) return;
      world.speed.whole = { fromMs: msOf("2024-03-02T00:00Z"), untilMs: null };
    };
    await expect(ask("ratings", range)).rejects.toThrow(UnansweredRangeError);
    world.speed.whole = { fromMs: null, untilMs: null };
    await expect(series("ratings", { ...range, bucket: "minute" }))
      .rejects.toThrow(UnansweredRangeError);
  });

  it("is refused where an earlier log has events as new", async () => {
    const range = { from: "2024-03-01T05:20Z", to: "2024-03-01T08:40Z" };
    earlierMs = msOf("2024-03-01T05:19:59Z");
    expect((await ask("ratings", range)).speed_ranges).toHaveLength(2);
    earlierMs = msOf("2024-03-01T05:20Z");
    await expect(ask("ratings", range)).rejects.toThrow("only from 2024-03-01T05:20:10Z");
    const speed = await ask("ratings", { layer: "speed" });
    expect(speed.kept_from).toBe("2024-03-01T05:20:10.000Z");
  });

  it("waits where the speed rows end below the cut", async () => {
    const late = { from: "2024-03-01T05:20Z", to: "2024-03-01T08:40Z" };
    await world.publish(ratings, 5, [700, 1000, 901], { base: cut, fullRun: 1 });
    try {
      const error = await ask("ratings", late).catch((error) => error);
      expect(error).toBeInstanceOf(NotReadyError);
      expect(error.message).toContain(`the speed rows end at "${logId}_700_1000_900", below`);
      await expect(series("ratings", { ...late, bucket: "minute", top: "3" }))
        .rejects.toThrow(NotReadyError);
      expect((await ask("ratings", {})).rows.length).toBeGreaterThan(0);
    } finally {
      await warehouse.command(`DELETE FROM ${ratings.batch} WHERE run = 5`);
    }
  });
});

describe("a merged series with edges", () => {
  const range = { from: "2024-03-01T05:20:00Z", to: "2024-03-01T09:40:00Z" };

  it("has hours whose first and last are parts, in batch and speed", async () => {
    const answer = await series("popular_movies", { ...range, bucket: "hour" });
    expect(answer.speed_ranges).toHaveLength(2);
    const truth = await world.warehouse.query<{ views: number }>(
      `SELECT toUInt32(count()) AS views FROM source WHERE event_type = 'view' AND ${
        within(range.from, range.to)
      } AND (partition = 0 AND offset < 700 OR partition = 1 OR partition = 2 AND offset < 900)
      GROUP BY toStartOfHour(event_time) ORDER BY toStartOfHour(event_time)`,
    );
    const [{ values, batch, speed }] = answer.series;
    expect(values).toEqual(truth.map(({ views }) => views));
    expect(values.map((_, i) => (batch![i] ?? 0) + (speed![i] ?? 0))).toEqual(values);
  });

  it("chooses finer buckets where whole grains are few and all windows are whole", async () => {
    const width = async (query: Partial<SeriesQuery>) =>
      (await series("popular_movies", query)).bucket_seconds;
    expect(await width(range)).toBe(60);
    expect(await width({ from: "2024-03-01T00:00Z", to: "2024-03-01T12:00Z" })).toBe(3600);
    world.speed.whole = { fromMs: msOf("2024-03-01T05:30Z"), untilMs: null };
    const hours = { from: "2024-03-01T05:00Z", to: "2024-03-01T09:00Z" };
    expect(await width(hours)).toBe(3600);
    await expect(width(range)).rejects.toThrow(UnansweredRangeError);
  });

  it("ranks keys by what its points count", async () => {
    const query = { ...range, bucket: "minute", top: "3" };
    const merged = await series("popular_movies", query);
    const speed = await series("popular_movies", { ...query, layer: "speed" });
    expect(merged.series).toEqual(speed.series);
    expect(merged.parts).toBe("values");
  });
});
