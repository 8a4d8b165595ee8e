import { afterAll, beforeAll, describe, expect, it } from "testing";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { addColumns } from "../../runtime/engine/added_columns.ts";
import { checkDeadLetters, checkLedger } from "../../runtime/engine/ledger_check.ts";
import { checkSpeed, type SpeedCheckOptions } from "../../runtime/engine/speed_check.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { random } from "../../plugins/viewing/chance.ts";
import { createLedgerTable, firstBlockColumn, ledgerTable } from "../../runtime/speed/ledger.ts";
import { resumeLedger } from "../../runtime/speed/resume.ts";
import { type LogSpeedLayer, openSpeedLayer } from "../../runtime/speed/speed_layer.ts";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { approxUniq, max, min, quantile, uniq } from "../../runtime/plugin.ts";
import {
  createBatchTable,
  createSpeedTable,
  type PluginTables,
  rowsHashColumn,
  speedColumns,
  SpeedKind,
  tablesOf,
} from "../../runtime/sql/tables.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { openLaboratory, plugins } from "../support/parity/law.ts";
import { ledgerFacts } from "../support/speed_world.ts";

const BLOCK_SIZE = 16;

/** A metric of every measure that is no sum. */
const peaks = definePlugin(movieViewing, {
  name: "peaks",
  summary: "",
  key: ({ user_id, event_type }) => ({ user_id, event_type }),
  measures: ({ rating, movie_id, event_id }) => ({
    best: max(rating),
    worst: min(rating),
    middle: quantile(rating, 0.5),
    movies: uniq(movie_id),
    views: uniq(event_id),
    about: approxUniq(event_id),
  }),
});

