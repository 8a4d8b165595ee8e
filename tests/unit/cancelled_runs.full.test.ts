import { describe, expect, it } from "testing";
import { createLifecycle, type LifecycleOptions } from "../../runtime/engine/lifecycle.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import type { BatchRun } from "../../runtime/ports/services.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { day, event, LOG } from "../support/batch_events.ts";
import {
  batchPlugin,
  BatchWorld,
  heldWarehouse,
  openWarehouse,
  readPublished,
  removalsDone,
  totalsPlugin,
  totalsSql,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";

const eventOf = (n: number) => event({ ms: day(n), user: 1 + n });
const users = batchPlugin(usersPlugin, usersSql);
const totals = batchPlugin(totalsPlugin, totalsSql);
const plugins = [users, totals];
const everything = { from: null, to: null };
const statesOf = ({ plugins }: BatchRun) => plugins.map(({ status }) => status);

/** A topic of which run 1 is published; days 0 and 4 have new events. */
async function openWorld() {
  const warehouse = await openWarehouse();
  const world = await BatchWorld.open(warehouse);
  await world.append(LOG, 0, [0, 0, 1, 2].map(eventOf));
  await world.layer(plugins).run();
  await world.append(LOG, 0, [eventOf(0), eventOf(4)]);
  const published = () =>
    Promise.all(plugins.map(({ tables }) => readPublished(warehouse, tables)));
  /** What a run has left in the warehouse beside its history. */
  const leftBy = async (run: number) => {
    await removalsDone(warehouse);
    const scratch = warehouse.query(
      "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'scratch%'",
    );
    const rows = plugins.map(({ tables: { batch } }) =>
      warehouse.query(`SELECT level FROM ${batch} WHERE run = ${run}`)
    );
    const waiting = warehouse.query(`SELECT day FROM drift_days WHERE run = ${run}`);
    return (await Promise.all([scratch, ...rows, waiting])).flat();
  };
  return { warehouse, world, published, leftBy, [Symbol.asyncDispose]: () => warehouse.close() };
}

/** Cancels a run as another process does; resolves once that is written. */
async function cancelElsewhere(world: BatchWorld, warehouse: Warehouse, run: number) {
  const clock = { now: world.clock.now, sleep: systemClock.sleep };
  const answer = world.layer(plugins, { clock }).cancel(run, "ada");
  // A test that awaits the answer sees the fault.
  answer.catch(() => {});
  const written = () => warehouse.query(`SELECT run FROM cancelled_runs WHERE run = ${run}`);
  while ((await written()).length === 0) await systemClock.sleep(1);
  return { answer };
}

const rowsOf = (plugin: typeof users) => `INSERT INTO ${plugin.tables.batch} `;

describe("a batch run that is cancelled", () => {
  const stages: [string, (sql: string) => boolean][] = [
    ["before it looks for repeats", (sql) => sql.startsWith("CREATE TABLE scratch")],
    ["while it looks for repeats", (sql) => sql.startsWith("INSERT INTO scratch")],
    ["while it writes grain rows", (sql) => sql.startsWith(rowsOf(users))],
    [
      "while it writes rows of days",
      (sql) => sql.startsWith(rowsOf(users)) && sql.includes("toStartOfDay"),
    ],
    [
      "while it writes all-time rows",
      (sql) => sql.startsWith(rowsOf(users)) && sql.includes("day_rows)"),
    ],
  ];
  it.each(stages)("%s publishes nothing and leaves nothing behind", async (_, isHeld) => {
    await using opened = await openWorld();
    const { warehouse, world, published, leftBy } = opened;
    const before = await published();
    const slow = heldWarehouse(warehouse, isHeld);
    const layer = world.layer(plugins, { warehouse: slow.warehouse });
    const run = layer.run();
    await slow.reached;
    const { answer } = await cancelElsewhere(world, warehouse, 2);
    await layer.follow();
    slow.go();
    expect([(await run)!.state, statesOf((await run)!)])
      .toEqual(["cancelled", ["cancelled", "cancelled"]]);
    expect((await answer).state).toBe("cancelled");
    const [listed] = await layer.history({ limit: 1, before: null });
    expect([listed.run, listed.state]).toEqual([2, "cancelled"]);
    expect(listed.plugins.map(({ error, rows, notCompared }) => [error, rows, notCompared?.reason]))
      .toEqual(Array(2).fill(["Cancelled by ada", 0, "run_cancelled"]));
    expect(await published()).toEqual(before);
    expect(await leftBy(2)).toEqual([]);
    const next = await layer.run();
    expect(next!.plugins.map(({ status, mode, days }) => [status, mode, days]))
      .toEqual(Array(2).fill(["published", "incremental", 2]));
    const [now] = await published();
    expect(now!.all.map(({ user_id, plays }) => [user_id, Number(plays)]))
      .toEqual([[1, 3], [2, 1], [3, 1], [5, 1]]);
  });

  const late: [string, (sql: string) => boolean][] = [
    ["its days are marked", (sql) => sql.startsWith("INSERT INTO drift_days")],
    [
      "its end is recorded",
      (sql) => sql.startsWith("INSERT INTO batch_runs (topic, run, plugin, status, mode, started"),
    ],
  ];
  it.each(late)("too late, as %s, is published whole, and who cancels hears so", async (_, at) => {
    await using opened = await openWorld();
    const { warehouse, world } = opened;
    const slow = heldWarehouse(warehouse, at);
    const layer = world.layer([totals], { warehouse: slow.warehouse });
    const run = layer.run({ full: true });
    await slow.reached;
    const { answer } = await cancelElsewhere(world, warehouse, 2);
    await layer.follow();
    slow.go();
    expect([(await run)!.state, (await run)!.plugins[0].error]).toEqual(["published", ""]);
    await expect(answer).rejects.toThrow(
      "Too late to cancel run 2 of plays.of-movies: it has ended, as published",
    );
  });

  it("keeps what it has published, and cancels the rest", async () => {
    await using opened = await openWorld();
    const { warehouse, world, leftBy, published } = opened;
    const slow = heldWarehouse(warehouse, (sql) => sql.startsWith(rowsOf(totals)));
    const layer = world.layer(plugins, { warehouse: slow.warehouse });
    const run = layer.run();
    await slow.reached;
    // In the process that computes it.
    const answer = layer.cancel(2, "ada");
    while ((await warehouse.query("SELECT run FROM cancelled_runs")).length === 0);
    await layer.follow();
    slow.go();
    expect(statesOf(await answer)).toEqual(["cancelled", "published"]);
    expect([(await run)!.state, statesOf((await run)!)])
      .toEqual(["cancelled", ["published", "cancelled"]]);
    expect((await published()).map((read) => read!.run)).toEqual([2, 1]);
    expect((await leftBy(2)).length).toBeGreaterThan(0);
    const next = await layer.run();
    expect(next!.plugins.map(({ plugin, status }) => [plugin, status]))
      .toEqual([["totals", "published"]]);
  });

  it("is a backfill or a rebuild, too; the next scheduled run begins a backfill again", async () => {
    await using opened = await openWorld();
    const { warehouse, world, published } = opened;
    const fresh = batchPlugin(usersPlugin, usersSql, 9);
    const held = heldWarehouse(warehouse, (sql) => sql.startsWith(rowsOf(fresh)));
    const layer = world.layer([fresh, totals], { warehouse: held.warehouse });
    const { signal } = new AbortController();
    await layer.runScheduled(signal);
    await held.reached;
    const runs = await layer.history({ limit: 2, before: null });
    const { run } = runs.find(({ finished }) => finished === null)!;
    const { answer } = await cancelElsewhere(world, warehouse, run);
    await layer.follow();
    held.go();
    expect(statesOf(await answer)).toEqual(["cancelled"]);
    await layer.idle();
    expect(await readPublished(warehouse, fresh.tables)).toBe(null);
    await layer.runScheduled(signal);
    await layer.idle();
    expect((await readPublished(warehouse, fresh.tables))!.run).toBe(4);

    const before = await published();
    const slow = heldWarehouse(warehouse, (sql) => sql.startsWith(rowsOf(users)));
    const rebuilding = world.layer(plugins, { warehouse: slow.warehouse });
    const rebuilt = rebuilding.rebuild("users", everything, signal);
    await slow.reached;
    const { answer: told } = await cancelElsewhere(world, warehouse, 5);
    await rebuilding.follow();
    slow.go();
    expect((await told).state).toBe("cancelled");
    expect((await rebuilt).state).toBe("cancelled");
    expect(await published()).toEqual(before);
  });

  it("has a problem neither set nor cleared", async () => {
    await using opened = await openWorld();
    const { warehouse, world } = opened;
    const told: string[] = [];
    const problems = {
      set: ({ code }: { code: string }) => void told.push(`set ${code}`),
      clear: (code: string) => void told.push(`clear ${code}`),
    };
    const slow = heldWarehouse(warehouse, (sql) => sql.startsWith("CREATE TABLE scratch"));
    const layer = world.layer(plugins, { warehouse: slow.warehouse, problems });
    const run = layer.run({ full: true });
    await slow.reached;
    const { answer } = await cancelElsewhere(world, warehouse, 2);
    await layer.follow();
    slow.go();
    await Promise.all([run, answer]);
    expect(told.filter((each) => / batch_/.test(each))).toEqual([]);
  });

  it("is not waited for where its process has died", async () => {
    await using opened = await openWorld();
    const { warehouse, world } = opened;
    await warehouse.command(`INSERT INTO batch_runs (topic, run, plugin, status, started, finished,
version) SELECT '${world.topic}', 2, 'users', 'running', now64(3), fromUnixTimestamp64Milli(${world.clock.ms}, 'UTC'), 1`);
    await expect(world.layer(plugins).cancel(2, "ada")).rejects.toThrow(
      "Too late to cancel run 2 of plays.of-movies: it has ended, as interrupted",
    );
  });

  it("is looked for once a second where other processes may have cancelled it", async () => {
    const stop = new AbortController();
    const slept: (number | "look")[] = [];
    const batch = { follow: () => Promise.resolve(void slept.push("look")) };
    const lifecycle = createLifecycle({
      plugins: { follow: () => Promise.resolve(false), topics: [{ batch }] },
      clock: {
        now: () => 0,
        sleep: (ms: number) => {
          if (slept.push(ms) > 4) stop.abort();
          return Promise.resolve();
        },
      },
      problems: { set: () => {}, clear: () => {} },
      alone: false,
      stop: stop.signal,
    } as unknown as LifecycleOptions);
    await lifecycle.run(stop.signal);
    expect(slept).toEqual([1000, "look", 1000, "look", 1000]);
  });

  it("is one that is under way, and the operator has a name", async () => {
    await using opened = await openWorld();
    const layer = opened.world.layer(plugins);
    await expect(layer.cancel(1, "ada")).rejects.toThrow(
      "Cannot cancel run 1 of plays.of-movies: it has ended, as published",
    );
    await expect(layer.cancel(7, "ada")).rejects.toMatchObject({ name: "NotFoundError" });
    await expect(layer.cancel(1, " ")).rejects.toThrow("by must have 1 to 200 characters, got 0");
  });
});
