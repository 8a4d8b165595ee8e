import { setImmediate } from "node:timers/promises";
import type { Cut } from "../../../runtime/model/frontier.ts";
import type { Plugin } from "../../../runtime/plugin.ts";
import type { ObjectStore, Warehouse } from "../../../runtime/ports/ports.ts";
import type { SpeedLayer } from "../../../runtime/ports/services.ts";
import type { PluginTables } from "../../../runtime/sql/tables.ts";
import { ManualClock } from "../manual_clock.ts";
import type { MemoryLog } from "../memory_log.ts";
import type { EngineModules } from "./engine_modules.ts";
import { type HeldInsert, HeldWarehouse } from "./held_warehouse.ts";

/** Small enough that a few dozen records make many blocks and evict many repeats. */
export const BLOCK_SIZE = 16;
export const HORIZON = 16;

/** A speed process: pipelines over all partitions, and a warehouse that holds its inserts. */
export interface SpeedProcess {
  readonly warehouse: HeldWarehouse;
  readonly pipelines: InstanceType<EngineModules["PartitionPipeline"]>[];
  readonly flusher: InstanceType<EngineModules["Flusher"]>;
  readonly flusherClock: ManualClock;
}

/** What {@link startProcess} takes. */
export interface ProcessOptions {
  readonly engine: EngineModules;
  readonly plugin: Plugin;
  readonly warehouse: Warehouse;
  readonly tables: PluginTables;
  readonly log: MemoryLog;
  readonly store: ObjectStore;
  /** Bytes of closed blocks that it keeps in memory. */
  readonly recentBytes: number;
}

/** Starts a process where the tables stand. */
export async function startProcess(
  { engine, plugin, warehouse, tables, log, store, recentBytes }: ProcessOptions,
): Promise<SpeedProcess> {
  const facts = { blockSize: BLOCK_SIZE, horizon: HORIZON };
  const points = await engine.resumePlugin(warehouse, tables, log, facts);
  const histories = await engine.resumeLedger(warehouse, ledgerFacts(log), log);
  const archived = engine.openArchivedRecords({
    schema: plugin.source,
    store,
    warehouse,
    logId: log.id,
    hashIdentity: engine.hashIdentity,
  });
  const held = new HeldWarehouse(warehouse);
  const memory = new engine.RecentBlocks(recentBytes);
  const pipelines = points.map((point, partition) => {
    const history = histories[partition];
    const { block } = history.resume;
    return new engine.PartitionPipeline({
      ...facts,
      log,
      archived,
      schema: plugin.source,
      partition,
      decoder: engine.createDecoder(plugin.source),
      start: point.block < block ? point.block : block,
      plugins: (columns) => [
        new engine.PluginPartition(plugin, partition, point, columns, memory),
      ],
      ledger: new engine.LedgerPartition(partition, log, ledgerFacts(log), history),
      onPluginFault: (_plugin, error) => {
        throw error;
      },
    });
  });
  const flusherClock = new ManualClock();
  const flusher = new engine.Flusher({
    warehouse: held,
    log,
    plugins: [tables],
    clock: flusherClock,
    ledger: ledgerFacts(log),
    flushIntervalMs: 1,
    onAcknowledged: () => {},
  });
  return { warehouse: held, pipelines, flusher, flusherClock };
}

/**
 * A speed layer that knows only what the tables say, as a serving-only process would, and what a
 * process has in memory, if one is given.
 */
export function speedLayerOf(
  { engine, plugin, log }: Pick<ProcessOptions, "engine" | "plugin" | "log">,
  process: (() => SpeedProcess) | null,
  wholeWindows: SpeedLayer["wholeWindows"],
): SpeedLayer {
  const nothing: Cut = {};
  return {
    recent: (_plugin, cut) => {
      if (process === null) return null;
      const at = process().pipelines.map(({ plugins }) => plugins[0]);
      return engine.readRecent(plugin, log.id, cut[log.id] ?? [], at);
    },
    frontier: () => nothing,
    start: () => nothing,
    wholeWindows,
    reached: () => Promise.resolve(),
    fresh: () => Promise.resolve(),
  };
}

/** What the ledger of a log counts by. */
export function ledgerFacts({ topic }: MemoryLog) {
  return {
    topic,
    schemaVersion: 1,
    decoderVersion: 1,
    blockSize: BLOCK_SIZE,
    horizon: HORIZON,
    lateAfterMs: 10_000,
    futureAfterMs: 3_600_000,
  };
}

/** Lets one of the held inserts arrive, with or without its sender's knowing, or fail. */
export async function settle(
  held: HeldInsert[],
  which: number,
  how: "known" | "unknown" | "refused",
): Promise<boolean> {
  if (held.length === 0) return false;
  const [insert] = held.splice(which % held.length, 1);
  if (how === "known") await insert.deliver();
  else if (how === "unknown") await insert.deliverUnknown();
  else insert.refuse();
  // The sender's continuation runs before anything else happens.
  await setImmediate();
  return true;
}
