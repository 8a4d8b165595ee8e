import { afterAll, beforeAll, describe, expect, it } from "testing";
import { grainStarts } from "../../runtime/declaration/batch_sql.ts";
import { grains, grainSeconds } from "../../runtime/plugin.ts";
import { decodeFrontier } from "../../runtime/model/frontier.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import type { MetricAnswer } from "../../runtime/ports/services.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { logId, served, ServingWorld } from "../support/serving_world.ts";

const dir = Deno.makeTempDirSync({ prefix: "serving-" });
const { user_stats, hourly_stats, popular_movies } = served;
const all = Object.values(served);
let warehouse: Warehouse;
let world: ServingWorld;

beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({
    dir,
    database: "movies",
    memoryLimitBytes: 1_500_000_000,
  });
  world = new ServingWorld(warehouse);
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

const frontierOf = (answer: MetricAnswer) => decodeFrontier(answer.frontier)[logId].map(Number);

async function flushAll(to: readonly number[]): Promise<void> {
  for (const tables of all) {
    for (const [partition, end] of to.entries()) await world.flush(tables, partition, 0, end);
  }
  world.speed.move(...to);
}

describe("merged answers", () => {
  const ends = [700, 1000, 900];
  const firstCut = [256, 512, 512];
  const cut = [512, 512, 768];

  beforeAll(async () => {
    await world.clear();
    await world.generate(1000);
    await flushAll(ends);
    for (const tables of all) {
      await world.publish(tables, 1, firstCut);
      await world.publish(tables, 2, [768, 768, 768], { base: firstCut, fullRun: 1, orphan: true });
      await world.publish(tables, 3, cut, { base: firstCut, fullRun: 1 });
    }
  });

  for (const tables of all) {
    const { name, present, batch: { grain } } = tables.plugin;
    const order = (sort: string) =>
      `${sort.replace(/^-(.*)/, "$1 DESC")}, ${tables.plugin.keyColumns[0].name}`;

    it(`${name}: all time equals the events up to the frontier`, async () => {
      const answer = await world.serving.query(name, { keys: {} });
      expect(frontierOf(answer)).toEqual(ends);
      expect(decodeFrontier(answer.cut)[logId].map(Number)).toEqual(cut);
      const truth = await world.truth(tables, ends, { order: order(present.sort) });
      expect(answer.rows).toEqual(truth);
    });

    it(`${name}: buckets of the grain and coarser ones equal the events`, async () => {
      for (const bucket of grains.slice(grains.indexOf(grain))) {
        const answer = await world.serving.query(name, { bucket, limit: "5000", keys: {} });
        const truth = await world.truth(tables, ends, {
          group: `toDateTime(${grainStarts[bucket]}(event_time), 'UTC')`,
          order: `bucket, ${order(present.sort)}`,
          limit: 5000,
        });
        expect(answer.rows).toEqual(truth);
      }
    });

    it(`${name}: time ranges by grain rows and by day rows equal the events`, async () => {
      const start = new Date(Date.UTC(2024, 2, 1, 5) + 1000 * grainSeconds[grain]).toISOString();
      const ranges = [[start, "2024-03-02T03:00Z"], ["2024-03-01", "2024-03-02"]];
      for (const [from, to] of ranges) {
        const answer = await world.serving.query(name, { from, to, keys: {} });
        const at = (iso: string) => `parseDateTime64BestEffort('${iso}', 9, 'UTC')`;
        const where = `event_time >= ${at(from)} AND event_time < ${at(to)}`;
        const truth = await world.truth(tables, ends, { order: order(present.sort), where });
        expect(answer.rows).toEqual(truth);
      }
    });

    it(`${name}: the batch layer is the run's cut alone`, async () => {
      const answer = await world.serving.query(name, { layer: "batch", keys: {} });
      expect(answer.frontier).toBe(answer.cut);
      expect(answer.rows).toEqual(await world.truth(tables, cut, { order: order(present.sort) }));
    });

    it(`${name}: the speed layer is every kept row`, async () => {
      const answer = await world.serving.query(name, { layer: "speed", keys: {} });
      expect([frontierOf(answer), answer.cut]).toEqual([ends, ""]);
      expect(answer.rows).toEqual(await world.truth(tables, ends, { order: order(present.sort) }));
    });
  }

  it("gives the top rows by a limit and the rest of the frontier beside them", async () => {
    const answer = await world.serving.query("user_stats", { limit: "3", keys: {} });
    expect(answer.rows.length).toBe(3);
    expect(frontierOf(answer)).toEqual(ends);
    const full = await world.serving.query("user_stats", { keys: {} });
    expect(answer.rows).toEqual(full.rows.slice(0, 3));
  });

  it("orders by a distinct count, by a derived column with nulls last, and by a key", async () => {
    for (
      const [metric, order, sql] of [
        ["user_stats", "-movies_watched", "movies_watched DESC, user_id"],
        ["user_stats", "avg_duration", "avg_duration NULLS LAST, user_id"],
        ["ratings", "-avg_rating", "avg_rating DESC NULLS LAST, movie_id"],
        ["ratings", "movie_id", "movie_id"],
      ]
    ) {
      const answer = await world.serving.query(metric, { order, limit: "20", keys: {} });
      const truth = await world.truth(served[metric], ends, { order: sql, limit: 20 });
      expect(answer.rows).toEqual(truth);
    }
  });

  it("filters by a key in every layer", async () => {
    const one = { user_id: "7" };
    for (const layer of ["merged", "speed"]) {
      const answer = await world.serving.query("user_stats", { layer, keys: one });
      const where = "user_id = 7";
      expect(answer.rows)
        .toEqual(await world.truth(user_stats, ends, { order: "user_id", where }));
      expect(frontierOf(answer)).toEqual(ends);
    }
    const type = { event_type: "pause" };
    const answer = await world.serving.query("hourly_stats", { bucket: "day", keys: type });
    const truth = await world.truth(hourly_stats, ends, {
      group: "toDateTime(toStartOfDay(event_time), 'UTC')",
      order: "bucket",
      where: "event_type = 'pause'",
    });
    expect(answer.rows).toEqual(truth);
    const nobody = await world.serving.query("user_stats", { keys: { user_id: "4000000000" } });
    expect([nobody.rows, frontierOf(nobody)]).toEqual([[], ends]);
  });

  it("gives windows and minutes from the speed layer", async () => {
    const query = { layer: "speed", from: "2024-03-01T05:00Z", to: "2024-03-01T06:00Z", keys: {} };
    const windows = await world.serving.query("popular_movies", { ...query, bucket: "window" });
    expect(windows.columns.map((c) => c.name)).toEqual([
      "window_start",
      "window_end",
      "movie_id",
      "view_count",
    ]);
    const [first] = windows.rows;
    const start = Date.parse(String(first.window_start));
    expect(Date.parse(String(first.window_end)) - start).toBe(10_000);
    const minutes = await world.serving.query("popular_movies", { ...query, bucket: "minute" });
    const truth = await world.truth(popular_movies, ends, {
      group: "toStartOfMinute(event_time)",
      where: "event_time >= '2024-03-01 05:00:00' AND event_time < '2024-03-01 06:00:00'",
      order: "bucket, view_count DESC, movie_id",
    });
    expect(minutes.rows).toEqual(truth);
    expect(frontierOf(minutes)).toEqual(ends);
  });

  it("names its columns with their types and units", async () => {
    const answer = await world.serving.query("ratings", { bucket: "hour", limit: "1", keys: {} });
    expect(answer.columns).toEqual([
      { name: "bucket", type: "instant" },
      { name: "movie_id", type: "uint32" },
      { name: "rating_count", type: "integer" },
      { name: "rating_sum", type: "decimal", unit: "stars" },
      { name: "avg_rating", type: "number", unit: "stars" },
    ]);
    expect(String(answer.rows[0].bucket)).toMatch(/^2024-03-01T\d\d:00:00(\.000)?Z$/);
  });
});

