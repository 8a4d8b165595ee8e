import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { systemClock } from "../../runtime/std/clock.ts";
import { readConfig } from "../../runtime/settings/config.ts";
import { type Engine, openEngine } from "../../runtime/engine/engine.ts";
import { forgetLiveRow } from "../../runtime/engine/live_rows.ts";
import { NotReadyError, ProblemError } from "../../runtime/std/errors.ts";
import { eventually } from "../support/eventually.ts";
import { NEVER, root } from "../support/running_engine.ts";

const SCHEMA = `
import { defineSchema, instant, string, uint32 } from "twofold";

export const notes = defineSchema({
  topic: "notes", version: 1, summary: "Notes", eventId: "id", eventTime: "at", partitionKey: "id",
  fields: { id: string(), at: instant(), value: uint32() },
});
`;

const HIGH = `
import { boolean, compute, count, definePlugin, type EventOf } from "twofold";
import { notes } from "./notes.schema.ts";
import { least } from "./lib/limits.ts";

export default definePlugin(notes, {
  name: "high", summary: "High notes by value",
  where: () => compute(boolean(), (note: EventOf<typeof notes>) => note.value > least, { sql: "" }),
  key: ({ value }) => ({ value }),
  measures: () => ({ n: count() }),
  batch: { sql: "batch/high.sql" },
});
`;

/** A plugin without functions: its text is no part of its generation. */
const everyText = (relation: string) => `
import { count, definePlugin } from "twofold";
import { notes } from "./notes.schema.ts";

export default definePlugin(notes, {
  name: "every", summary: "Notes by value",
  key: ({ value }) => ({ value }),
  measures: () => ({ n: count() }),
  batch: { relation: { name: "${relation}" } },
});
`;

const sqlText = (least: number) =>
  `SELECT toStartOfHour(event_time) AS bucket, value, count() AS n FROM events
WHERE value > ${least} GROUP BY bucket, value`;

/** Each note has a value from 0 to 9, so \`least\` leaves a known share of them. */
const notes = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    id: `n${from + i}`,
    at: new Date(Date.parse("2026-01-05") + 1000 * (from + i)).toISOString(),
    value: (from + i) % 10,
  }));

