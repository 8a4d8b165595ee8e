import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { BatchPlugin } from "../../runtime/batch/plugin_step.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { day } from "../support/batch_events.ts";
import {
  batchPlugin,
  ManualClock,
  openWarehouse,
  totalsPlugin,
  totalsSql,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";
import { DriftWorld } from "../support/drift_world.ts";

let serial = 100;
const plugin = (sql = usersSql) => batchPlugin(usersPlugin, sql, ++serial);

describe("drift", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  /** A world with one plugin, its layer and its problems. */
  async function open(users: BatchPlugin) {
    const world = await DriftWorld.open(warehouse);
    const problems = new Problems(new ManualClock());
    const layer = world.layer([users], { problems });
    const run = (
      ...args: Parameters<DriftWorld["run"]> extends [unknown, unknown, ...infer R] ? R : never
    ) => world.run(layer, [users], ...args);
    return { world, layer, problems, run, users };
  }

  const twoUsers = [
    { user: 1, movie: 10 },
    { user: 1, movie: 11, duration: null },
    { user: 2, movie: 12, ms: day(0, 1), duration: 4 },
  ];

  it("is 0 where both layers count alike, for measures of every kind", async () => {
    const { run, layer, problems } = await open(plugin());
    const { plugins } = await run([...twoUsers, { ms: day(3), user: 9, duration: 7.25 }]);
    expect(plugins[0]).toMatchObject({ drift: 0, notCompared: null, error: "" });
    expect(await layer.drift()).toEqual([
      {
        plugin: "users",
        drift: 0,
        drifting_days: 0,
        accepted_days: 0,
        waiting_days: 0,
        not_compared: null,
      },
    ]);
    expect(problems.standing()).toEqual([]);
  });

  it.each<[string, string, string, number]>([
    [
      "an average that counts events without a value",
      "count(duration) AS mean_count",
      "count() AS mean_count",
      1,
    ],
    [
      "a set of other elements",
      "groupUniqArray(movie_id)",
      "groupUniqArray(toUInt32(movie_id % 2))",
      6,
    ],
    [
      "a minimum that is the maximum",
      "min(duration) AS shortest",
      "max(duration) AS shortest",
      2.5,
    ],
    ["a maximum that is the minimum", "max(duration) AS longest", "min(duration) AS longest", 2.5],
    [
      "a minimum where there is none",
      "min(duration) AS shortest",
      "min(ifNull(duration, 0)) AS shortest",
      1,
    ],
    ["a count", "count() * one", "count() + 1", 2],
  ])("finds %s", async (_what, right, wrong, drift) => {
    expect(usersSql).toContain(right);
    const { run, problems } = await open(plugin(usersSql.replace(right, wrong)));
    const events = [
      { user: 1, movie: 10, duration: 1.5 },
      { user: 1, movie: 11, duration: 4 },
      { user: 1, movie: 12, ms: day(0, 1), duration: null },
    ];
    const { plugins } = await run(events);
    expect(plugins[0]).toMatchObject({ drift, notCompared: null, error: "" });
    expect(problems.standing()).toMatchObject([{ code: "drift", plugin: "users" }]);
  });

  it("finds a key that only one layer has", async () => {
    const { run } = await open(
      plugin(usersSql.replace("FROM events", "FROM events WHERE user_id < 9")),
    );
    expect((await run([{ user: 1 }, { user: 9, duration: null }])).plugins[0].drift).toBe(2);
  });

  const wrongAverage = usersSql.replace("count(duration) AS mean_count", "count() AS mean_count");

  it("stands until its day is equal again, whatever other days a later run has", async () => {
    const users = plugin(wrongAverage);
    const { world, run, layer, problems } = await open(users);
    await run(twoUsers);
    const [standing] = problems.standing();
    const other = await run([{ ms: day(5), user: 3 }]);
    expect(other.plugins[0]).toMatchObject({ status: "published", days: 1, drift: 0 });
    expect((await layer.drift())[0]).toMatchObject({ drift: 1, drifting_days: 1 });
    expect(problems.standing()).toEqual([standing]);
    // The day is touched, and drifts as before.
    await run([{ ms: day(0), user: 4 }]);
    expect((await layer.drift())[0]).toMatchObject({ drift: 1, drifting_days: 1 });
    // The SQL is mended, and every day is compared anew.
    const mended = world.layer([{ ...users, batchSql: usersSql }], { problems });
    await mended.run({ full: true });
    expect((await mended.drift())[0]).toMatchObject({ drift: 0, drifting_days: 0 });
    expect(problems.standing()).toEqual([]);
  });

  it("of one plugin is known while the SQL of another fails", async () => {
    const broken = batchPlugin(
      totalsPlugin,
      totalsSql.replace("count()", "count() + throwIf(1)"),
      1,
    );
    const users = plugin();
    const world = await DriftWorld.open(warehouse);
    const layer = world.layer([users, broken]);
    await world.run(layer, [users], twoUsers);
    const again = (await layer.run())!;
    expect(again.plugins.map((p) => [p.plugin, p.status, p.drift, p.notCompared?.reason])).toEqual([
      ["totals", "failed", null, "run_failed"],
    ]);
    expect((await layer.drift()).map((of) => [of.plugin, of.drift, of.not_compared?.reason]))
      .toEqual([["users", 0, undefined], ["totals", null, "nothing_published"]]);
  });

  it("waits for a speed layer that is behind the cut, and is compared when it has caught up", async () => {
    const users = plugin();
    const { world, layer } = await open(users);
    await world.append(twoUsers);
    await world.speedReads(users);
    await world.append([{ ms: day(2) }]);
    const behind = (await layer.run())!;
    expect(behind.plugins[0]).toMatchObject({
      drift: null,
      notCompared: { reason: "speed_behind" },
      error: "",
    });
    const [known] = await layer.drift();
    expect(known).toMatchObject({ drift: null, waiting_days: 2 });
    expect(known.not_compared).toMatchObject({ reason: "speed_behind", since: expect.any(String) });
    // Nothing is new and the speed layer still behind: no run is made.
    expect(await layer.run()).toBe(null);
    await world.speedReads(users);
    expect((await layer.run())!.plugins[0]).toMatchObject({ days: 0, drift: 0 });
    expect((await layer.drift())[0]).toMatchObject({
      drift: 0,
      waiting_days: 0,
      not_compared: null,
    });
    expect(await layer.run()).toBe(null);
  });

  it("has the speed layer write what is only in its memory", async () => {
    const users = plugin();
    const world = await DriftWorld.open(warehouse);
    const layer = world.layer([users], { freshSpeed: () => world.speedReads(users) });
    await world.append(twoUsers);
    await world.speedReads(users);
    await world.append([{ ms: day(2) }]);
    expect((await layer.run())!.plugins[0]).toMatchObject({ drift: 0, notCompared: null });
  });

  it("is compared by the next run where a process died after publishing", async () => {
    const users = plugin(wrongAverage);
    const warehouse = await openWarehouse();
    const world = await DriftWorld.open(warehouse);
    const layer = world.layer([users]);
    await world.append(twoUsers);
    await world.speedReads(users);
    let dead = false;
    const alive =
      <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
      (...args: Args): Promise<T> =>
        dead ? Promise.reject(new Error("killed")) : call.apply(warehouse, args);
    const dying: Warehouse = {
      database: warehouse.database,
      cluster: null,
      query: alive(warehouse.query) as Warehouse["query"],
      stream: alive(warehouse.stream),
      command: alive(warehouse.command),
      // Pointers are all that a run inserts.
      insert: (...args) => warehouse.insert(...args).then(() => void (dead = true)),
      apart: (...args) => warehouse.apart(...args),
      close: () => Promise.resolve(),
    };
    await expect(world.layer([users], { warehouse: dying }).run()).rejects.toThrow("killed");
    const [known] = await layer.drift();
    expect(known).toMatchObject({ drift: null, waiting_days: 1 });
    expect(known.not_compared).toMatchObject({ reason: "waiting" });
    expect((await layer.run())!.plugins[0]).toMatchObject({ mode: "incremental", drift: 1 });
    await warehouse.close();
  });

  it("is compared at last where a full disk took the pointer of a decided run", async () => {
    const warehouse = await openWarehouse();
    const world = await DriftWorld.open(warehouse);
    const users = plugin(wrongAverage);
    const full: Warehouse = Object.create(warehouse, {
      database: { value: warehouse.database },
      query: { value: warehouse.query.bind(warehouse) },
      command: { value: warehouse.command.bind(warehouse) },
      insert: { value: () => Promise.reject(new Error("no space left on device")) },
    });
    await world.append(twoUsers);
    await world.speedReads(users);
    const failed = (await world.layer([users], { warehouse: full }).run())!;
    expect(failed.plugins[0]).toMatchObject({
      status: "failed",
      drift: null,
      error: "no space left on device",
      notCompared: { reason: "run_failed" },
    });
    // The next run finds the decision, writes the pointer, and has nothing new to compute.
    const layer = world.layer([users]);
    expect((await layer.run())!.plugins[0]).toMatchObject({ status: "published", drift: 1 });
    expect((await layer.drift())[0]).toMatchObject({ drift: 1, waiting_days: 0 });
    await warehouse.close();
  });

  it("is null with the reason where nothing can be compared", async () => {
    const users = plugin();
    const world = await DriftWorld.open(await openWarehouse());
    const layer = world.layer([users]);
    await world.append([{ ms: day(0) }, { ms: day(1) }]);
    expect((await layer.run())!.plugins[0].notCompared?.reason).toBe("no_speed_layer");
    await world.speedReads(users);
    world.whole = { fromMs: day(1), untilMs: null };
    expect((await layer.run({ full: true }))!.plugins[0]).toMatchObject({ drift: 0 });
    world.whole = { fromMs: day(2), untilMs: null };
    const run = (await layer.run({ full: true }))!;
    expect(run.plugins[0]).toMatchObject({
      drift: null,
      notCompared: { reason: "speed_rows_removed" },
    });
    const history = await layer.history({ limit: 1, before: null });
    expect(history[0].plugins[0]).toEqual(run.plugins[0]);
    // A future event was removed: days before it are compared, its own is not.
    world.whole = { fromMs: null, untilMs: day(1) };
    expect((await layer.run({ full: true }))!.plugins[0]).toMatchObject({ drift: 0 });
    world.whole = { fromMs: null, untilMs: day(0) };
    expect((await layer.run({ full: true }))!.plugins[0].notCompared?.reason)
      .toBe("speed_rows_removed");
    await world.world.warehouse.close();
  });

  it("keeps a difference though the day cannot be compared any more", async () => {
    const users = plugin(wrongAverage);
    const { world, layer, run } = await open(users);
    await run(twoUsers);
    world.whole = { fromMs: day(9), untilMs: null };
    await layer.run({ full: true });
    expect((await layer.drift())[0]).toMatchObject({
      drift: 1,
      drifting_days: 1,
      not_compared: { reason: "speed_rows_removed" },
    });
  });

  it("is net of repeats that the speed layer could not see, and says what it could not prove", async () => {
    const users = plugin();
    const { world, layer } = await open(users);
    await world.append([{ id: "x", user: 1, movie: 10, duration: 3 }]);
    await world.append([{ id: "x", user: 1, movie: 11, duration: 1 }, { user: 2 }], 1);
    await world.speedReads(users);
    expect((await layer.run())!.plugins[0]).toMatchObject({ drift: 0, unseenRepeats: 1 });
    const [compared] = await warehouse.query(
      "SELECT state, not_comparable FROM twofold_drift WHERE generation = {of:String}",
      { params: { of: users.tables.generation } },
    );
    // The minimum, the maximum and the set of user 1.
    expect(compared).toEqual({ state: "equal", not_comparable: 3 });
  });
});
