import { afterAll, beforeAll, describe, expect, it } from "testing";
import { createBatchLayer } from "../../runtime/batch/batch_layer.ts";
import { Claims } from "../../runtime/batch/claims.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { event, LOG } from "../support/batch_events.ts";
import {
  batchPlugin,
  BatchWorld,
  memoryStore,
  openWarehouse,
  readPublished,
  removalsDone,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";
import { pauseAt } from "../support/paused_process.ts";

const YEAR_OF_RUNS = 50_000;

/** All-time plays by user. */
async function playsOf(warehouse: Warehouse, tables: ReturnType<typeof batchPlugin>["tables"]) {
  const { all } = (await readPublished(warehouse, tables))!;
  return Object.fromEntries(all.map((row) => [row.user_id, row.plays]));
}

describe("the history of batch runs", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  it("costs the same after 50,000 runs: what is old is removed, skipped runs stay skipped", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 1);
    const { batch } = users.tables;
    const settings = { memoryLimitBytes: 1e9, maxQueryMs: 1000 };
    await world.append(LOG, 0, [event(), event({ user: 2 })]);
    await world.layer([users], { settings }).run();
    // A year of runs as an older version left them: every hundredth was never published.
    const claim = world.store.objects.get("plays.of-movies/runs/0000000001.json")!;
    for (let run = 2; run <= YEAR_OF_RUNS; run++) {
      const name = String(run).padStart(10, "0");
      world.store.objects.set(
        `plays.of-movies/runs/${name}.json`,
        new TextEncoder().encode(
          new TextDecoder().decode(claim).replace(`"run": 1`, `"run": ${run}`),
        ),
      );
      world.store.objects.set(`plays.of-movies/successors/${batch}/${name}_0.json`, claim);
    }
    world.store.objects.delete(
      `plays.of-movies/successors/${batch}/${String(YEAR_OF_RUNS).padStart(10, "0")}_0.json`,
    );
    const runs = `FROM numbers(2, ${YEAR_OF_RUNS - 1})`;
    await warehouse.command(
      `INSERT INTO ${batch} (level, run, bucket, full_run, cut)
SELECT 0, number, '2026-01-01 00:00:00', 1, map('${LOG}', [2]) ${runs} WHERE number % 100 > 0
  OR number = ${YEAR_OF_RUNS}`,
    );
    await warehouse.command(
      `INSERT INTO batch_runs (topic, run, plugin) SELECT 'plays.of-movies', number, 'users' ${runs}`,
    );
    const before = await playsOf(warehouse, users.tables);
    expect(before).toEqual({ 1: 1, 2: 1 });
    // Rows of a run that never published, written late by a process that woke up.
    const late = () =>
      warehouse.command(
        `INSERT INTO ${batch} (level, run, user_id, plays, day_rows) VALUES (4, 700, 2, 99, 1)`,
      );
    await late();
    const layer = world.layer([users], { settings });
    for (let i = 0; i < 7; i++) {
      world.clock.ms += 60_000;
      await world.append(LOG, 0, [event()]);
      await layer.run();
    }
    await removalsDone(warehouse);
    const count = async (from: string) =>
      Number((await warehouse.query<{ n: number }>(`SELECT count() AS n FROM ${from}`))[0].n);
    expect(await count(`${batch} WHERE level = 0`)).toBeLessThan(64 + 7);
    expect(await count(`${batch} WHERE level = 5`)).toBe(499);
    expect(await count(`${batch} WHERE level = 6`)).toBe(1);
    expect(await count("batch_runs WHERE topic = 'plays.of-movies'")).toBeLessThan(1000 + 125 + 7);
    expect(await count(`${batch} WHERE level = 4 AND run = 700`)).toBe(0);
    await late();
    expect(await playsOf(warehouse, users.tables)).toEqual({ 1: 8, 2: 1 });
    const left = [...world.store.objects.keys()].filter((name) =>
      /\/(runs|successors)\//.test(name)
    );
    expect(left.length).toBeLessThan(2 * (1000 + 125 + 7));
  });

  it("keeps a number from being claimed again once its claim is removed", async () => {
    const store = memoryStore();
    const [paused, others] = [new Claims(store, "t"), new Claims(store, "t")];
    const claim = (run: number) => ({ run, cut: {}, bases: {}, started: "" });
    for (let run = 1; run <= 20; run++) expect(await others.claim(claim(run))).toBe(true);
    expect(await others.raiseFloor(15)).toBe(true);
    expect([...store.objects.keys()].filter((name) => name < "t/runs/0000000015.json")).toEqual([
      "t/run_floors/0000000015.json",
    ]);
    expect(await paused.claim(claim(2))).toBe(false);
    expect(await others.raiseFloor(10)).toBe(true);
    expect(await paused.floor()).toBe(15);
    expect((await paused.last())?.run).toBe(20);
    expect(await paused.claim(claim(21))).toBe(true);
  });

  it("goes on above the floor where the claims themselves were lost", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 4);
    await new Claims(world.store, "plays.of-movies").raiseFloor(500);
    await world.append(LOG, 0, [event()]);
    expect((await world.layer([users]).run())!.run).toBe(501);
  });

  it("voids the claim of a process that was paused until its number was removed", async () => {
    const { world, users, paused, others } = await pauseAt("runs", warehouse, createBatchLayer, 2);
    expect(others.map(({ run }) => run)).not.toContain(paused.run);
    expect(paused.plugins[0].status).toBe("superseded");
    expect((await readPublished(warehouse, users.tables))!.run).toBe(others.at(-1)!.run);
    expect(world.store.objects.has("plays.of-movies/runs/0000000003.json")).toBe(false);
  });

  it("voids the decision of a process that was paused until its slot was removed", async () => {
    const { users, paused, others } = await pauseAt("successors", warehouse, createBatchLayer, 3);
    expect(paused.plugins[0].status).toBe("superseded");
    const seen = (await readPublished(warehouse, users.tables))!;
    expect(seen.run).toBe(others.at(-1)!.run);
    await removalsDone(warehouse);
    const left = await warehouse.query(
      `SELECT level FROM ${users.tables.batch} WHERE run = {run:UInt64} AND level != 5`,
      { params: { run: paused.run } },
    );
    expect(left).toEqual([]);
  });
});
