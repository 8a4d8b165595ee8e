import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { ProblemTable } from "../../runtime/engine/problem_table.ts";
import { watch } from "../../runtime/engine/watch.ts";
import { ExternalError } from "../../runtime/std/errors.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { type ProblemReport, Problems } from "../../runtime/model/problems.ts";
import { migrate, readMigrations } from "../../runtime/warehouse/migrations.ts";
import { type BothWarehouses, openBoth, ways } from "../support/both_warehouses.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { projectRoot } from "../support/test_engine.ts";

const drift: ProblemReport = {
  code: "drift",
  subject: "plugin ratings",
  message: 'it\'s 7 "off"\nin two lines\\',
  plugin: "ratings",
};
const stopped: ProblemReport = {
  code: "partition_stopped",
  subject: "views, partition 3",
  message: "stopped",
  blocking: true,
  topic: "views",
};

let both: BothWarehouses;
beforeAll(async () => {
  both = await openBoth("problems");
  await migrate(both.embedded, await readMigrations(join(projectRoot, "sql", "migrations")));
});
afterAll(() => both.close());

describe.each(ways)("twofold_problems, %s", (way) => {
  let warehouse: Warehouse;
  beforeAll(() => {
    warehouse = both[way];
  });

  /** A process with its own clock, over the one table, which is empty. */
  const start = async () => {
    await warehouse.command("TRUNCATE TABLE state_problems");
    const clock = new ManualClock(Date.now());
    const open = async (process: string, alone = false) => {
      const problems = new Problems(clock);
      const removed: string[] = [];
      const onRemoved = (message: string) => void removed.push(message);
      const options = { warehouse, clock, problems, process, alone, onRemoved };
      const table = new ProblemTable(options);
      const earlier = await table.earlier();
      problems.remember(earlier);
      return { problems, table, earlier, removed };
    };
    return { clock, open };
  };
  const relation = () =>
    warehouse.query<Record<string, unknown>>(
      "SELECT since, code, subject, message, blocking, plugin, topic, process FROM twofold_problems " +
        "ORDER BY process, code",
    );

  /** As if every process had stopped that long ago. */
  const silentFor = (time: string) =>
    warehouse.command(
      `INSERT INTO state_problems SELECT * REPLACE (seen - INTERVAL ${time} AS seen, ` +
        "version + 1 AS version) FROM state_problems FINAL",
    );

  it("shows what stands, and no longer what is gone", async () => {
    const { clock, open } = await start();
    const { problems, table } = await open("a");
    await table.sync();
    expect(await relation()).toEqual([]);
    const since = new Date(clock.now()).toISOString();
    problems.set(drift);
    problems.set(stopped);
    await table.sync();
    expect(await relation()).toEqual([
      { ...drift, since, blocking: false, topic: "", process: "a" },
      { ...stopped, since, plugin: "", process: "a" },
    ]);
    problems.clear("drift", drift.subject);
    await table.sync();
    expect((await relation()).map(({ code }) => code)).toEqual(["partition_stopped"]);
    problems.clear("partition_stopped", stopped.subject);
    await table.sync();
    expect(await relation()).toEqual([]);
  });

  it("lists what a problem affects, and other processes and a restart read it back", async () => {
    const { clock, open } = await start();
    const [a, b] = [await open("a"), await open("b")];
    const error = new ExternalError("refused", { part: "warehouse" });
    a.problems.set({ ...stopped, error });
    a.problems.set({ ...drift, error });
    await a.table.sync();
    const affects = [
      { code: "partition_stopped", subject: stopped.subject },
      { code: "drift", subject: drift.subject },
    ];
    const shown = await warehouse.query("SELECT code, subject, affects FROM twofold_problems");
    expect(shown).toEqual([{ code: "part_unreached", subject: "warehouse", affects }]);
    clock.advance(5000);
    await b.table.sync();
    expect(b.problems.concerning("ratings", "visits")).toEqual(a.problems.standing());
    const { earlier, problems } = await open("a");
    expect(earlier).toEqual(a.problems.standing());
    clock.advance(60_000);
    problems.set({ ...drift, error });
    expect(problems.standing()[0].since).toBe(a.problems.standing()[0].since);
  });

  it("writes only what changed, and once a minute while something stands", async () => {
    const { clock, open } = await start();
    const { problems, table } = await open("a", true);
    const written = async () =>
      Number((await warehouse.query("SELECT count() AS n FROM state_problems"))[0].n);
    const most = async (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        clock.advance(1000);
        await table.sync();
      }
    };
    await warehouse.command("SYSTEM STOP MERGES state_problems");
    await most(200);
    expect(await written()).toBe(0);
    problems.set(drift);
    await most(30);
    expect(await written()).toBe(1);
    await most(35);
    expect(await written()).toBe(2);
    await warehouse.command("SYSTEM START MERGES state_problems");
  });

  it("has the rows of every process, and each sees those of the others in its answers", async () => {
    const { clock, open } = await start();
    const [a, b] = [await open("a"), await open("b")];
    a.problems.set(drift);
    b.problems.set(stopped);
    await a.table.sync();
    await b.table.sync();
    clock.advance(5000);
    await a.table.sync();
    expect((await relation()).map(({ process, code }) => [process, code])).toEqual([
      ["a", "drift"],
      ["b", "partition_stopped"],
    ]);
    const codes = (of: Problems) => of.concerning("ratings", "views").map(({ code }) => code);
    expect([codes(a.problems), codes(b.problems)]).toEqual([
      ["drift", "partition_stopped"],
      ["partition_stopped", "drift"],
    ]);
    // What another process cannot do does not make this one unready.
    expect(a.problems.standing().map(({ code }) => code)).toEqual(["drift"]);
    b.problems.clear("partition_stopped", stopped.subject);
    await b.table.sync();
    clock.advance(5000);
    await a.table.sync();
    expect(codes(a.problems)).toEqual(["drift"]);
  });

  it("keeps the time at which a problem began, over a restart and a clock that goes back", async () => {
    const { clock, open } = await start();
    const first = await open("a");
    first.problems.set(drift);
    const since = new Date(clock.now()).toISOString();
    await first.table.sync();
    clock.advance(-3_600_000);
    const second = await open("a");
    expect(second.earlier).toMatchObject([{ ...drift, since }]);
    second.problems.set({ ...drift, message: "still" });
    await second.table.sync();
    expect(await relation()).toMatchObject([{ message: "still", since }]);
    second.problems.clear("drift", drift.subject);
    await second.table.sync();
    expect(await relation()).toEqual([]);
  });

  it("says that a process is silent, and removes what it said a day later with a word", async () => {
    const { clock, open } = await start();
    const [a, b] = [await open("a"), await open("b")];
    a.problems.set(drift);
    await a.table.sync();
    await silentFor("6 minute");
    expect((await relation()).map(({ process, code }) => [process, code])).toEqual([
      ["a", "drift"],
      ["a", "process_silent"],
    ]);
    await silentFor("23 hour");
    await b.table.sync();
    expect([b.removed, b.problems.concerning("ratings", "views").length]).toEqual([[], 1]);
    await silentFor("1 hour");
    clock.advance(5000);
    await b.table.sync();
    expect(b.removed).toHaveLength(1);
    expect(b.removed[0]).toMatch(/^Process a has not reported since .*: .* removed \(drift\)$/);
    expect(await relation()).toEqual([]);
    expect(b.problems.concerning("ratings", "views")).toEqual([]);
  });
});

describe("watch()", () => {
  it("looks and writes though nobody asks, and goes on where either fails", async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const seen = { looks: 0, syncs: 0 };
    const fail = (of: keyof typeof seen) => () => {
      seen[of]++;
      return Promise.reject(new ExternalError("gone"));
    };
    const watched = { clock, problemTable: { sync: fail("syncs") }, status: fail("looks") };
    const ended = watch(watched, stop.signal);
    for (let second = 0; second < 20; second++) {
      await new Promise((resolve) => setTimeout(resolve));
      clock.advance(1000);
    }
    stop.abort();
    await ended;
    expect(seen).toEqual({ looks: 2, syncs: 20 });
  });
});
