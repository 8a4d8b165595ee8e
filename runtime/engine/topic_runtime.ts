import { openArchiveReader } from "../archive/archive_reader.ts";
import { Archiver } from "../archive/archiver.ts";
import { Compactor } from "../archive/compactor.ts";
import { Pacemaker } from "../archive/pacemaker.ts";
import { createBatchLayer } from "../batch/batch_layer.ts";
import { runOnSchedule } from "../batch/schedule.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { createDecoder, DECODER_VERSION } from "../decode/decoder.ts";
import type { EventSchema } from "../events.ts";
import type { ArchiveReader, EventLog, ObjectStore, Warehouse } from "../ports.ts";
import type { BatchLayer } from "../services.ts";
import type { LogSpeedLayer } from "../speed/speed_layer.ts";
import { openSpeedLayer } from "../speed/speed_layer.ts";
import { createBatchTable, generationOf, type PluginTables, tablesOf } from "../tables.ts";
import type { LoadedPlugin } from "./load_plugins.ts";
import { Retention } from "./retention.ts";

/** What the topics of an engine share. */
export interface TopicParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly warehouse: Warehouse;
  readonly store: ObjectStore;
  readonly openLog: (topic: string) => Promise<EventLog>;
  /** Whether ticks may be written to logs. */
  readonly ticks: boolean;
  readonly onProblem: (message: string, error: unknown) => void;
}

/** One topic: its log, and the layers over it. */
export interface TopicRuntime {
  readonly schema: EventSchema;
  readonly log: EventLog;
  readonly plugins: readonly PluginTables[];
  readonly speed: LogSpeedLayer;
  readonly archiver: Archiver;
  readonly archive: ArchiveReader;
  readonly pacemaker: Pacemaker;
  readonly batch: BatchLayer;
  /** Runs everything until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Events are late when they happened more than this before the newest one of their partition. */
const LATE_AFTER_MS = 10_000;

/**
 * Opens one topic: log → (speed, archive → batch).
 *
 * @throws UserError or ExternalError when the log or the tables cannot be opened.
 */
export async function openTopic(
  schema: EventSchema,
  loaded: readonly LoadedPlugin[],
  parts: TopicParts,
): Promise<TopicRuntime> {
  const log = await parts.openLog(schema.topic);
  try {
    return await openOver(log, schema, loaded, parts);
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function openOver(
  log: EventLog,
  schema: EventSchema,
  loaded: readonly LoadedPlugin[],
  parts: TopicParts,
): Promise<TopicRuntime> {
  const { config, clock, warehouse, store, ticks, onProblem } = parts;
  const { blockSize, horizon } = config;
  const plugins = loaded.map(({ plugin, batchSql }) => ({
    batchSql,
    tables: tablesOf(
      plugin,
      generationOf(plugin, { batchSql, decoderVersion: DECODER_VERSION, blockSize, horizon }),
    ),
  }));
  const tables = plugins.map((plugin) => plugin.tables);
  for (const table of tables) await warehouse.command(createBatchTable(table));
  const speed = await openSpeedLayer({
    schema,
    log,
    plugins: tables,
    warehouse,
    createDecoder,
    clock,
    blockSize,
    horizon,
    flushIntervalMs: config.flushIntervalMs,
    ledger: {
      topic: schema.topic,
      schemaVersion: schema.version,
      decoderVersion: DECODER_VERSION,
      blockSize,
      horizon,
      lateAfterMs: LATE_AFTER_MS,
    },
    onProblem,
  });
  const archiver = new Archiver({
    schema,
    log,
    store,
    clock,
    blockSize,
    createDecoder: () => createDecoder(schema),
  });
  await archiver.resume();
  const pacemaker = new Pacemaker({
    log,
    clock,
    openBlocks: () => archiver.openBlocks(),
    blockSpanMs: config.blockSpanMs,
  });
  const archive = openArchiveReader({ schema, store, clock });
  const batch = createBatchLayer({
    schema,
    plugins,
    archive,
    store,
    warehouse,
    clock,
    horizon,
    currentLogId: () => log.id,
    speedWholeFromMs: () => wholeFromMs(speed, tables),
    settings: { memoryLimitBytes: config.memoryLimitBytes },
  });
  const retention = new Retention({ ...parts, log, tables, speed, archiver, archive });
  const compactor = new Compactor({ schema, store, warehouse, clock, onProblem });
  return {
    schema,
    log,
    plugins: tables,
    speed,
    archiver,
    archive,
    pacemaker,
    batch,
    async run(signal) {
      const onError = (error: unknown) => onProblem(`batch run of ${schema.topic} failed`, error);
      const batchRuns = firstRun(log, archiver, batch, clock, signal).catch((error) => {
        if (!signal.aborted) onError(error);
      }).then(() => runOnSchedule(batch, config.batchSchedule, clock, signal, onError));
      await Promise.all([
        speed.run(signal),
        archiver.run(signal),
        ...(ticks ? [pacemaker.run(signal)] : []),
        batchRuns,
        retention.run(signal),
        compactor.run(signal),
      ]);
    },
    close: () => log.close(),
  };
}

const LOOK_MS = 500;

/**
 * Publishes what is archived as soon as anything is: what was archived before a restart, or a new
 * log's first block, and not only when the schedule says so.
 */
async function firstRun(
  log: EventLog,
  archiver: Archiver,
  batch: BatchLayer,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const archived = () => archiver.frontier()[log.id].every((offset) => offset > 0n);
  const sinceMs = clock.now();
  // A partition may stay empty: then the schedule's first run is not waited for longer than this.
  while (!archived() && clock.now() - sinceMs < 60_000 && !signal.aborted) {
    await clock.sleep(LOOK_MS, signal);
  }
  if (!signal.aborted) await batch.run({ signal });
}

/** From when on the speed rows of all plugins are whole; 0 when all are. */
async function wholeFromMs(
  speed: LogSpeedLayer,
  plugins: readonly PluginTables[],
): Promise<number> {
  const from = await Promise.all(plugins.map(({ plugin }) => speed.wholeFromMs(plugin.name)));
  return Math.max(0, ...from.map((ms) => ms ?? 0));
}
