/** Speed layers over logs in memory, one warehouse for all tests of a group. */
import { afterAll, beforeAll, expect } from "testing";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import type { Plugin } from "../../runtime/plugin.ts";
import { type ArchivedRecords } from "../../runtime/ports/ports.ts";
import { type LogSpeedLayer, openSpeedLayer } from "../../runtime/speed/speed_layer.ts";
import { SpeedKind, tablesOf } from "../../runtime/sql/tables.ts";
import { ManualClock } from "./manual_clock.ts";
import { MemoryLog } from "./memory_log.ts";
import { openLaboratory, plugins } from "./parity/law.ts";

export const BLOCK_SIZE = 16;
export const HORIZON = 16;

/** A view by user 1 at a minute of 2024-03-01. */
export const view = (id: number, minute = 0) =>
  JSON.stringify({
    event_id: `e${id}`,
    user_id: 1,
    movie_id: 1 + id % 3,
    event_type: "view",
    timestamp: new Date(Date.UTC(2024, 2, 1, 0, minute)).toISOString(),
  });

/** What the ledger of a log is made of. */
export const ledgerFacts = (log: MemoryLog) => ({
  topic: log.topic,
  schemaVersion: 1,
  decoderVersion: 1,
  blockSize: BLOCK_SIZE,
  horizon: HORIZON,
  lateAfterMs: 10_000,
  futureAfterMs: 3_600_000,
});

/** The plugin that counts views by movie. */
export const views = () => plugins.get("popular_movies")!.plugin;
/** The plugin of the users' totals. */
export const users = () => plugins.get("user_stats")!.plugin;

/** Waits until a plugin has come to the log's end, moving time for flushes and back-off. */
export async function settle(
  speed: LogSpeedLayer,
  clock: ManualClock,
  log: MemoryLog,
  plugin: Plugin,
) {
  const target = { [log.id]: [log.endOf(0)] };
  const reached = new AbortController();
  const done = speed.reached(plugin.name, target, AbortSignal.timeout(10_000))
    .finally(() => reached.abort());
  // The ledger is another table, whose insert may end later.
  while (!reached.signal.aborted || speed.partition(0).position < log.endOf(0)) {
    clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await done;
  expect(speed.frontier(plugin.name)[log.id][0]).toBe(log.endOf(0));
}

/** Opens a warehouse for the tests of a group, and what opens and reads speed layers over it. */
export function speedWorld() {
  let laboratory: Awaited<ReturnType<typeof openLaboratory>>;
  beforeAll(async () => {
    laboratory = await openLaboratory();
  });
  afterAll(() => laboratory.close());

  async function open(
    log: MemoryLog,
    own: readonly Plugin[],
    generation: string,
    archived?: ArchivedRecords,
    recentBytes?: number,
    idleFlushIntervalMs?: number,
  ) {
    const clock = new ManualClock(Date.UTC(2024, 2, 2));
    const told: string[] = [];
    const speed = await openSpeedLayer({
      schema: own[0].source,
      log,
      archived,
      plugins: own.map((plugin) => tablesOf(plugin, generation)),
      warehouse: laboratory.warehouse,
      createDecoder,
      clock,
      blockSize: BLOCK_SIZE,
      horizon: HORIZON,
      flushIntervalMs: 10,
      idleFlushIntervalMs,
      recentBytes,
      ledger: ledgerFacts(log),
      onProblem: (message) => told.push(message),
    });
    const stop = new AbortController();
    const running = speed.run(stop.signal);
    return {
      speed,
      clock,
      told,
      close: async () => {
        stop.abort();
        await running;
      },
    };
  }

  async function counted(plugin: Plugin, generation: string, log: MemoryLog): Promise<number> {
    const measure = plugin.measureColumns[0].name;
    const [row] = await laboratory.warehouse.query<{ n: number }>(
      `SELECT sum(${measure}) AS n FROM ${tablesOf(plugin, generation).speed(log.id)} FINAL
       WHERE kind = ${SpeedKind.row}`,
    );
    return row.n;
  }

  return {
    open,
    counted,
    get warehouse() {
      return laboratory.warehouse;
    },
    /** A folder that is removed at the end. */
    get dir() {
      return laboratory.dir;
    },
  };
}