describe("a metric whose code changes", () => {
  let dir: string;
  let engine: Engine;

  const folder = async (name: string, least: number, every = "batch_every") => {
    const at = join(dir, name);
    await Deno.mkdir(join(at, "plugins", "lib"), { recursive: true });
    await Deno.mkdir(join(at, "sql", "batch"), { recursive: true });
    await Deno.symlink(join(root, "sql", "migrations"), join(at, "sql", "migrations"));
    await Deno.writeTextFile(join(at, "plugins", "notes.schema.ts"), SCHEMA);
    await Deno.writeTextFile(join(at, "plugins", "high.ts"), HIGH);
    await Deno.writeTextFile(join(at, "plugins", "every.ts"), everyText(every));
    await Deno.writeTextFile(
      join(at, "plugins", "lib", "limits.ts"),
      `export const least = ${least};`,
    );
    await Deno.writeTextFile(join(at, "sql", "batch", "high.sql"), sqlText(least));
    return at;
  };
  const flags = () => ({
    data: join(dir, "data"),
    "block-size": "512",
    "batch-schedule": NEVER,
    "block-span": "1s",
  });
  const open = async (name: string, laterMs = 0) => {
    const given = { ...flags(), partitions: "2" };
    const config = readConfig({ command: "start", flags: given, env: {} });
    const clock = { ...systemClock, now: () => systemClock.now() + laterMs };
    engine = await openEngine(config, { root: join(dir, name), version: "test", clock });
  };
  /** Opens as a command does that only looks and is not given the settings of the process. */
  const look = async (name: string, horizon = "4096") => {
    const config = readConfig({ command: "query", flags: { ...flags(), horizon }, env: {} });
    engine = await openEngine(config, { root: join(dir, name), version: "test", claims: false });
  };
  const post = async (from: number, to: number) => {
    const body = notes(from, to).map((note) => JSON.stringify(note) + "\n").join("");
    const bytes = new Blob([body]).stream();
    return (await engine.ingest.ingest(bytes, "ndjson", "notes")).frontier;
  };
  const ask = (params: Record<string, string> = {}) =>
    engine.serving.query("high", { keys: {}, ...params });
  const merged = async (params: Record<string, string> = {}) => {
    const { rows, ...about } = await ask(params);
    return { ...about, total: rows.reduce((sum, row) => sum + Number(row.n), 0) };
  };
  const sql = async (relation: string) => {
    const [row] = await engine.warehouse.query<{ n: number }>(
      `SELECT sum(n) AS n FROM ${relation}`,
    );
    return Number(row.n);
  };
  const changed = async (generation: string) =>
    await eventually("another generation answers", merged, (now) => now.generation !== generation);

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-generations-", dir: root });
    await folder("over_five", 5);
    await folder("over_two", 2);
    await folder("renamed", 5, "batch_all");
    await folder("refused", 5, "batch_all");
    await Deno.writeTextFile(
      join(dir, "refused", "sql", "batch", "high.sql"),
      "SELECT 1 FROM evnts",
    );
    await folder("removed", 5, "batch_all");
    await Deno.remove(join(dir, "removed", "plugins", "high.ts"));
    await open("over_five");
    engine.start();
  });
  afterAll(async () => {
    await engine?.close();
    await Deno.remove(dir, { recursive: true });
  });

  let before: string;

  it("has no batch answer and no rows in its batch relation before the first run", async () => {
    await expect(ask({ layer: "batch" })).rejects.toThrow(/waits for its first batch run/);
    await expect(sql("batch_high")).rejects.toThrow(/waits for the first batch run/);
    expect(await sql("merged_high")).toBe(0);
  });

  it("answers by the code before, frozen, until the new generation is complete", async () => {
    const log = engine.logs.get("notes")!;
    // The log forgets whole chunks, and a chunk is what came at once.
    for (let at = 0; at < 4000; at += 500) await post(at, at + 500);
    await eventually(
      "all archived",
      () => engine.status(),
      ({ topics }) =>
        topics[0].partitions.every((of) => of.archived === of.log_end && of.lag_records === 0),
    );
    await engine.batch.get("notes")!.run();
    for (const partition of [0, 1]) await log.trim(partition, 1024n);
    const starts = await Promise.all([0, 1].map(async (of) => (await log.bounds(of)).start));
    expect(Math.min(...starts.map(Number))).toBeGreaterThan(0);
    const wait_for = await post(4000, 4100);
    const was = await merged({ wait_for });
    expect(was).toMatchObject({ total: 1640, frozen_at: null, rebuilding: null, problems: [] });
    before = was.generation;
    await engine.close();

    await open("over_two");
    const now = await merged();
    expect(now).toMatchObject({ total: 1640, generation: before, frontier: was.frontier });
    expect(now.rebuilding).toBeGreaterThanOrEqual(0);
    expect(now.rebuilding).toBeLessThan(1);
    expect(Date.parse(now.frozen_at!)).toBeLessThanOrEqual(Date.now());
    expect(now.problems).toMatchObject([{ code: "rebuilding", blocking: false, plugin: "high" }]);
    expect((await merged({ layer: "batch" })).total).toBe(1600);
    expect([await sql("merged_high"), await sql("batch_high")]).toEqual([1640, 1600]);
    expect((await engine.status()).ready).toBe(true);
    expect((await ask({ value: "7" } as never)).generation).toBe(before);
    const beyond = await post(4100, 4200);
    const error = await ask({ wait_for: beyond }).catch((error) => error);
    expect(error).toBeInstanceOf(NotReadyError);
    expect(error.message).toMatch(/is frozen at its frontier since .* next generation/);
    expect((await merged({ wait_for: was.frontier })).total).toBe(1640);
  });

  it("answers by the new code once that is complete, in the API and in SQL", async () => {
    engine.start();
    const now = await changed(before);
    expect(now).toMatchObject({ total: 2940, frozen_at: null, rebuilding: null, problems: [] });
    expect(await sql("merged_high")).toBe(2940);
    expect(await sql("batch_high")).toBeGreaterThanOrEqual(2800);
    await engine.close();
  });

  it("goes back to the code before by a new claim, without a new run", async () => {
    await open("over_five");
    const now = await merged();
    expect(now).toMatchObject({ total: 2940 });
    expect(now.frozen_at).not.toBeNull();
    engine.start();
    expect(await changed(now.generation)).toMatchObject({ total: 1680, generation: before });
    await engine.close();
  });

  it("is left as it is by a process that only looks, whatever its settings", async () => {
    await look("over_five");
    expect(engine.logs.get("notes")!.partitionCount()).toBe(2);
    const now = await merged();
    expect(now).toMatchObject({
      total: 1680,
      generation: before,
      rebuilding: null,
      problems: [{ code: "generation_stopped", plugin: "high" }],
    });
    expect(now.frozen_at).not.toBeNull();
    const claims = await Array.fromAsync(engine.store.list("notes/generations/high/"));
    expect(claims.length).toBe(3);
    await engine.close();
  });

  it("keeps its generation when only a relation has another name, and drops the old one", async () => {
    await open("over_five");
    const { generation } = await engine.serving.query("every", { keys: {} });
    expect(await sql("batch_every")).toBeGreaterThanOrEqual(4000);
    await engine.close();
    await open("renamed");
    const { rows: _, ...now } = await engine.serving.query("every", { keys: {} });
    expect(now).toMatchObject({ generation, frozen_at: null, problems: [] });
    expect(await sql("batch_all")).toBeGreaterThanOrEqual(4000);
    await expect(sql("batch_every")).rejects.toThrow(/batch_every/);
  });

  const tablesLike = async (pattern: string) => {
    const rows = await engine.warehouse.query<{ name: string }>(
      "SELECT name FROM system.tables WHERE name LIKE {pattern:String} ORDER BY name",
      { params: { pattern } },
    );
    return rows.map(({ name }) => name);
  };
  const stateTables = (plugin: string) => tablesLike(`state%${plugin}_v%`);
  const ledgerTables = () => tablesLike("state\\_ledger\\_%");

  it("loses the tables of generations that do not answer by a prune, and no others", async () => {
    const { generation } = await ask();
    // Of the code before, of the code now, and of the other horizon, whose tables are empty.
    expect((await stateTables("high")).length).toBe(6);
    const ledgers = await ledgerTables();
    expect(ledgers.length).toBeGreaterThan(1);
    const removed = await engine.prunePlugins();
    const left = await ledgerTables();
    expect(left.length).toBe(engine.logs.size);
    expect(removed.filter((name) => name.startsWith("state_ledger_")))
      .toEqual(ledgers.filter((name) => !left.includes(name)));
    const { problems, topics } = await engine.status();
    expect([problems, topics[0].partitions.map(({ error }) => error)])
      .toEqual([[], topics[0].partitions.map(() => null)]);
    expect(removed.filter((name) => name.includes("high")).length).toBe(4);
    expect(removed.every((name) => !name.includes(generation))).toBe(true);
    expect(await engine.prunePlugins()).toEqual([]);
    expect(await merged()).toMatchObject({ total: 1680, generation });
    await engine.close();
  });

  it("goes on to answer by the code before, frozen, while its batch SQL is refused", async () => {
    await open("refused", 50 * 3_600_000);
    const now = await merged();
    expect(now).toMatchObject({ total: 1680, generation: before, rebuilding: null });
    expect(now.frozen_at).not.toBeNull();
    expect(now.problems).toMatchObject([{ code: "plugin_refused", plugin: "high" }]);
    expect((await engine.status()).problems).toEqual(now.problems);
    expect(await sql("merged_high")).toBe(1680);
    expect((await stateTables("high")).length).toBe(2);
    expect(await engine.prunePlugins()).toEqual([]);
    await forgetLiveRow(engine.warehouse, "high");
    await engine.close();
  });

  /** What the SQL console says of a relation. */
  const refusal = async (relation: string) => {
    const error = await engine.sql.query(`SELECT * FROM ${relation}`).then(() => null, (e) => e);
    expect(error).toBeInstanceOf(ProblemError);
    return { code: error.code, message: error.message };
  };

  it("has relations that say so where nothing says what answered before its SQL was", async () => {
    await open("refused", 50 * 3_600_000);
    const [{ message }] = (await engine.status()).problems;
    expect(await refusal("merged_high")).toEqual({
      code: "plugin_refused",
      message: `relation merged_high: ${message}`,
    });
    const error = await ask().then(() => null, (error) => error);
    expect([error.code, error.message]).toEqual(["plugin_refused", message]);
    expect((await stateTables("high")).length).toBe(2);
    await engine.close();
  });

  it("once removed, has relations that say so, and is there again when it comes back", async () => {
    await open("removed");
    for (const relation of ["merged_high", "batch_high"]) {
      await expect(sql(relation)).rejects.toThrow(/plugin high was removed; its tables are kept/);
    }
    expect(await refusal("merged_high")).toEqual({
      code: "plugin_removed",
      message:
        "relation merged_high: plugin high was removed; its tables are kept for a while in " +
        "case it comes back; to drop them now, run: twofold plugins prune",
    });
    expect((await stateTables("high")).length).toBe(2);
    await engine.close();
    await open("renamed");
    expect(await sql("merged_high")).toBe(1680);
    expect((await ask()).frozen_at).toBeNull();
    await engine.close();
  });

  it("once removed, loses its tables and relations after a day", async () => {
    await open("removed");
    await engine.close();
    await open("removed", 25 * 3_600_000);
    expect(await stateTables("high")).toEqual([]);
    await expect(sql("merged_high")).rejects.toThrow(/Unknown table/);
    expect(await sql("merged_every")).toBe(4200);
    await engine.close();
  });

  it("once removed, loses its tables at once by a prune without a start before it", async () => {
    await open("renamed");
    await engine.close();
    await look("removed");
    expect((await stateTables("high")).length).toBe(2);
    expect(await engine.prunePlugins()).toContain("merged_high");
    expect(await stateTables("high")).toEqual([]);
  });
});
