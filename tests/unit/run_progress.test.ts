import { afterEach, beforeEach, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { day, event, LOG } from "../support/batch_events.ts";
import {
  batchPlugin,
  BatchWorld,
  heldWarehouse,
  openWarehouse,
  totalsPlugin,
  totalsSql,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";

describe("the progress of a batch run", () => {
  let warehouse: Warehouse;
  beforeEach(async () => {
    warehouse = await openWarehouse();
  });
  afterEach(() => warehouse.close());

  it("lists a run under way with what waits, what is computed and how far, to every process", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 41);
    const totals = batchPlugin(totalsPlugin, totalsSql, 41);
    // A chunk has 365 days at most.
    await world.append(LOG, 0, Array.from({ length: 400 }, (_, n) => event({ ms: day(n) })));
    const plain = world.layer([users, totals]);
    await plain.run();
    let grains = 0;
    const slow = heldWarehouse(warehouse, (sql) => {
      if (sql.startsWith(`INSERT INTO ${users.tables.batch}`)) world.clock.ms += 2000;
      return sql.startsWith(`INSERT INTO ${users.tables.batch}`) && ++grains === 3;
    });
    const run = world.layer([users, totals], { warehouse: slow.warehouse })
      .run({ full: true });
    await slow.reached;
    const newest = async () => (await plain.history({ limit: 1, before: null }))[0];
    const parts = ({ plugins }: Awaited<ReturnType<typeof newest>>) =>
      plugins.map(({ plugin, status, days, daysDone }) => [plugin, status, daysDone, days]);
    expect(await newest()).toMatchObject({ run: 2, state: "running", finished: null });
    expect(parts(await newest())).toEqual([["totals", "queued", 0, 400], [
      "users",
      "running",
      365,
      400,
    ]]);
    expect((await newest()).plugins.map(({ events, bytes }) => [events, bytes])).toEqual([
      [400, 400],
      [400, 400],
    ]);
    // Nothing was heard of it for more than a minute.
    world.clock.ms += 61_000;
    expect((await newest()).state).toBe("interrupted");
    slow.go();
    expect(await run).toMatchObject({ run: 2, state: "published" });
    expect(await newest()).toEqual({ ...await run, plugins: (await newest()).plugins });
    expect(parts(await newest())).toEqual([["totals", "published", 400, 400], [
      "users",
      "published",
      400,
      400,
    ]]);
    expect((await plain.history({ limit: 5, before: 2 })).map(({ run }) => run)).toEqual([1]);
  });

  it("records why the parts of a run failed that never began", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 42);
    await world.append(LOG, 0, [event()]);
    const broken = new Proxy(warehouse, {
      get: (target, name) => (...asked: [string]) =>
        /startsWith\(name, \{prefix/.test(asked[0])
          ? Promise.reject(new Error("no such luck"))
          : Reflect.get(target, name).apply(target, asked),
    });
    const layer = world.layer([users], { warehouse: broken });
    await expect(layer.run()).rejects.toThrow("no such luck");
    const [run] = await layer.history({ limit: 1, before: null });
    expect([run.state, run.plugins[0].error]).toEqual(["failed", "no such luck"]);
  });
});
