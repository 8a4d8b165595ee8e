import { ClickHouseError } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { makeRelations } from "../../runtime/engine/make_relations.ts";
import { ExternalError, TwofoldError, UserError } from "../../runtime/std/errors.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { relationViews } from "../../runtime/serving/relations.ts";
import { createBatchTable, createSpeedTable, tablesOf } from "../../runtime/sql/tables.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { toWarehouseError } from "../../runtime/warehouse/warehouse_error.ts";
import { plays, usersDeclaration } from "../support/batch_world.ts";
import { logId, served, ServingWorld } from "../support/serving_world.ts";

const dir = Deno.makeTempDirSync({ prefix: "relations-" });
const all = Object.values(served);
let warehouse: Warehouse;
let world: ServingWorld;

beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({
    dir,
    database: "movie_analytics",
    memoryLimitBytes: 1_500_000_000,
  });
  world = new ServingWorld(warehouse);
  await world.clear();
  for (const tables of all) {
    for (const { sql } of relationViews(tables, logId)) await warehouse.command(sql);
  }
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

const columnsOf = async (relation: string) =>
  (await warehouse.query<{ name: string }>(`DESCRIBE TABLE ${relation}`)).map((row) => row.name);
const rowsOf = (relation: string, more = "") =>
  warehouse.query(`SELECT * FROM ${relation} ORDER BY ALL ${more}`);

const expected: Readonly<Record<string, readonly string[]>> = {
  batch_user_stats: ["user_id", "total_events", "movies_watched", "avg_duration"],
  batch_popular_movies: ["movie_id", "view_count"],
  batch_ratings_stats: ["movie_id", "avg_rating", "rating_count"],
  batch_hourly_stats: ["hour", "event_count"],
  stream_movie_views: ["window_start", "window_end", "movie_id", "view_count"],
  stream_user_activity: ["window_start", "window_end", "user_id", "activity_count"],
  stream_event_distribution: ["window_start", "window_end", "event_type", "event_count"],
  stream_ratings: ["window_start", "window_end", "movie_id", "avg_rating", "rating_count"],
  merged_user_stats: ["user_id", "total_events", "movies_watched", "avg_duration"],
  merged_popular_movies: ["movie_id", "view_count"],
  merged_ratings: ["movie_id", "rating_count", "rating_sum", "avg_rating"],
  merged_hourly_stats: ["event_type", "event_count"],
};

