import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { BatchLevel } from "../../runtime/sql/tables.ts";
import { day, event, LOG } from "../support/batch_events.ts";
import {
  batchPlugin,
  BatchWorld,
  heldWarehouse,
  openWarehouse,
  readPointer,
  readPublished,
  readRun,
  removalsDone,
  totalsPlugin,
  totalsSql,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";

describe("batch layer", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  it("answers null and claims nothing when nothing is archived", async () => {
    const world = await BatchWorld.open(warehouse);
    expect(await world.layer([batchPlugin(usersPlugin, usersSql, 1)]).run()).toBe(null);
    expect(world.store.objects.size).toBe(0);
  });

  it("runs a plugin that was added by itself, and holds up the others neither then nor later", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 31);
    const totals = batchPlugin(totalsPlugin, totalsSql, 31);
    const plugins = [users];
    const slow = heldWarehouse(
      warehouse,
      (sql) => sql.startsWith(`INSERT INTO ${totals.tables.batch}`),
    );
    const told: unknown[] = [];
    const layer = world.layer(plugins, {
      warehouse: slow.warehouse,
      onBackfill: (...backfill) => told.push(backfill),
    });
    await world.append(LOG, 0, [event(), event({ ms: day(1) })]);
    await layer.run();
    plugins.push(totals);
    const { signal } = new AbortController();
    layer.replaced(signal);
    await slow.reached;
    const reads = { days: 2, files: 2, events: 2, bytes: 2 };
    expect(told).toEqual([[["users"], reads], [["totals"], reads]]);
    expect(layer.running).toBe(true);
    for (let n = 1; n <= 3; n++) {
      await world.append(LOG, 0, [event({ ms: day(n) })]);
      const run = await layer.runScheduled(signal);
      expect(run!.plugins.map(({ plugin, status }) => [plugin, status])).toEqual([
        ["users", "published"],
      ]);
    }
    expect(await readPublished(warehouse, totals.tables)).toBe(null);
    const full = layer.run({ full: true });
    slow.go();
    expect((await full)!.plugins.map(({ plugin, mode }) => [plugin, mode])).toEqual([
      ["users", "full"],
      ["totals", "full"],
    ]);
    const last = (await readPublished(warehouse, totals.tables))!;
    expect(last.day.reduce((sum, { plays }) => sum + Number(plays), 0)).toBe(5);
  });

  it("runs every plugin when somebody asks, also one of which nothing is published", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 34);
    const totals = batchPlugin(totalsPlugin, totalsSql, 34);
    const plugins = [users];
    const layer = world.layer(plugins);
    await world.append(LOG, 0, [event()]);
    await layer.run();
    plugins.push(totals);
    expect((await layer.run())!.plugins.map(({ plugin, status }) => [plugin, status])).toEqual([
      ["totals", "published"],
    ]);
    expect((await readPublished(warehouse, totals.tables))!.day.map(({ plays }) => plays))
      .toEqual([1]);
  });

  it("publishes grain, day and all-time rows of every monoid", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 2);
    const totals = batchPlugin(totalsPlugin, totalsSql, 2);
    await world.append(LOG, 0, [
      event({ ms: day(0, 1) }),
      event({ ms: day(0, 2), movie: 11, duration: null }),
      event({ ms: day(1, 3), duration: 2.25 }),
      event({ ms: day(1, 3), user: 2, duration: null }),
    ]);
    const run = await world.layer([users, totals]).run();
    expect(run?.plugins.map((p) => [p.plugin, p.status, p.mode, p.days, p.error])).toEqual([
      ["users", "published", "full", 2, ""],
      ["totals", "published", "full", 2, ""],
    ]);
    const seen = (await readPublished(warehouse, users.tables))!;
    expect(seen.grain.length).toBe(4);
    expect(seen.day.length).toBe(3);
    expect(seen.all).toEqual([
      {
        user_id: 1,
        plays: 3,
        watched: 3.75,
        shortest: 1.5,
        longest: 2.25,
        mean_sum: 3.75,
        mean_count: 2,
        movies: [10, 11],
      },
      {
        user_id: 2,
        plays: 1,
        watched: 0,
        shortest: null,
        longest: null,
        mean_sum: 0,
        mean_count: 0,
        movies: [10],
      },
    ]);
    expect((await readPublished(warehouse, totals.tables))!.all).toEqual([
      { plays: 4, longest: 2.25 },
    ]);
  });

  it("recomputes only the days that are touched", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 3);
    const layer = world.layer([users]);
    await world.append(LOG, 0, [event(), event({ ms: day(1) }), event({ ms: day(2), user: 3 })]);
    await layer.run();
    expect(await layer.run()).toBe(null);
    await world.append(LOG, 1, [event({ ms: day(1, 5) })]);
    const run = (await layer.run())!;
    expect(run.plugins[0]).toMatchObject({ mode: "incremental", days: 1, rows: 4 });
    const seen = (await readPublished(warehouse, users.tables))!;
    expect(seen.run).toBe(2);
    expect(seen.cut).toEqual({ [LOG]: [3n, 1n] });
    expect(seen.all.map((row) => [row.user_id, row.plays])).toEqual([[1, 3], [3, 1]]);
  });

  it("moves the cut over a block without events", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 4);
    const layer = world.layer([users]);
    await world.append(LOG, 0, [event()]);
    await layer.run();
    await world.append(LOG, 0, [], 99);
    expect((await layer.run())!.plugins[0]).toMatchObject({ status: "published", rows: 0 });
    const seen = (await readPublished(warehouse, users.tables))!;
    expect(seen.cut).toEqual({ [LOG]: [101n] });
    expect(seen.all.length).toBe(1);
  });

  it("counts the copy of the lowest position, and hides a key that has vanished", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 5);
    const layer = world.layer([users]);
    await world.append(LOG, 1, [event({ id: "same", user: 7 }), event({ user: 8 })]);
    await layer.run();
    await world.append(LOG, 0, [event({ id: "same", user: 9 })]);
    const run = (await layer.run())!;
    expect(run.plugins[0].unseenRepeats).toBe(1);
    const seen = (await readPublished(warehouse, users.tables))!;
    expect(seen.all.map((row) => row.user_id)).toEqual([8, 9]);
    await layer.run({ full: true });
    expect((await readPublished(warehouse, users.tables))!.all).toEqual(seen.all);
  });

  it("tells repeats that the speed layer saw from those that it could not see", async () => {
    const world = await BatchWorld.open(warehouse);
    const layer = world.layer([batchPlugin(usersPlugin, usersSql, 6)]);
    await world.append(LOG, 0, [event({ id: "a" }), event({ id: "a" })]);
    // 100 offsets after the second: still seen; from there 101 are too many.
    await world.append(LOG, 0, [event({ id: "a" })], 99);
    await world.append(LOG, 0, [event({ id: "a" })], 100);
    await world.append(LOG, 1, [event({ id: "a" })]);
    const run = (await layer.run())!;
    expect(run.plugins[0].unseenRepeats).toBe(2);
    const tables = batchPlugin(usersPlugin, usersSql, 6).tables;
    expect((await readPublished(warehouse, tables))!.all[0].plays).toBe(1);
  });

  it("fails a plugin alone, with its name and column, and publishes the others", async () => {
    const world = await BatchWorld.open(warehouse);
    const variants = {
      missing: usersSql.replace("AS watched", "AS watch"),
      extra: usersSql.replace("SELECT user_id,", "SELECT user_id, 1 AS more,"),
      throws: usersSql.replace("count() * one", "count() + throwIf(1, 'broken on purpose')"),
      bucket: usersSql.replace("toStartOfHour", "toStartOfMinute"),
      foreign: usersSql.replace("toStartOfHour(event_time)", "toStartOfHour(event_time) + 864000"),
      negative: usersSql.replace("count() * one AS plays", "-count() AS plays"),
      text: usersSql.replace("count() * one AS plays", "toString(count()) AS plays"),
      fraction: usersSql.replace("count() * one AS plays", "count() / 2 AS plays"),
      float: usersSql.replace("sum(duration) AS watched", "any(toFloat64(1.001)) AS watched"),
      element: usersSql.replace("groupUniqArray(movie_id)", "groupUniqArray(-1)"),
      noArray: usersSql.replace("groupUniqArray(movie_id)", "uniqExact(movie_id)"),
      nullKey: usersSql.replace("SELECT user_id,", "SELECT nullIf(user_id, 1) AS user_id,"),
      negativeKey: usersSql.replace("SELECT user_id,", "SELECT -user_id AS user_id,"),
    };
    const plugins = Object.values(variants).map((sql) => batchPlugin(usersPlugin, sql, 7));
    const good = batchPlugin(totalsPlugin, totalsSql, 7);
    await world.append(LOG, 0, [event({ ms: day(0, 1) + 60_000 })]);
    const run = (await world.layer([...plugins, good]).run())!;
    expect(run.plugins.map((p) => p.status)).toEqual([...plugins.map(() => "failed"), "published"]);
    const errors = run.plugins.map((p) => p.error);
    expect(errors[0]).toContain(`"users": column "watched" is missing`);
    expect(errors[1]).toContain(`column "more" is not declared`);
    expect(errors[2]).toContain("broken on purpose");
    expect(errors[3]).toContain("plugin users: column bucket must be the start of the hour");
    expect(errors[4]).toContain("plugin users: column bucket must lie on the day of its events");
    const inexact = (column: string, type: string) =>
      `plugin users: column ${column} has a value that ${type} does not hold exactly`;
    expect(errors[5]).toContain(inexact("plays", "UInt64"));
    expect(errors[6]).toContain('"users": column "plays" must be a number, got String');
    expect(errors[7]).toContain(inexact("plays", "UInt64"));
    expect(errors[8]).toContain(inexact("watched", "Decimal(18, 3)"));
    expect(errors[9]).toContain(inexact("movies", "Array(UInt32)"));
    expect(errors[10]).toContain('column "movies" must be an array of numbers, got UInt64');
    expect(errors[11]).toContain("plugin users: column user_id must not be null");
    expect(errors[12]).toContain(inexact("user_id", "UInt32"));
    await removalsDone(warehouse);
    for (const { tables } of plugins) {
      expect(await readPointer(warehouse, tables)).toBe(null);
      expect(await warehouse.query(`SELECT run FROM ${tables.batch}`)).toEqual([]);
    }
  });

  it("keeps the old answer when it dies after the rows, and is right the next time", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 8);
    await world.append(LOG, 0, [event()]);
    await world.layer([users]).run();
    const old = await readPublished(warehouse, users.tables);
    await world.append(LOG, 0, [event(), event({ user: 5 })]);
    // Dies while it decides: the store does not answer any more.
    const dying = { ...world.store, put: world.store.put };
    dying.put = (name, bytes, options) =>
      name.includes("/successors/")
        ? Promise.reject(new Error("killed"))
        : world.store.put(name, bytes, options);
    const crashed = (await world.layer([users], { store: dying }).run())!;
    expect(crashed.plugins[0]).toMatchObject({ status: "failed", error: "killed" });
    expect(await readPublished(warehouse, users.tables)).toEqual(old);
    const run = (await world.layer([users]).run())!;
    expect(run.run).toBe(3);
    const seen = (await readPublished(warehouse, users.tables))!;
    expect(seen.all.map((row) => [row.user_id, row.plays])).toEqual([[1, 2], [5, 1]]);
    await removalsDone(warehouse);
    const left = await warehouse.query(
      `SELECT DISTINCT run FROM ${users.tables.batch} ORDER BY run`,
    );
    expect(left).toEqual([{ run: 1 }, { run: 3 }]);
  });

  it("completes a publication that was decided and lacks its pointer", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 9);
    await world.append(LOG, 0, [event()]);
    const dying: Warehouse = Object.create(warehouse, {
      insert: { value: () => Promise.reject(new Error("killed")) },
      database: { value: warehouse.database },
      query: { value: warehouse.query.bind(warehouse) },
      command: { value: warehouse.command.bind(warehouse) },
    });
    const crashed = (await world.layer([users], { warehouse: dying }).run())!;
    expect(crashed.plugins[0]).toMatchObject({ status: "failed", error: "killed" });
    expect(await readPublished(warehouse, users.tables)).toBe(null);
    expect(await world.layer([users]).run()).toBe(null);
    expect(await readPublished(warehouse, users.tables)).toMatchObject({ run: 1 });
  });

  it("rebuilds from the archive what was dropped", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 10);
    const layer = world.layer([users]);
    for (let i = 0; i < 3; i++) {
      await world.append(LOG, i % 2, [event({ ms: day(i) }), event({ ms: day(1) })]);
      await layer.run();
    }
    const { run: _before, ...was } = (await readPublished(warehouse, users.tables))!;
    await warehouse.command(`DROP TABLE ${users.tables.batch} SYNC`);
    expect(await layer.run({ full: true })).toMatchObject({ run: 4 });
    const { run: _after, ...is } = (await readPublished(warehouse, users.tables))!;
    expect(is).toEqual(was);
  });

  it("never removes rows that a held pointer reads, and in the end removes the others", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 11);
    const layer = world.layer([users], {
      settings: { memoryLimitBytes: 1e9, maxQueryMs: 60_000 },
    });
    const held: {
      until: number;
      pointer: Awaited<ReturnType<typeof readPointer>>;
      was: unknown;
    }[] = [];
    for (let i = 0; i < 8; i++) {
      await world.append(LOG, 0, [event({ ms: day(i % 2), user: i % 3 }), event({ ms: day(9) })]);
      world.clock.ms += 25_000;
      const full = i === 4;
      expect((await layer.run({ full }))!.plugins[0].error).toBe("");
      // A reader may have taken the pointer that was published until now, at the last moment.
      const last = held.at(-1);
      if (last) last.until = world.clock.ms + 60_000;
      const pointer = await readPointer(warehouse, users.tables);
      const was = await readRun(warehouse, users.tables, pointer!);
      held.push({ until: Infinity, pointer, was });
      if (i % 3 === 2) await removalsDone(warehouse);
      for (const { until, pointer, was } of held) {
        if (until < world.clock.ms) continue;
        expect(await readRun(warehouse, users.tables, pointer!)).toEqual(was);
      }
    }
    world.clock.ms += 600_000;
    await world.append(LOG, 0, [event({ ms: day(9) })]);
    await layer.run();
    await removalsDone(warehouse);
    const runs = await warehouse.query<{ run: number }>(
      `SELECT DISTINCT run FROM ${users.tables.batch} WHERE level = ${BatchLevel.grain} ORDER BY run`,
    );
    // The run before the last stays readable; day 0 and day 1 are of the last two that had them.
    expect(runs.map((row) => row.run)).toEqual([7, 8, 9]);
    const seen = await readPublished(warehouse, users.tables);
    expect(seen).toMatchObject({ run: 9 });
  });

  it("runs one at a time: a second call waits for the first", async () => {
    const world = await BatchWorld.open(warehouse);
    const layer = world.layer([batchPlugin(usersPlugin, usersSql, 13)]);
    await world.append(LOG, 0, [event()]);
    const runs = await Promise.all([layer.run(), layer.run(), layer.run({ full: true })]);
    expect(runs.map((run) => run?.run)).toEqual([1, undefined, 2]);
    expect(layer.running).toBe(false);
  });

  it("stops when the signal aborts, and leaves nothing behind", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(
      usersPlugin,
      usersSql.replace("count() * one", "count() + sum(ignore(sleepEachRow(0.5)))"),
      14,
    );
    await world.append(LOG, 0, [event(), event(), event(), event(), event()]);
    const layer = world.layer([users]);
    const abort = new AbortController();
    const run = layer.run({ signal: abort.signal });
    const timer = setTimeout(() => abort.abort(new Error("enough")), 300);
    await expect(run).rejects.toThrow("enough");
    clearTimeout(timer);
    expect(await readPointer(warehouse, users.tables)).toBe(null);
    const left = await warehouse.query(
      "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'scratch%'",
    );
    expect(left).toEqual([]);
  });

  it("fails a run clearly when the archive lies behind a claimed cut", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 15);
    await world.append(LOG, 0, [event()]);
    await world.append(LOG, 0, [event()]);
    await world.layer([users]).run();
    world.manifests.pop();
    await expect(world.layer([users]).run({ full: true })).rejects.toThrow(
      "earlier runs cover partition 0 of log local-1 up to offset 2, the archive's manifests " +
        "reach offset 1 only",
    );
  });
});