describe("the checks of what the speed layer wrote", () => {
  const log = new MemoryLog({ topic: movieViewing.topic });
  const facts = ledgerFacts(log);
  const [sums, others] = [plugins.get("user_stats")!.plugin, peaks]
    .map((plugin) => tablesOf(plugin, "check"));
  const ledger = ledgerTable(facts, log.id);
  let laboratory: Awaited<ReturnType<typeof openLaboratory>>;
  let warehouse: Warehouse;
  let speed: LogSpeedLayer;
  let copies = 0;

  /** Twelve flushes, each a part, of which some end blocks and some do not. */
  beforeAll(async () => {
    laboratory = await openLaboratory();
    warehouse = laboratory.warehouse;
    const clock = new ManualClock(Date.UTC(2024, 2, 2));
    for (const tables of [sums, others]) await warehouse.command(createBatchTable(tables));
    speed = await openSpeedLayer({
      schema: movieViewing,
      log,
      plugins: [sums, others],
      warehouse,
      createDecoder,
      clock,
      blockSize: BLOCK_SIZE,
      horizon: BLOCK_SIZE,
      flushIntervalMs: 10,
      ledger: facts,
      onProblem: () => {},
    });
    for (const table of [sums.speed(log.id), others.speed(log.id), ledger, "dead_letters"]) {
      await warehouse.command(`SYSTEM STOP MERGES ${table}`);
    }
    const stop = new AbortController();
    const running = speed.run(stop.signal);
    const chance = random(7);
    const frontiers = () =>
      [...[sums, others].map(({ plugin }) => speed.frontier(plugin.name)[log.id][0])].concat(
        speed.partition(0).position,
      );
    for (let flush = 0; flush < 12; flush++) {
      const count = 4 + Math.floor(chance() * BLOCK_SIZE);
      for (let i = 0; i < count; i++) {
        const event = {
          event_id: `${flush}_${i}`,
          user_id: Math.floor(chance() * 50),
          movie_id: i,
          event_type: "view",
          rating: Math.floor(chance() * 10),
          timestamp: "2024-03-01T00:00:00Z",
        };
        const value = i === 0 ? "no event" : JSON.stringify(event);
        log.place(0, { offset: log.endOf(0), value });
      }
      while (frontiers().some((at) => at < log.endOf(0))) {
        clock.advance(500);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    stop.abort();
    await running;
  });
  afterAll(() => laboratory.close());

  /** A copy of a table, with the names of its parts in the order of their flushes. */
  async function copied(table: string): Promise<{ name: string; parts: string[] }> {
    const name = `${table}_copy${++copies}`;
    await warehouse.command(`CREATE TABLE ${name} AS ${table}`);
    await warehouse.command(`SYSTEM STOP MERGES ${name}`);
    await warehouse.command(`ALTER TABLE ${name} ATTACH PARTITION tuple() FROM ${table}`);
    const parts = await warehouse.query<{ name: string }>(
      `SELECT name FROM system.parts WHERE table = {name:String} AND active
ORDER BY min_block_number`,
      { params: { name } },
    );
    return { name, parts: parts.map(({ name }) => name) };
  }
  const drop = (name: string, part: string) =>
    warehouse.command(`ALTER TABLE ${name} DROP PART '${part}'`);
  const remove = async (name: string, where: string) => {
    await warehouse.command(`SYSTEM START MERGES ${name}`);
    await warehouse.command(`DELETE FROM ${name} WHERE ${where}`);
  };

  /** What is found in a copy of a speed table by a process that wrote it, or by another. */
  async function faultsOf(
    tables: PluginTables,
    name: string,
    { fast = false, shared = false, restarted = false }: Partial<
      SpeedCheckOptions & { restarted: boolean }
    > = {},
  ): Promise<string[]> {
    const copy = { ...tables, speed: () => name };
    const fresh = async () => {
      const [{ first, end }] = await warehouse.query<Record<"first" | "end", number>>(
        `SELECT min(block) AS first, max(version) AS end FROM ${name} WHERE kind = 1`,
      );
      const [start, frontier] = [first, end].map((at) => ({ [log.id]: [BigInt(at)] }));
      return { start: () => start, frontier: () => frontier };
    };
    const known = restarted ? await fresh() : speed;
    const plugin = { tables: copy, speed: known };
    const { faults } = await checkSpeed(warehouse, plugin, log.id, { fast, shared });
    return faults.map(({ object, damage }) => `${object}: ${damage}`);
  }
  const rowsOf = async ({ plugin }: PluginTables, name: string) => {
    const columns = speedColumns(plugin).filter((column) => column !== "_rows_hash");
    return await warehouse.query(
      `SELECT ${columns.join(", ")} FROM ${name} FINAL WHERE kind = ${SpeedKind.row} ORDER BY ALL`,
    );
  };
  const publish = (tables: PluginTables, cut: bigint) =>
    warehouse.command(
      `INSERT INTO ${tables.batch} (level, run, full_run, cut)
VALUES (0, 1, 1, map('${log.id}', [${cut}]))`,
    );
  const lastBound = () => log.endOf(0) - log.endOf(0) % BigInt(BLOCK_SIZE);

  const kinds: readonly [string, PluginTables][] = [
    ["sums", sums],
    ["measures that are no sums", others],
  ];
  describe.each(kinds)("of %s", (_, tables) => {
    const table = tables.speed(log.id);

    it("find nothing where every flush is there, before and after a merge", async () => {
      const { name, parts } = await copied(table);
      expect(parts.length).toBeGreaterThan(10);
      expect(await faultsOf(tables, name)).toEqual([]);
      await warehouse.command(`SYSTEM START MERGES ${name}`);
      await warehouse.command(`OPTIMIZE TABLE ${name} FINAL`);
      expect(await faultsOf(tables, name)).toEqual([]);
    });

    it("find each lost flush whose rows are missed", async () => {
      const whole = await rowsOf(tables, table);
      const { parts } = await copied(table);
      let missed = 0;
      for (const i of parts.keys()) {
        const { name, parts } = await copied(table);
        await drop(name, parts[i]);
        // Later flushes may have written all rows of a part again.
        const isMissed = JSON.stringify(await rowsOf(tables, name)) !== JSON.stringify(whole);
        const faults = await faultsOf(tables, name);
        expect([i, faults.length]).toEqual([i, isMissed ? 1 : 0]);
        expect(faults.every((fault) => fault.startsWith(`table ${name}: `))).toBe(true);
        if (isMissed) missed++;
        const newest = i === parts.length - 1;
        // The table is then as it was before: a restarted process writes the rows again.
        expect((await faultsOf(tables, name, { restarted: true })).length)
          .toBe(isMissed && !newest ? 1 : 0);
      }
      expect(missed).toBeGreaterThan(8);
    });
  });

  it("name the newest rows, up to where they were written", async () => {
    const { name, parts } = await copied(sums.speed(log.id));
    await drop(name, parts.at(-1)!);
    expect(await faultsOf(sums, name)).toEqual([
      expect.stringMatching(
        `the newest rows of partition 0 are missing: they reached offset ${
          log.endOf(0)
        } and end at`,
      ),
    ]);
  });

  it("find that all blocks from the cut up to a later one are missing", async () => {
    const { name } = await copied(sums.speed(log.id));
    await publish(sums, 32n);
    await remove(name, "block < 64");
    const missing = "are missing: no block begins at offset 32, from which on answers read them";
    expect(await faultsOf(sums, name, { shared: true }))
      .toEqual([expect.stringContaining(missing)]);
    expect(await faultsOf(sums, name)).toEqual([
      expect.stringContaining("they began at offset 0 and begin at 64"),
    ]);
    // A restarted process merges nothing before a batch run has closed the gap.
    expect(await faultsOf(sums, name, { restarted: true })).toEqual([]);
    const other = await copied(sums.speed(log.id));
    await remove(other.name, "block >= 32 AND block < 64");
    for (const restarted of [false, true]) {
      expect(await faultsOf(sums, other.name, { restarted })).toHaveLength(1);
    }
    await warehouse.command(`TRUNCATE TABLE ${sums.batch}`);
  });

  it("find lost rows below the cut, unless asked to be fast", async () => {
    const { name, parts } = await copied(sums.speed(log.id));
    await publish(sums, lastBound());
    await drop(name, parts[4]);
    expect(await faultsOf(sums, name)).toEqual([expect.stringContaining("partition 0, block")]);
    expect(await faultsOf(sums, name, { fast: true })).toEqual([]);
    await warehouse.command(`TRUNCATE TABLE ${sums.batch}`);
  });

  it("take no removal of old blocks for damage, in any of its steps", async () => {
    const { name, parts } = await copied(sums.speed(log.id));
    await publish(sums, lastBound());
    const removing = `block < 64 AND kind = ${SpeedKind.frontier}`;
    // With merges stopped it is begun and does not end.
    await warehouse.command(
      `ALTER TABLE ${name} UPDATE _rows_hash = _rows_hash + 1 WHERE ${removing}
SETTINGS mutations_sync = 0`,
    );
    const [{ undone }] = await warehouse.query<{ undone: number }>(
      `SELECT count() AS undone FROM system.mutations WHERE table = '${name}' AND NOT is_done`,
    );
    expect(undone).toBe(1);
    await drop(name, parts[4]);
    expect(await faultsOf(sums, name, { shared: true })).toEqual([]);
    // Of a metric whose rows end below the cut, all of them go.
    const behind = await copied(sums.speed(log.id));
    await warehouse.command(`TRUNCATE TABLE ${behind.name}`);
    expect(await faultsOf(sums, behind.name)).toHaveLength(1);
    await warehouse.command(`TRUNCATE TABLE ${sums.batch}`);
    await publish(sums, log.endOf(0) + 100n);
    expect(await faultsOf(sums, behind.name)).toEqual([]);
    await warehouse.command(`TRUNCATE TABLE ${sums.batch}`);
    await publish(sums, lastBound());
    const done = await copied(sums.speed(log.id));
    await remove(done.name, removing);
    expect(await faultsOf(sums, done.name, { shared: true })).toEqual([]);
    await remove(done.name, "block < 64");
    expect(await faultsOf(sums, done.name, { shared: true })).toEqual([]);
    expect(await faultsOf(sums, done.name, { restarted: true })).toEqual([]);
    await warehouse.command(`TRUNCATE TABLE ${sums.batch}`);
  });

  it("compare no hashes with frontier rows of an earlier build, which have none", async () => {
    const table = sums.speed(log.id);
    const name = `${table}_old`;
    await warehouse.command(`CREATE TABLE ${name} AS ${table}`);
    await warehouse.command(`INSERT INTO ${name} SELECT * REPLACE (0 AS _rows_hash) FROM ${table}`);
    expect(await faultsOf(sums, name)).toEqual([]);
    await remove(name, "block = 32");
    expect(await faultsOf(sums, name)).toEqual([expect.stringContaining("of block 16 up to")]);
  });

  it("read tables of an earlier build once they have the columns that they lack", async () => {
    const old = tablesOf(sums.plugin, "old");
    const [table, counts] = [old.speed(log.id), ledgerTable({ ...facts, horizon: 99 }, log.id)];
    const without = (create: string, column: string) => create.replace(`, ${column}`, "");
    await warehouse.command(createBatchTable(old));
    await warehouse.command(without(createSpeedTable(old, log.id), rowsHashColumn));
    await warehouse.command(without(createLedgerTable(counts), firstBlockColumn));
    await warehouse.command(
      `INSERT INTO ${table} (kind, user_id, version) VALUES (0, 7, 16), (1, 0, 16)`,
    );
    await warehouse.command(`INSERT INTO ${table} (kind, block, version) VALUES (1, 16, 16)`);
    await warehouse.command(`INSERT INTO ${counts} (block, version) VALUES (16, 32), (32, 40)`);
    await expect(faultsOf(old, table, { restarted: true })).rejects.toThrow("_rows_hash");
    for (let start = 0; start < 2; start++) await addColumns(warehouse);
    expect(await faultsOf(old, table, { restarted: true })).toEqual([]);
    expect(await checkLedger(warehouse, { table: counts, written: [40n] })).toEqual([]);
    expect(await warehouse.query(`SELECT first_block FROM ${counts} ORDER BY block`))
      .toEqual([{ first_block: 16 }, { first_block: 32 }]);
  });

  it("find each lost part of a ledger that a later one does not replace", async () => {
    const written = [speed.partition(0).position];
    const check = async (table: string, known = written) =>
      (await checkLedger(warehouse, { table, written: known })).map(({ damage }) => damage);
    expect(await check(ledger)).toEqual([]);
    const rows = (name: string) =>
      warehouse.query(`SELECT * FROM ${name} FINAL WHERE partition = 0 ORDER BY block`);
    const whole = JSON.stringify(await rows(ledger));
    let missed = 0;
    for (const i of (await copied(ledger)).parts.keys()) {
      const { name, parts } = await copied(ledger);
      await drop(name, parts[i]);
      const isMissed = JSON.stringify(await rows(name)) !== whole;
      if (isMissed) missed++;
      expect([i, (await check(name)).length]).toEqual([i, isMissed ? 1 : 0]);
      const newest = i === parts.length - 1;
      expect((await check(name, [])).length).toBe(isMissed && !newest ? 1 : 0);
    }
    expect(missed).toBeGreaterThan(8);
    const { name } = await copied(ledger);
    await remove(name, "block < 64");
    expect(await check(name)).toEqual([
      "the oldest rows of partition 0 are missing: they began at offset 0 and begin at 64",
    ]);
  });

  it("know where a ledger begins before it counts, so that nothing that comes late looks lost", async () => {
    const trimmed = new MemoryLog({ topic: log.topic, id: "trimmed", partitions: 1 });
    const table = ledgerTable(facts, trimmed.id);
    const [{ resume: early }] = await resumeLedger(warehouse, facts, trimmed);
    trimmed.skipTo(0, 100n);
    await trimmed.trim(0, 70n);
    const [{ resume: late, first }] = await resumeLedger(warehouse, facts, trimmed);
    expect([early.block, late.block, first]).toEqual([0n, 0n, 0n]);
    expect(await checkLedger(warehouse, { table, written: [late.frontier] })).toEqual([]);
    const anew = { ...facts, lateAfterMs: 1 };
    const [{ resume }] = await resumeLedger(warehouse, anew, trimmed);
    const written = [resume.frontier];
    expect(written[0]).toBeGreaterThanOrEqual(70n);
    expect(await checkLedger(warehouse, { table: ledgerTable(anew, trimmed.id), written })).toEqual(
      [],
    );
  });

  it("find each lost part of the dead letters, and count those of other logs apart", async () => {
    const letters = { topic: log.topic, logId: log.id, table: ledger, decoding: "" };
    const parts = await warehouse.query<{ name: string }>(
      "SELECT name FROM system.parts WHERE table = 'dead_letters' AND active",
    );
    expect(parts.length).toBeGreaterThan(8);
    await warehouse.command(
      `INSERT INTO dead_letters SELECT * REPLACE ('other' AS log) FROM dead_letters`,
    );
    expect(await checkDeadLetters(warehouse, letters)).toEqual([]);
    expect(await checkDeadLetters(warehouse, { ...letters, decoding: "1_0123abcd" }))
      .toHaveLength(1);
    for (const { name } of parts) {
      await warehouse.command(`ALTER TABLE dead_letters DETACH PART '${name}'`);
      const [{ object, damage }] = await checkDeadLetters(warehouse, letters);
      expect(object).toBe(`table dead_letters, topic ${log.topic}`);
      expect(damage).toMatch(/of \d dead letters of partition 0, block \d+, \d (is|are) there/);
      await warehouse.command(`ALTER TABLE dead_letters ATTACH PART '${name}'`);
    }
    expect(await checkDeadLetters(warehouse, letters)).toEqual([]);
  });
});
