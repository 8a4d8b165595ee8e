import { afterAll, beforeAll, describe, expect, it } from "testing";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { checkSpeed } from "../../runtime/engine/speed_check.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { random } from "../../plugins/viewing/chance.ts";
import { openSpeedLayer } from "../../runtime/speed/speed_layer.ts";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { count, max, type PluginDeclaration, sum, variance } from "../../runtime/plugin.ts";
import {
  createBatchTable,
  createSpeedTable,
  type PluginTables,
  SpeedKind,
  tablesOf,
} from "../../runtime/sql/tables.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { openLaboratory, plugins } from "../support/parity/law.ts";

const BLOCK_SIZE = 16;

describe("checkSpeed()", () => {
  const log = new MemoryLog({ topic: plugins.get("user_stats")!.plugin.source.topic });
  const tables = tablesOf(plugins.get("user_stats")!.plugin, "check");
  const table = tables.speed(log.id);
  let laboratory: Awaited<ReturnType<typeof openLaboratory>>;
  let warehouse: Warehouse;
  let copies = 0;

  /** Twelve flushes, each a part, of which some end blocks and some do not. */
  beforeAll(async () => {
    laboratory = await openLaboratory();
    warehouse = laboratory.warehouse;
    const clock = new ManualClock(Date.UTC(2024, 2, 2));
    await warehouse.command(createBatchTable(tables));
    const speed = await openSpeedLayer({
      schema: tables.plugin.source,
      log,
      plugins: [tables],
      warehouse,
      createDecoder,
      clock,
      blockSize: BLOCK_SIZE,
      horizon: BLOCK_SIZE,
      flushIntervalMs: 10,
      ledger: {
        topic: log.topic,
        schemaVersion: 1,
        decoderVersion: 1,
        blockSize: BLOCK_SIZE,
        horizon: BLOCK_SIZE,
        lateAfterMs: 10_000,
        futureAfterMs: 3_600_000,
      },
      onProblem: () => {},
    });
    await warehouse.command(`SYSTEM STOP MERGES ${table}`);
    const stop = new AbortController();
    const running = speed.run(stop.signal);
    const chance = random(7);
    for (let flush = 0; flush < 12; flush++) {
      const count = 4 + Math.floor(chance() * BLOCK_SIZE);
      for (let i = 0; i < count; i++) {
        const event = {
          event_id: `${flush}_${i}`,
          user_id: Math.floor(chance() * 50),
          movie_id: 1,
          event_type: "view",
          timestamp: "2024-03-01T00:00:00Z",
        };
        log.place(0, { offset: log.endOf(0), value: JSON.stringify(event) });
      }
      while (speed.frontier("user_stats")[log.id][0] < log.endOf(0)) {
        clock.advance(500);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    stop.abort();
    await running;
  });
  afterAll(() => laboratory.close());

  /** A copy of the table, with the names of its parts in the order of their flushes. */
  async function copied(): Promise<{ copy: PluginTables; name: string; parts: string[] }> {
    const name = `${table}_copy${++copies}`;
    await warehouse.command(`CREATE TABLE ${name} AS ${table}`);
    await warehouse.command(`SYSTEM STOP MERGES ${name}`);
    await warehouse.command(`ALTER TABLE ${name} ATTACH PARTITION tuple() FROM ${table}`);
    const parts = await warehouse.query<{ name: string }>(
      `SELECT name FROM system.parts WHERE table = {name:String} AND active
ORDER BY min_block_number`,
      { params: { name } },
    );
    return { copy: { ...tables, speed: () => name }, name, parts: parts.map(({ name }) => name) };
  }
  const rowsOf = async (name: string) => {
    const [{ hash }] = await warehouse.query<{ hash: string }>(
      `SELECT toString(groupBitXor(cityHash64(partition, block, user_id, window_start, version))) AS hash
FROM ${name} FINAL WHERE kind = ${SpeedKind.row}`,
    );
    return hash;
  };
  const faultsOf = (of: PluginTables) => checkSpeed(warehouse, of, log.id);

  it("finds nothing where every flush is there", async () => {
    expect(await faultsOf(tables)).toEqual([]);
    const { copy, parts } = await copied();
    expect(parts.length).toBeGreaterThan(10);
    expect(await faultsOf(copy)).toEqual([]);
  });

  it("finds every part whose rows are missed, but for the newest flush of a partition", async () => {
    const whole = await rowsOf(table);
    const { parts } = await copied();
    let missed = 0;
    for (const i of parts.keys()) {
      const { copy, name, parts } = await copied();
      await warehouse.command(`ALTER TABLE ${name} DROP PART '${parts[i]}'`);
      const faults = await faultsOf(copy);
      const found = faults.length === 1 && faults[0].object === `table ${name}`;
      const newest = i === parts.length - 1;
      // Later flushes may have written all rows of a part again.
      const isMissed = !newest && await rowsOf(name) !== whole;
      expect({ i, found }).toEqual({ i, found: isMissed });
      if (isMissed) missed++;
    }
    expect(missed).toBeGreaterThan(8);
  });

  it("leaves blocks below the published cut alone, which may be on their way out", async () => {
    const { copy, name, parts } = await copied();
    await warehouse.command(`ALTER TABLE ${name} DROP PART '${parts[4]}'`);
    const [{ damage }] = await faultsOf(copy);
    expect(damage).toContain("partition 0");
    const cut = [Number(log.endOf(0)) - Number(log.endOf(0)) % BLOCK_SIZE];
    await warehouse.command(
      `INSERT INTO ${tables.batch} (level, run, full_run, cut)
VALUES (0, 1, 1, map('${log.id}', [${cut}]))`,
    );
    expect(await faultsOf(copy)).toEqual([]);
    await warehouse.command(`TRUNCATE TABLE ${tables.batch}`);
  });

  it("compares no sums with rows of an earlier build, whose frontier rows have none", async () => {
    const { copy, name } = await copied();
    const old = `${name}_old`;
    const sums = tables.plugin.measureColumns.filter(({ additive }) => additive);
    const zeroed = sums.map(({ name }) =>
      `if(kind = ${SpeedKind.frontier}, 0, ${name}) AS ${name}`
    );
    await warehouse.command(`CREATE TABLE ${old} AS ${name}`);
    await warehouse.command(
      `INSERT INTO ${old} SELECT * REPLACE (${zeroed.join(", ")}) FROM ${name}`,
    );
    expect(await faultsOf({ ...copy, speed: () => old })).toEqual([]);
  });

  type Declaration = PluginDeclaration<typeof movieViewing>;
  const mixtures: readonly [string, Declaration["measures"]][] = [
    ["sums of several types", ({ movie_id, rating }) => ({
      n: count(),
      movies: sum(movie_id),
      stars: sum(rating),
      spread: variance(rating),
    })],
    ["no sums", ({ rating }) => ({ highest: max(rating) })],
  ];
  it.each(mixtures)("checks tables of %s", async (_, measures) => {
    const key: Declaration["key"] = ({ user_id }) => ({ user_id });
    const plugin = definePlugin(movieViewing, { name: "mixed", summary: "", key, measures });
    const mixed = tablesOf(plugin, `check${++copies}`);
    await warehouse.command(createBatchTable(mixed));
    await warehouse.command(createSpeedTable(mixed, log.id));
    const frontiers = (versions: string) =>
      warehouse.command(
        `INSERT INTO ${mixed.speed(log.id)} (kind, partition, block, version) VALUES ${versions}`,
      );
    await frontiers(`(${SpeedKind.frontier}, 0, 0, 16), (${SpeedKind.frontier}, 0, 16, 20)`);
    expect(await faultsOf(mixed)).toEqual([]);
    await frontiers(`(${SpeedKind.frontier}, 0, 32, 40)`);
    const [{ damage }] = await faultsOf(mixed);
    expect(damage).toContain("block 16 up to offset 20, of the next one from offset 32 on");
  });
});
