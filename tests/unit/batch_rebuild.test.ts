import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { BatchLevel } from "../../runtime/sql/tables.ts";
import { day, event, LOG } from "../support/batch_events.ts";
import {
  batchPlugin,
  BatchWorld,
  heldWarehouse,
  openWarehouse,
  readPublished,
  totalsPlugin,
  totalsSql,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";

describe("a rebuild", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  const events = [
    event({ ms: day(0, 1) }),
    event({ ms: day(0, 2), user: 2 }),
    event({ ms: day(1, 3), duration: 2.25 }),
    event({ ms: day(2) }),
  ];
  const { signal } = new AbortController();
  const dayOf = (n: number) => new Date(day(n)).toISOString().slice(0, 10);
  const only = (n: number) => ({ from: dayOf(n), to: dayOf(n) });
  const all = { from: null, to: null };
  const open = async (variant: number) => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, variant);
    const totals = batchPlugin(totalsPlugin, totalsSql, variant);
    const layer = world.layer([users, totals]);
    await world.append(LOG, 0, [...events, events[0]]);
    await layer.run();
    const { tables } = users;
    const damage = (n: number) =>
      warehouse.command(
        `ALTER TABLE ${tables.batch} UPDATE plays = 99 WHERE user_id = 1 ` +
          `AND toDate(bucket) = '${dayOf(n)}' AND level != ${BatchLevel.pointer} ` +
          "SETTINGS mutations_sync = 2",
      );
    const read = async () => {
      const { grain, day, all } = (await readPublished(warehouse, tables))!;
      return { grain, day, all };
    };
    return { world, layer, tables, damage, read };
  };

  it("rights damaged rows of its days, reads what was foretold, and computes no other day", async () => {
    const { layer, tables, damage, read } = await open(51);
    const right = await read();
    await damage(0);
    expect((await read()).day[0].plays).toBe(99);
    const foretold = await layer.rebuildReading("users", only(0));
    // The repeat is read as well.
    expect(foretold).toEqual({
      reads: { days: 1, files: 1, events: 3, bytes: 1 },
      days_outside: [],
    });
    expect((await read()).day[0].plays).toBe(99);
    const run = await layer.rebuild("users", only(0), signal);
    expect(run.plugins.map(({ plugin, status, mode }) => [plugin, status, mode]))
      .toEqual([["users", "published", "incremental"]]);
    const { days, events, bytes } = run.plugins[0];
    expect({ days, files: 1, events, bytes }).toEqual(foretold.reads);
    const [listed] = await layer.history({ limit: 1, before: run.run + 1 });
    expect(listed.plugins).toContainEqual(run.plugins[0]);
    expect(await read()).toEqual(right);
    const written = await warehouse.query(
      `SELECT DISTINCT toString(toDate(bucket)) AS day FROM ${tables.batch} ` +
        `WHERE run = ${run.run} AND level IN (${BatchLevel.grain}, ${BatchLevel.day})`,
    );
    expect(written).toEqual([{ day: dayOf(0) }]);
  });

  it("leaves other days as they are, and computes every day where it has no bounds", async () => {
    const { world, layer, damage, read } = await open(52);
    const right = await read();
    await damage(1);
    await layer.rebuild("users", { from: null, to: dayOf(0) }, signal);
    expect((await read()).day.map(({ plays }) => plays)).toContain(99);
    await damage(0);
    expect(await layer.rebuildReading("users", all))
      .toMatchObject({ reads: { days: 3, events: 5 }, days_outside: [] });
    // Days with new events come along, so that the run's cut is right.
    await world.append(LOG, 0, [event({ ms: day(7), user: 5 })]);
    expect(await layer.rebuildReading("users", only(1)))
      .toMatchObject({ reads: { days: 2, events: 2 }, days_outside: [dayOf(7)] });
    const run = await layer.rebuild("users", all, signal);
    expect(run.plugins.map(({ mode, days }) => [mode, days])).toEqual([["full", 4]]);
    const now = await read();
    expect(now.day.filter(({ user_id }) => user_id !== 5)).toEqual(right.day);
    expect(now.all.filter(({ user_id }) => user_id !== 5)).toEqual(right.all);
  });

  it("leaves the old answers where the process dies before it publishes", async () => {
    const { world, layer, tables, damage, read } = await open(53);
    await damage(0);
    const before = await read();
    const dies = {
      ...world.store,
      put: (name: string, bytes: Uint8Array, options?: { ifAbsent?: boolean }) =>
        name.includes("/successors/")
          ? Promise.reject(new Error("killed"))
          : world.store.put(name, bytes, options),
    };
    const users = { tables, batchSql: usersSql };
    const run = await world.layer([users], { store: dies }).rebuild("users", only(0), signal);
    expect([run.plugins[0].status, run.plugins[0].rows]).toEqual(["failed", 0]);
    expect(await read()).toEqual(before);
    await layer.rebuild("users", only(0), signal);
    expect((await read()).day[0].plays).toBe(1);
  });

  it("does not hold up the runs of the others, and waits for one of the same metric", async () => {
    const { world, tables } = await open(54);
    const slow = heldWarehouse(
      warehouse,
      (sql) => sql.startsWith(`INSERT INTO ${tables.batch}`),
    );
    const users = { tables, batchSql: usersSql };
    const totals = batchPlugin(totalsPlugin, totalsSql, 54);
    const layer = world.layer([users, totals], { warehouse: slow.warehouse });
    const first = layer.rebuild("users", only(0), signal);
    await slow.reached;
    const second = layer.rebuild("users", only(1), signal);
    await world.append(LOG, 0, [event({ ms: day(3) })]);
    const run = await layer.runScheduled(signal);
    expect(run!.plugins.map(({ plugin }) => plugin)).toEqual(["totals"]);
    slow.go();
    expect((await first).plugins.map(({ status }) => status)).toEqual(["published"]);
    expect((await second).plugins.map(({ status }) => status)).toEqual(["published"]);
    await expect(layer.rebuild("gone", all, signal)).rejects.toMatchObject({
      name: "NotFoundError",
    });
  });
});