describe("relations", () => {
  for (const [relation, columns] of Object.entries(expected)) {
    it(`${relation} has its columns before the first event`, async () => {
      expect(await columnsOf(relation)).toEqual(columns);
    });

    const batch = relation.startsWith("batch_");
    it(`${relation} ${batch ? "waits for the first run" : "is empty"} before it`, async () => {
      if (!batch) return expect(await rowsOf(relation)).toEqual([]);
      const waits = `relation ${relation} waits for the first batch run of generation v1_test`;
      await expect(rowsOf(relation)).rejects.toThrow(waits);
      await expect(warehouse.query(`SELECT count() FROM ${relation}`)).rejects.toThrow(waits);
    });
  }

  it("can be made again", async () => {
    const made = () =>
      warehouse.query(
        "SELECT name, create_table_query FROM system.tables " +
          "WHERE database = currentDatabase() AND engine = 'View' ORDER BY name",
      );
    const before = await made();
    expect(before).not.toEqual([]);
    for (const { sql } of relationViews(all[0], logId)) await warehouse.command(sql);
    expect(await made()).toEqual(before);
  });

  describe("that cannot be made", () => {
    const fault = async (to: Pick<Warehouse, "command">, tables = all[0]) =>
      await makeRelations(to, tables, logId).then(() => null, (error) => error);
    const failing = (error: Error) => ({ command: () => Promise.reject(error) });

    it("are told with relation, plugin and the engine's words, as the declaration's fault", async () => {
      const plugin = definePlugin(plays, {
        ...usersDeclaration,
        stream: { relation: { name: "stream", columns: { share: "nope / plays" } } },
      });
      const tables = tablesOf(plugin, "v1_faulty");
      await warehouse.command(createSpeedTable(tables, logId));
      await warehouse.command(createBatchTable(tables));
      const error = await fault(warehouse, tables);
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toMatch(
        /^Cannot make relation "stream" of plugin "users": Unknown expression .*`nope`/,
      );
      expect(error.cause).toBeInstanceOf(TwofoldError);
      expect(error.cause.message).toContain(error.message.replace(/^[^:]*: /, ""));
    });

    it("are left to the warehouse's own faults", async () => {
      const faults = [
        new ExternalError("Cannot run a statement in the warehouse: socket hang up"),
        new TwofoldError("Cannot run a statement in the warehouse: no words of the engine"),
        new UserError("Cannot run a statement in the warehouse: it is closed"),
        new TypeError("undefined is not a function"),
      ];
      for (const error of faults) expect(await fault(failing(error))).toBe(error);
      const unreached = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
      const full = new ClickHouseError({
        message: "No space",
        code: "243",
        type: "NOT_ENOUGH_SPACE",
      });
      for (const cause of [unreached, full]) {
        const error = toWarehouseError("run a statement", cause);
        expect(error).toBeInstanceOf(ExternalError);
        expect(await fault(failing(error))).toBe(error);
      }
    });
  });

  describe("over events, runs and flushes", () => {
    const ends = [600, 800, 700];
    const cut = [512, 256, 512];
    const truth = (sql: string, at: readonly number[]) =>
      warehouse.query(
        sql.replace(
          "EVENTS",
          `(SELECT * FROM source WHERE ${
            at.map((to, partition) => `partition = ${partition} AND offset < ${to}`).join(" OR ")
          })`,
        ),
      );

    beforeAll(async () => {
      await world.generate(800);
      for (const tables of all) {
        for (const [partition, end] of ends.entries()) await world.flush(tables, partition, 0, end);
        await world.publish(tables, 1, [256, 256, 256]);
        await world.publish(tables, 2, [512, 512, 512], {
          base: [256, 256, 256],
          fullRun: 1,
          orphan: true,
        });
        await world.publish(tables, 3, cut, { base: [256, 256, 256], fullRun: 1 });
      }
    });

    const users = `SELECT user_id, count() AS total_events, uniqExact(movie_id) AS movies_watched,
      if(count(duration) = 0, NULL, toFloat64(sum(duration)) / count(duration)) AS avg_duration
      FROM EVENTS GROUP BY user_id ORDER BY ALL`;
    const views = `SELECT movie_id, count() AS view_count FROM EVENTS
      WHERE event_type = 'view' GROUP BY movie_id ORDER BY ALL`;

    it("the batch ones show the published run", async () => {
      expect(await rowsOf("batch_user_stats")).toEqual(await truth(users, cut));
      expect(await rowsOf("batch_popular_movies")).toEqual(await truth(views, cut));
      expect(await rowsOf("batch_ratings_stats")).toEqual(
        await truth(
          `SELECT movie_id, toFloat64(sum(rating)) / count() AS avg_rating, count() AS rating_count
          FROM EVENTS WHERE rating IS NOT NULL GROUP BY movie_id ORDER BY ALL`,
          cut,
        ),
      );
      expect(await rowsOf("batch_hourly_stats")).toEqual(
        await truth(
          "SELECT toHour(event_time) AS hour, count() AS event_count FROM EVENTS GROUP BY hour " +
            "ORDER BY ALL",
          cut,
        ),
      );
    });

    it("the stream ones show windows of ten seconds", async () => {
      const window = `toDateTime(toStartOfInterval(event_time, INTERVAL 10 SECOND), 'UTC')`;
      const start = `${window} AS window_start, window_start + 10 AS window_end`;
      for (
        const [relation, columns, where] of [
          ["stream_movie_views", "movie_id, count() AS view_count", "event_type = 'view'"],
          ["stream_user_activity", "user_id, count() AS activity_count", "1"],
          ["stream_event_distribution", "event_type, count() AS event_count", "1"],
          [
            "stream_ratings",
            "movie_id, toFloat64(sum(rating)) / count() AS avg_rating, count() AS rating_count",
            "rating IS NOT NULL",
          ],
        ]
      ) {
        const sql = `SELECT ${start}, ${columns} FROM EVENTS WHERE ${where}
          GROUP BY window_start, ${columns.split(",")[0]} ORDER BY ALL`;
        expect(await rowsOf(relation)).toEqual(await truth(sql, ends));
      }
    });

    it("the merged ones are batch up to the cut and speed from there on", async () => {
      expect(await rowsOf("merged_user_stats")).toEqual(await truth(users, ends));
      expect(await rowsOf("merged_popular_movies")).toEqual(await truth(views, ends));
      const [{ n }] = await warehouse.query(
        "SELECT sum(event_count) AS n FROM merged_hourly_stats",
      );
      expect(n).toBe(2100);
      const [{ m }] = await warehouse.query("SELECT sum(rating_count) AS m FROM merged_ratings");
      expect([{ m }]).toEqual(await truth("SELECT count(rating) AS m FROM EVENTS", ends));
    });

    it("group by the grain", async () => {
      const counted = `SELECT toStartOfFiveMinutes(event_time) AS bucket, count() AS event_count
        FROM EVENTS GROUP BY bucket ORDER BY ALL`;
      expect(await rowsOf("batch_fine_stats")).toEqual(await truth(counted, cut));
      expect(await rowsOf("merged_fine_stats")).toEqual(await truth(counted, ends));
    });

    it("can be joined with one another", async () => {
      const [{ n }] = await warehouse.query(
        "SELECT count() AS n FROM batch_popular_movies INNER JOIN batch_ratings_stats USING movie_id",
      );
      expect(Number(n)).toBeGreaterThan(0);
    });
  });
});
