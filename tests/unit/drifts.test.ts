import { afterAll, beforeAll, describe, expect, it } from "testing";
import { createDrifts } from "../../runtime/batch/drifts.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { day } from "../support/batch_events.ts";
import { batchPlugin, openWarehouse, usersPlugin, usersSql } from "../support/batch_world.ts";
import { DriftWorld } from "../support/drift_world.ts";

let serial = 100;
const plugin = (sql = usersSql) => batchPlugin(usersPlugin, sql, ++serial);

describe("the days that drift", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  /** Two days of a metric whose counts are one too high, in three cells. */
  async function open() {
    const users = plugin(usersSql.replace("count() * one", "count() + 1"));
    const world = await DriftWorld.open(warehouse);
    const clock = world.world.clock;
    const problems = new Problems(clock);
    const layer = world.layer([users], { problems });
    await world.run(layer, [users], [
      { user: 7 },
      { user: 3 },
      { user: 3, ms: day(1, 2) },
    ]);
    const drifts = createDrifts({
      warehouse,
      clock,
      plugins: () => [users.tables],
      onAccepted: () => layer.drift(),
    });
    return { world, users, clock, problems, layer, drifts };
  }

  it("are listed with the first cells that differ, page by page", async () => {
    const { drifts, users } = await open();
    const { items, next } = await drifts.list({ limit: "1" });
    expect(items).toEqual([{
      topic: "plays.of-movies",
      metric: "users",
      generation: users.tables.generation,
      day: "2013-07-20",
      state: "differs",
      reason: null,
      message: "",
      run: 1,
      since: "2026-01-01T00:00:00.000Z",
      differs_since: "2026-01-01T00:00:00.000Z",
      differing_cells: 2,
      difference: 2,
      not_comparable: 0,
      accepted: null,
      cells: ["3", "7"].map((user_id) => ({
        bucket: "2013-07-20T00:00:00Z",
        key: { user_id },
        measures: [{ measure: "plays", speed: "1", batch: "2", difference: 1 }],
      })),
    }]);
    const rest = await drifts.list({ limit: "1", after: next! });
    expect([rest.items.map(({ day }) => day), rest.next]).toEqual([["2013-07-21"], null]);
    await expect(drifts.list({ metric: "user" })).rejects.toThrow('there is no metric "user"');
  });

  it("are bounded in number of cells", async () => {
    const users = plugin(usersSql.replace("count() * one", "count() + 1"));
    const world = await DriftWorld.open(warehouse);
    const layer = world.layer([users]);
    const events = Array.from({ length: 240 }, (_, i) => ({ ms: day(Math.floor(i / 2)), user: i }));
    await world.run(layer, [users], [
      ...events,
      ...events.slice(0, 24).map((e) => ({ ...e, ms: day(0) })),
    ]);
    const cells = await warehouse.query<{ shown: number }>(
      "SELECT length(cells) AS shown FROM twofold_drift WHERE generation = {of:String} ORDER BY day",
      { params: { of: users.tables.generation } },
    );
    expect(cells.map(({ shown }) => shown)).toEqual(
      Array.from({ length: 120 }, (_, i) => i === 0 ? 10 : i < 100 ? 2 : 0),
    );
  });

  it("are no problem once accepted, until another difference is measured", async () => {
    const { drifts, layer, problems, world, users, clock } = await open();
    clock.ms += 60_000;
    const by = { metric: "users", by: "ada", reason: "known" };
    expect(await drifts.accept({ ...by, day: "2013-07-21" })).toEqual(["2013-07-21"]);
    expect((await layer.drift())[0]).toMatchObject({
      drift: 2,
      drifting_days: 1,
      accepted_days: 1,
    });
    expect(problems.standing().length).toBe(1);
    expect(await drifts.accept(by)).toEqual(["2013-07-20"]);
    expect(problems.standing()).toEqual([]);
    // The same differences, measured again: still accepted.
    await layer.run({ full: true });
    const { items } = await drifts.list({});
    expect(items.map(({ accepted }) => accepted)).toEqual([1, 2].map(() => ({
      at: "2026-01-01T00:01:00.000Z",
      by: "ada",
      reason: "known",
    })));
    await world.run(layer, [users], [{ user: 9, ms: day(1) }]);
    expect((await layer.drift())[0]).toMatchObject({
      drift: 2,
      drifting_days: 1,
      accepted_days: 1,
    });
    expect(problems.standing()).toMatchObject([{ code: "drift", plugin: "users" }]);
  });

  it("are accepted by somebody, for a reason, where they drift", async () => {
    const { drifts } = await open();
    const by = { metric: "users", by: "ada", reason: "known" };
    for (
      const [change, words] of [
        [{ by: " " }, "by must have 1 to 200 characters, got 0"],
        [{ reason: "x".repeat(1001) }, "reason must have 1 to 1000 characters, got 1001"],
        [{ day: "20.7.2013" }, 'day must be an event day such as 2013-07-20, got "20.7.2013"'],
        [{ day: "2013-07-22" }, "users does not drift on 2013-07-22"],
        [{ metric: "movies" }, 'there is no metric "movies"'],
      ] as const
    ) {
      await expect(drifts.accept({ ...by, ...change })).rejects.toThrow(words);
    }
    await drifts.accept(by);
    await expect(drifts.accept(by)).rejects.toThrow("no event day of users drifts");
  });

  it("are those of the generation that answers, while another one is built", async () => {
    const { users, world, drifts, problems } = await open();
    await warehouse.command(`INSERT INTO live_generations (plugin, claim, generation)
VALUES ('users', 1, '${users.tables.generation}')`);
    try {
      const next = plugin();
      const layer = world.layer([next], { problems });
      await world.run(layer, [next]);
      expect((await layer.drift())[0]).toMatchObject({ drift: 3, drifting_days: 2 });
      expect(problems.standing().length).toBe(1);
      expect((await drifts.list({})).items.length).toBe(2);
      await warehouse.command(`INSERT INTO live_generations (plugin, claim, generation)
VALUES ('users', 2, '${next.tables.generation}')`);
      expect((await layer.drift())[0]).toMatchObject({ drift: 0, drifting_days: 0 });
      expect(problems.standing()).toEqual([]);
    } finally {
      await warehouse.command("TRUNCATE TABLE live_generations");
    }
  });

  it("are forgotten with their generation", async () => {
    const { users, world, drifts } = await open();
    await warehouse.command(`DROP TABLE ${users.tables.batch} SYNC`);
    const other = plugin();
    await world.run(world.layer([other]), [other]);
    expect(await drifts.list({})).toEqual({ items: [], next: null });
  });
});
