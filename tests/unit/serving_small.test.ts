import { afterAll, beforeAll, beforeEach, describe, expect, it } from "testing";
import { decodeFrontier } from "../../runtime/model/frontier.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import type { MetricAnswer } from "../../runtime/ports/services.ts";
import { NotReadyError } from "../../runtime/std/errors.ts";
import { openWarehouse } from "../support/batch_world.ts";
import { logId, served, ServingWorld } from "../support/serving_world.ts";

const { user_stats, ratings, hourly_stats } = served;
let warehouse: Warehouse;
let world: ServingWorld;

beforeAll(async () => {
  warehouse = await openWarehouse();
  world = new ServingWorld(warehouse);
});
afterAll(() => warehouse.close());

const frontierOf = (answer: MetricAnswer) => decodeFrontier(answer.frontier)[logId].map(Number);

describe("answers of small tables", () => {
  beforeEach(() => world.clear());

  it("are empty before the first event", async () => {
    for (const layer of ["merged", "speed"]) {
      const answer = await world.serving.query("user_stats", { layer, keys: {} });
      expect([answer.rows, answer.cut, answer.frontier]).toEqual([[], "", ""]);
    }
  });

  it("of the batch layer wait for the first run, whatever is asked", async () => {
    const { serving } = world;
    const questions = [
      () => serving.query("user_stats", { layer: "batch", keys: {} }),
      () => serving.query("user_stats", { layer: "batch", keys: { user_id: "9" } }),
      () => serving.series("user_stats", { layer: "batch", keys: {} }),
    ];
    for (const ask of questions) {
      const error = await ask().then(() => null, (error) => error);
      expect(error).toBeInstanceOf(NotReadyError);
      expect(error.message).toBe(
        'Cannot answer metric "user_stats" from the batch layer yet: generation v1_test waits ' +
          "for its first batch run",
      );
    }
  });

  it("is refused for good, with the reason, while the batch layer fails", async () => {
    const failing = new ServingWorld(warehouse, {
      concerning: () => [{
        code: "batch_plugin_failing",
        subject: "plugin ratings",
        plugin: "ratings",
        message: "Its SQL gives -1 for a count.",
        since: "2024-01-01T00:00:00.000Z",
        blocking: false,
      }],
    });
    const error = await failing.serving.query("ratings", { layer: "batch", keys: {} })
      .catch((error) => error);
    expect([error.name, error.retriable]).toEqual(["ExternalError", false]);
    expect(error.message).toMatch(
      /waits for its first batch run\. Its SQL gives -1 for a count\.$/,
    );
  });

  it("are the speed rows alone before the first run", async () => {
    await world.events([{ partition: 0, offset: 0, at: "2024-01-01 00:00:00", user_id: 9 }]);
    await world.flush(user_stats, 0, 0, 1);
    const answer = await world.serving.query("user_stats", { keys: {} });
    expect(answer.rows)
      .toEqual([{ user_id: 9, total_events: 1, movies_watched: 1, avg_duration: null }]);
    expect(answer.frontier).toBe(`${logId}_1`);
  });

  it("do not go back behind what was acknowledged, and report the lost rows", async () => {
    const at = "2024-01-01 00:00:00";
    await world.events([{ partition: 0, offset: 0, at, user_id: 9 }]);
    await world.flush(user_stats, 0, 0, 1);
    world.speed.move(2);
    const reported: string[] = [];
    const { serving, speed } = new ServingWorld(warehouse, {
      onDamage: ({ object }, metric) => reported.push(`${metric}: ${object}`),
    });
    speed.move(2);
    const object = `table ${user_stats.speed(logId)}`;
    const damage = 'the newest rows are missing: they reached "local-1_2" and end at "local-1_1"';
    for (const layer of ["merged", "speed"] as const) {
      await expect(serving.query("user_stats", { layer, keys: {} }))
        .rejects.toMatchObject({ name: "DamagedError", object, damage });
    }
    await expect(serving.series("user_stats", { measure: "total_events", keys: {} }))
      .rejects.toMatchObject({ name: "DamagedError", object, damage });
    expect(reported).toEqual(Array(3).fill(`user_stats: ${object}`));
    await world.publish(user_stats, 1, [256]);
    const { frontier } = await serving.query("user_stats", { keys: {} });
    expect(frontier).toBe(`${logId}_256`);
  });

  it("do not count a partition's rows twice, nor lose another's of the same block", async () => {
    const at = "2024-01-01 00:00:00";
    await world.events([0, 1, 2].map((partition) => ({ partition, offset: 0, at, user_id: 5 })));
    for (const partition of [0, 1, 2]) {
      await world.flush(user_stats, partition, 0, 1);
      await world.flush(user_stats, partition, 0, 1);
    }
    const { rows } = await world.serving.query("user_stats", { keys: {} });
    expect(rows.map((row) => row.total_events)).toEqual([3]);
  });

  it("count a partition that the cut does not know from its beginning", async () => {
    const at = "2024-01-01 00:00:00";
    await world.events([
      { partition: 0, offset: 0, at },
      { partition: 1, offset: 0, at },
    ]);
    await world.flush(hourly_stats, 0, 0, 1);
    await world.flush(hourly_stats, 1, 0, 1);
    await world.publish(hourly_stats, 1, [256]);
    const answer = await world.serving.query("hourly_stats", { keys: {} });
    expect(answer.rows).toEqual([{ event_type: "view", event_count: 2 }]);
    expect(frontierOf(answer)).toEqual([256, 1]);
  });

  it("show a mean of nothing as null", async () => {
    await world.events([
      { partition: 0, offset: 0, at: "2024-01-01 00:00:00", user_id: 1, duration: null },
      { partition: 0, offset: 1, at: "2024-01-01 00:00:00", user_id: 2, duration: 1.5 },
      { partition: 0, offset: 2, at: "2024-01-01 00:00:00", user_id: 2, duration: null },
    ]);
    await world.flush(user_stats, 0, 0, 3);
    const { rows } = await world.serving.query("user_stats", { order: "user_id", keys: {} });
    expect(rows.map((row) => row.avg_duration)).toEqual([null, 1.5]);
  });

  it("make room for more partitions than the speed layer told of", async () => {
    const partitions = Array.from({ length: 40 }, (_, partition) => partition);
    const at = "2024-01-01 00:00:00";
    await world.events(
      partitions.map((partition) => ({ partition, offset: 0, at, user_id: partition })),
    );
    for (const partition of partitions) await world.flush(user_stats, partition, 0, 1);
    const answer = await world.serving.query("user_stats", { limit: "30", keys: {} });
    expect([answer.rows.length, frontierOf(answer).length]).toEqual([30, 40]);
  });

  it("are refused while a backfill leaves a gap below the speed rows", async () => {
    world.speed.begin = { [logId]: [256n] };
    await expect(world.serving.query("ratings", { keys: {} })).rejects.toThrow(/batch run/);
    await world.publish(ratings, 1, [256]);
    expect((await world.serving.query("ratings", { keys: {} })).rows).toEqual([]);
  });

  it("tell from when on the speed layer's windows are whole", async () => {
    world.speed.whole = { fromMs: Date.UTC(2024, 0, 1), untilMs: Date.UTC(2025, 0, 1) };
    const answer = await world.serving.query("ratings", { layer: "speed", keys: {} });
    expect([answer.kept_from, answer.kept_until])
      .toEqual(["2024-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z"]);
  });

  it("refuse an unknown metric, naming the known ones", async () => {
    await expect(world.serving.query("x", { keys: {} })).rejects.toThrow(
      /expected one of user_stats/,
    );
  });
});