describe("answers under concurrent writes", () => {
  it("have rows and frontier of one moment, with sets and without", async () => {
    await world.clear();
    await world.generate(1500);
    const tables = [user_stats, popular_movies];
    for (const each of tables) await world.publish(each, 1, [256, 256, 256]);
    let writing = true;
    const writer = (async () => {
      for (let to = 280; to <= 1500; to += 61) {
        for (const each of tables) {
          await Promise.all([0, 1, 2].map((p) => world.flush(each, p, Math.max(256, to - 61), to)));
        }
        if (to > 700 && to < 770) {
          for (const each of tables) {
            await world.publish(each, 2, [512, 512, 256], { base: [256, 256, 256], fullRun: 1 });
          }
        }
      }
    })().finally(() => writing = false);
    let answers = 0;
    while (writing) {
      for (const { plugin } of tables) {
        const limit = "5";
        const answer = await world.serving.query(plugin.name, { limit, keys: {} });
        const order = `${plugin.present.sort.slice(1)} DESC, ${plugin.keyColumns[0].name}`;
        const options = { order, limit: 5 };
        const truth = await world.truth(served[plugin.name], frontierOf(answer), options);
        expect(answer.rows).toEqual(truth);
        answers++;
      }
    }
    await writer;
    expect(answers).toBeGreaterThan(10);
  });
});
