import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "testing";
import { writePause } from "../../runtime/engine/pauses.ts";
import { eventually } from "../support/eventually.ts";
import { pluginFolder, pluginText } from "../support/plugin_folder.ts";
import { nothingChanged } from "../support/reload_answer.ts";
import { folderInProject, RunningEngine } from "../support/running_engine.ts";

/** Notes of several days; every tenth is sent twice. */
const notes = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => {
    const n = from + i;
    const id = n % 10 === 9 ? n - 1 : n;
    const at = new Date(Date.parse("2026-01-05") + ((id * 7919) % 400_000) * 1000).toISOString();
    return { id: `n${id}`, at, value: id % 10 };
  });

describe("a paused metric", () => {
  let dir: string;
  let engine: RunningEngine;

  const start = async () => {
    const flags = { "block-size": "512", partitions: "2" };
    engine = await RunningEngine.open({ dir: join(dir, "data"), root: dir, flags });
  };
  beforeEach(async () => {
    dir = await folderInProject("paused");
    await pluginFolder(dir, { "a.ts": pluginText("a"), "b.ts": pluginText("b") });
    await start();
  });
  afterEach(async () => {
    await engine?.close();
    await Deno.remove(dir, { recursive: true });
  });

  const post = async (from: number, to: number) => {
    const { frontier } = await engine.post(notes(from, to));
    await engine.metric("a", { wait_for: frontier });
    return frontier;
  };
  const lifecycle = () => engine.engine.lifecycle;
  const totalOf = async (name: string) => {
    const { rows, frozen_at, problems } = await engine.metric(name, {});
    const codes = problems.map(({ code }) => code);
    const n = rows.reduce((sum, row) => sum + Number(row.n), 0);
    return { n, isFrozen: frozen_at !== null, codes };
  };
  const stateOf = async (name: string) =>
    (await engine.status()).plugins.find(({ plugin }) => plugin === name)?.state;
  const tablesOf = async (name: string) =>
    Number(
      await engine.value(
        "SELECT count() FROM system.tables WHERE database = currentDatabase() AND " +
          `match(name, '^(state_(batch|speed)_${name}_v|(batch|stream|merged)_${name}$)')`,
      ),
    );
  const levelled = () =>
    eventually(
      "b to be equal to a",
      async () => {
        const [a, b] = await Promise.all([totalOf("a"), totalOf("b")]);
        return b.n === a.n && !b.isFrozen;
      },
      Boolean,
      { deadlineMs: 60_000, pauseMs: 50 },
    );

  it("stays as it is and says so, also after a restart, and catches up when it is resumed", async () => {
    await post(0, 2000);
    const first = await engine.batch({ full: true });
    const frontier = await post(2000, 2500);
    await engine.metric("b", { wait_for: frontier });
    const before = await totalOf("b");
    expect(before).toEqual({ n: 2250, isFrozen: false, codes: [] });
    await lifecycle().pause("b", "ada");
    await lifecycle().pause("b", "ada");
    const paused = { n: 2250, isFrozen: true, codes: ["metric_paused"] };
    expect(await totalOf("b")).toEqual(paused);
    await expect(lifecycle().rebuild("b", {})).rejects.toThrow(
      /^Cannot rebuild metric "b": Metric b was paused/,
    );
    await post(2500, 4000);
    const run = await engine.batch();
    expect(run!.plugins.map(({ plugin }) => plugin)).toEqual(["a"]);
    expect([await totalOf("b"), await stateOf("b")]).toEqual([paused, "paused"]);
    expect(await totalOf("a")).toEqual({ n: 3600, isFrozen: false, codes: [] });
    expect(Number(await engine.value("SELECT sum(n) FROM merged_b"))).toBe(2250);
    // Loading the files again leaves it paused, and does not call it refused.
    expect(await engine.engine.reloadPlugins()).toEqual(nothingChanged);

    await engine.close();
    await start();
    expect([await totalOf("b"), await stateOf("b")]).toEqual([paused, "paused"]);
    const status = (await engine.status()).plugins.find(({ plugin }) => plugin === "b")!;
    expect([status.run, status.batch.published !== null]).toEqual([first!.run, true]);
    expect([status.drift, status.not_compared?.reason]).toEqual([null, "not_running"]);
    const [problem] = (await engine.status()).problems;
    expect(problem.message).toContain("by ada");

    await lifecycle().resume("b", "ada");
    await levelled();
    await engine.batch();
    for (const layer of ["batch", "merged", "speed"]) {
      const rows = async (name: string) =>
        (await engine.metric(name, { layer, bucket: "day", limit: 1000 })).rows;
      expect([layer, await rows("b")]).toEqual([layer, await rows("a")]);
    }
    expect((await totalOf("b")).codes).toEqual([]);
    const full = await engine.batch({ full: true });
    expect(full!.plugins.map(({ drift }) => drift)).toEqual([0, 0]);
  });

  it("answers in every moment of pausing and resuming, once in each list", async () => {
    await post(0, 2000);
    let changing = true;
    const asked = (async () => {
      while (changing) {
        expect((await totalOf("b")).n).toBe(1800);
        const names = engine.engine.serving.metrics().map(({ name }) => name);
        expect(names.toSorted()).toEqual(["a", "b"]);
        const { plugins } = await engine.status();
        expect(plugins.map(({ plugin }) => plugin).toSorted()).toEqual(["a", "b"]);
      }
    })();
    try {
      for (let round = 0; round < 3; round++) {
        await lifecycle().pause("b", "ada");
        await lifecycle().resume("b", "ada");
      }
    } finally {
      changing = false;
    }
    await asked;
  });

  it("is dropped only then, and is built anew when it is resumed", async () => {
    await post(0, 2000);
    await engine.batch();
    await expect(lifecycle().drop("b")).rejects.toMatchObject({ fault: "user" });
    await lifecycle().pause("b", "ada");
    const dropped = await lifecycle().drop("b");
    expect(dropped).toEqual(expect.arrayContaining(["batch_b", "merged_b", "stream_b"]));
    expect(await tablesOf("b")).toBe(0);
    expect(await lifecycle().drop("b")).toEqual([]);
    await expect(engine.metric("b", {})).rejects.toThrow(/paused/);
    await engine.close();
    await start();
    expect(await tablesOf("b")).toBe(0);
    await lifecycle().resume("b", "ada");
    await levelled();
    await engine.batch();
    expect(await tablesOf("b")).toBe(5);
    expect(await engine.value("SELECT sum(n) FROM batch_b")).toBe(
      await engine.value("SELECT sum(n) FROM batch_a"),
    );
  });

  it("is followed by processes in which nobody paused it", async () => {
    await post(0, 1000);
    const other = { plugin: "b", by: "another process", at: new Date().toISOString() };
    await writePause(engine.engine.warehouse, other, true);
    // A process that is alone looks once a minute; a change of a metric looks first.
    await lifecycle().resume("a", "ada");
    const { codes, isFrozen } = await totalOf("b");
    expect(isFrozen).toBe(true);
    expect([codes, await stateOf("b")]).toEqual([["metric_paused"], "paused"]);
    await writePause(engine.engine.warehouse, { ...other, at: new Date().toISOString() }, false);
    await lifecycle().resume("a", "ada");
    await levelled();
  });

  it("is rebuilt from the archive when it runs, by days that are days", async () => {
    await post(0, 2000);
    await engine.batch();
    const before = await engine.metric("a", { layer: "batch", bucket: "day", limit: 1000 });
    const days = { from: "2026-01-06", to: "2026-01-07" };
    const foretold = await lifecycle().rebuild("a", { ...days, dry_run: true });
    // Every tenth of the 2,000 records is a repeat, which is read as well.
    const held = notes(0, 2000).filter(({ at }) => at >= "2026-01-06" && at < "2026-01-08");
    expect(foretold).toMatchObject({ run: null, reads: { days: 2, events: held.length } });
    const { reads, run } = await lifecycle().rebuild("a", days);
    expect(reads).toEqual(foretold.reads);
    const { events, bytes, ...part } = run!.plugins[0];
    expect({ events, bytes }).toEqual({ events: reads.events, bytes: reads.bytes });
    expect(part).toMatchObject({ plugin: "a", status: "published", days: 2, drift: 0 });
    const workOf = async (name: string) =>
      (await engine.status()).plugins.find(({ plugin }) => plugin === name)!.batch.under_way;
    expect(await workOf("a")).toBe(null);
    // A run of another process, which has just said so.
    await engine.engine.warehouse.command(
      `INSERT INTO batch_runs (topic, run, plugin, status, mode, days, days_done, events, bytes,
  started, finished, version) VALUES ('notes', 900, 'a', 'running', 'full', 5, 2, 70, 4096,
  now64(), now64(), 1)`,
    );
    const work = await eventually("the run to be told", () => workOf("a"), (work) => work !== null);
    expect(work).toEqual({ run: 900, days: 5, daysDone: 2, events: 70, bytes: 4096 });
    expect(await workOf("b")).toBe(null);
    const after = await engine.metric("a", { layer: "batch", bucket: "day", limit: 1000 });
    expect(after.rows).toEqual(before.rows);
    for (const [field, range] of [["from", { from: "x" }], ["to", { ...days, to: "2026-01-05" }]]) {
      await expect(lifecycle().rebuild("a", range as object)).rejects.toMatchObject({ field });
    }
  });

  it("can also be dropped when its file is gone", async () => {
    await post(0, 1000);
    await engine.batch();
    await Deno.remove(join(dir, "plugins", "b.ts"));
    await engine.engine.reloadPlugins();
    expect(await tablesOf("b")).toBe(5);
    expect(await lifecycle().drop("b")).toContain("merged_b");
    expect(await tablesOf("b")).toBe(0);
    await expect(lifecycle().rebuild("b", {})).rejects.toMatchObject({ name: "NotFoundError" });
    for (const verb of ["pause", "resume"] as const) {
      await expect(lifecycle()[verb]("b", "ada")).rejects.toMatchObject({ name: "NotFoundError" });
    }
    await expect(lifecycle().drop("b")).rejects.toMatchObject({ name: "NotFoundError" });
    await expect(lifecycle().pause("a", " ")).rejects.toMatchObject({ field: "by" });
  });
});