describe("wait_for", () => {
  beforeEach(() => world.clear());
  const wait_for = `${logId}_2`;

  it("waits until the speed layer has come as far", async () => {
    const answer = world.serving.query("ratings", { wait_for, keys: {} });
    await world.flush(ratings, 0, 0, 2);
    world.speed.move(2);
    expect((await answer).frontier).toBe(wait_for);
  });

  it("is met by the cut alone", async () => {
    await world.publish(ratings, 1, [256]);
    for (const layer of ["merged", "batch"]) {
      const answer = await world.serving.query("ratings", { layer, wait_for, keys: {} });
      expect(answer.frontier).toBe(`${logId}_256`);
    }
  });

  it("gives up when the time is over", async () => {
    const answer = world.serving.query("ratings", { wait_for, keys: {} });
    const settled = expect(answer).rejects.toMatchObject({
      name: "NotReadyError",
      field: "wait_for",
    });
    let waiting = true;
    void settled.finally(() => waiting = false);
    while (waiting) {
      world.clock.strike();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await settled;
  });

  it("refuses the frontier of another log", async () => {
    // A plain object has "constructor" without anybody's doing.
    for (const wait_for of ["other_2", "constructor_5"]) {
      await expect(world.serving.query("ratings", { wait_for, keys: {} })).rejects
        .toMatchObject({ name: "UserError", field: "wait_for" });
    }
  });
});

describe("the position of a metric", () => {
  it("is as of what is only in memory, so that its followers hear of it", async () => {
    world.speed.move(1, 1, 1);
    const before = await world.serving.position("ratings");
    expect(await world.serving.position("ratings")).toBe(before);
    world.speed.fresh = () => Promise.resolve(world.speed.move(2, 1, 1));
    expect(await world.serving.position("ratings")).not.toBe(before);
    world.speed.fresh = () => Promise.resolve();
  });
});
