import { holdBlockSize } from "../archive/block_size.ts";
import { openArchivedRecords } from "../archive/archived_records.ts";
import { openArchiveReader } from "../archive/archive_reader.ts";
import { Archiver } from "../archive/archiver.ts";
import { Compactor } from "../archive/compactor.ts";
import { DecodedGarbage } from "../archive/decoded_garbage.ts";
import type { SchemaMisfit } from "../archive/decoding.ts";
import { FileChecks } from "../archive/file_checks.ts";
import { Redecoder } from "../archive/redecoder.ts";
import { Pacemaker } from "../archive/pacemaker.ts";
import type { ThreadedEncoder } from "../archive/threaded_encoder.ts";
import type { BatchPlugin } from "../batch/plugin_step.ts";
import { createBatchLayer } from "../batch/batch_layer.ts";
import type { LocalBatchLayer } from "../batch/local_batch_layer.ts";
import { runOnSchedule } from "../batch/schedule.ts";
import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { createDecoder, DECODER_VERSION } from "../decode/decoder.ts";
import { hashIdentity } from "../decode/identity.ts";
import type { EventSchema } from "../events.ts";
import { NotReadyError } from "../std/errors.ts";
import type { Cut } from "../model/frontier.ts";
import { readingWords } from "../model/reading.ts";
import type {
  ArchiveReader,
  EventLog,
  Membership,
  ObjectStore,
  Warehouse,
} from "../ports/ports.ts";
import { type ProblemSink, repeated } from "../model/problems.ts";
import type { Isolates } from "../speed/isolates.ts";
import type { LedgerFacts } from "../speed/ledger.ts";
import type { LogSpeedLayer } from "../speed/speed_layer.ts";
import { openSpeedLayer } from "../speed/speed_layer.ts";
import { generationOf } from "../model/generation.ts";
import { createBatchTable, type PluginTables, tablesOf } from "../sql/tables.ts";
import { fittingSchema } from "./fitting_schema.ts";
import type { LoadedPlugin } from "./load_plugins.ts";
import { Retention } from "./retention.ts";

/** What the topics of an engine share. */
export interface TopicParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly warehouse: Warehouse;
  readonly store: ObjectStore;
  readonly openLog: (topic: string) => Promise<EventLog>;
  readonly openMembership: (log: EventLog) => Membership;
  /** Whether ticks are written to the log of a topic. */
  readonly takesTicks: (topic: string) => Promise<boolean>;
  readonly encoder: ThreadedEncoder;
  readonly isolates: Isolates;
  readonly problems: ProblemSink;
  /** Whether the process may change which schema decodes the archive. */
  readonly claims: boolean;
  /** Called with each fault that the layers survive, for the log. */
  readonly onProblem: (message: string, error: unknown) => void;
  /** Called with what takes long, before it begins, for the log. */
  readonly onNotice: (message: string) => void;
}

/** One topic: its log, and the layers over it. */
export interface TopicRuntime {
  /** As it is declared; where that is refused, as it was before. */
  readonly schema: EventSchema;
  /** Why the declared schema is refused, and no plugin of the topic runs; null where it is not. */
  readonly misfit: SchemaMisfit | null;
  readonly log: EventLog;
  readonly membership: Membership;
  /** The plugins that run; {@link replace} changes the list. */
  readonly plugins: readonly PluginTables[];
  readonly ledger: LedgerFacts;
  readonly speed: LogSpeedLayer;
  readonly archiver: Archiver;
  readonly archive: ArchiveReader;
  /** Which files of the archive were compared with their manifests. */
  readonly checks: FileChecks;
  /** Has work after a change of the schema; until it is done no layer reads or writes. */
  readonly redecoder: Redecoder;
  readonly pacemaker: Pacemaker;
  readonly batch: LocalBatchLayer;
  /** A plugin with the tables of the generation that its code makes. */
  batchPlugin(loaded: LoadedPlugin): BatchPlugin;
  /**
   * Runs other plugins in all layers, while everything else goes on.
   *
   * @param swapped called at the moment in which they change places.
   * @throws TwofoldError when the warehouse does not answer: then nothing has changed.
   */
  replace(
    removed: readonly PluginTables[],
    added: readonly BatchPlugin[],
    swapped: () => void,
  ): Promise<void>;
  /** How far the log is archived, by whichever process. */
  archived(): Promise<Cut>;
  /** Runs everything until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Events are late when they happened more than this before the newest one of their partition. */
const LATE_AFTER_MS = 10_000;

/**
 * Opens one topic without plugins: log → (speed, archive → batch). Where the declared schema does not
 * fit what is archived, the former schema stays, and no plugin may run.
 *
 * @throws UserError or ExternalError when the log or the tables cannot be opened.
 */
export async function openTopic(
  schema: EventSchema,
  parts: TopicParts,
): Promise<TopicRuntime> {
  const log = await parts.openLog(schema.topic);
  try {
    return await openOver(log, schema, parts);
  } catch (error) {
    await log.close().catch(() => {}); // the error tells more
    throw error;
  }
}

async function openOver(
  log: EventLog,
  declared: EventSchema,
  parts: TopicParts,
): Promise<TopicRuntime> {
  const { config, clock, warehouse, store, onProblem } = parts;
  const { blockSize, horizon } = config;
  const { topic } = declared;
  const checks = new FileChecks({ topic, store, problems: parts.problems });
  await holdBlockSize(store, topic, log.id, blockSize);
  const { schema, misfit, decoding } = await fittingSchema({ ...parts, schema: declared });
  const { root } = decoding;
  const membership = parts.openMembership(log);
  const redecoder = new Redecoder({
    schema,
    decoding,
    store,
    warehouse,
    clock,
    checks,
    problems: parts.problems,
    createDecoder: () => createDecoder(schema),
    hashIdentity,
    encodePart: (root, part) => parts.encoder.encode(root, part),
    // Of all processes that archive, one archives this partition.
    isOurTurn: () => membership.assignment().archive.has(0),
  });
  await redecoder.open();
  const later = decoding.number === 0 ? {} : { decoding: decoding.id };
  const plugins: BatchPlugin[] = [];
  const tables: PluginTables[] = [];
  const ledger = {
    topic: schema.topic,
    schemaVersion: schema.version,
    decoderVersion: DECODER_VERSION,
    blockSize,
    horizon,
    lateAfterMs: LATE_AFTER_MS,
    futureAfterMs: config.futureAfterMs,
    ...later,
  };
  const speed = await openSpeedLayer({
    schema,
    log,
    archived: openArchivedRecords({
      schema,
      root,
      takenOver: decoding.from[log.id],
      store,
      warehouse,
      logId: log.id,
      hashIdentity,
      checks,
    }),
    plugins: tables,
    warehouse,
    createDecoder,
    clock,
    blockSize,
    horizon,
    flushIntervalMs: config.flushIntervalMs,
    // The readers of other processes cannot ask for a flush.
    idleFlushIntervalMs: membership.shared
      ? undefined
      : Math.max(config.flushIntervalMs, config.idleFlushIntervalMs),
    recentBytes: config.speedMemoryBytes,
    openPicker: parts.isolates.openPicker,
    ledger,
    membership,
    takesAtOnce: redecoder.isDone,
    onProblem,
  });
  const archiver = new Archiver({
    schema,
    root,
    log,
    store,
    clock,
    blockSize,
    createDecoder: () => createDecoder(schema),
    encodePart: (topic, part) => parts.encoder.encode(topic, part),
    lostRanges: config.lostRanges,
    onLost: ({ partition, start, end }) =>
      onProblem(
        `the log no longer held offsets [${start}, ${end}) of partition ${partition} of ` +
          `${schema.topic} when they were to be archived: they are lost, and were skipped`,
        undefined,
      ),
    membership,
  });
  if (!membership.shared && redecoder.isDone) await archiver.resume();
  const ticks = await parts.takesTicks(schema.topic);
  const pacemaker = new Pacemaker({
    log,
    clock,
    openBlocks: () => archiver.openBlocks(),
    blockSpanMs: config.blockSpanMs,
  });
  const runs = (name: string) => tables.some(({ plugin }) => plugin.name === name);
  const archive = openArchiveReader({ schema, root, store, clock, checks });
  const batch = createBatchLayer({
    schema,
    plugins,
    archive: {
      ...archive,
      frontier: () => redecoder.isDone ? archive.frontier() : Promise.reject(notComplete(topic)),
    },
    store,
    warehouse,
    clock,
    // The engine in the process lets no other process open its folder.
    alone: config.clickhouseUrl === null,
    horizon,
    currentLogId: () => log.id,
    wholeWindows: async (plugin) => runs(plugin) ? await speed.wholeWindows(plugin) : null,
    freshSpeed: () => speed.fresh(),
    settings: { memoryLimitBytes: config.memoryLimitBytes, runsKept: config.batchRunsKept },
    problems: parts.problems,
    onBackfill: (names, reads) =>
      parts.onNotice(
        `building ${names.join(", ")} from the archive: ${readingWords(reads)}` +
          (names.length > 1 ? " for each" : ""),
      ),
  });
  const retention = new Retention({
    ...parts,
    topic,
    log,
    tables,
    speed,
    archiver,
    archive,
    membership,
  });
  const isOurTurn = () => membership.assignment().batch;
  const compactor = new Compactor({
    schema,
    root,
    store,
    warehouse,
    clock,
    checks,
    isOurTurn,
    problems: parts.problems,
  });
  const garbage = new DecodedGarbage(store, warehouse, decoding);
  const collectGarbage = async (signal: AbortSignal) => {
    const report = { code: "removal_failing", subject: `replaced files of ${topic}` } as const;
    while (!signal.aborted) {
      if (isOurTurn()) {
        const action = `remove files of ${topic} that were decoded again`;
        await repeated(parts.problems, report, action, () => garbage.collect(signal), signal);
      }
      await clock.sleep(Math.max(config.retiredRetentionMs, HOUR_MS), signal);
    }
  };
  /** What is under way for as long as the topic runs; aborted before it does. */
  let running: AbortSignal = AbortSignal.abort();
  const archived = async () => membership.shared ? await archive.frontier() : archiver.frontier();
  return {
    schema,
    misfit,
    log,
    membership,
    plugins: tables,
    ledger,
    speed,
    archiver,
    archive,
    checks,
    redecoder,
    pacemaker,
    batch,
    batchPlugin({ plugin, batchSql, modules }) {
      const { decoderVersion } = ledger;
      const facts = { batchSql, decoderVersion, blockSize, horizon, modules, ...later };
      return { batchSql, tables: tablesOf(plugin, generationOf(plugin, facts)) };
    },
    async replace(removed, added, swapped) {
      for (const { tables } of added) await warehouse.command(createBatchTable(tables));
      await speed.replace(removed, added.map(({ tables }) => tables), () => {
        const stay = plugins.filter(({ tables }) => !removed.includes(tables));
        plugins.splice(0, plugins.length, ...stay, ...added);
        tables.splice(0, tables.length, ...plugins.map((plugin) => plugin.tables));
        swapped();
      });
      if (isOurTurn() && !running.aborted) batch.replaced(running);
    },
    archived,
    async run(signal) {
      // Claims keep two runs at once from crossing; one run at a time only saves work.
      const runInTurn = async () => {
        if (isOurTurn()) await batch.runScheduled(signal);
        // Another process runs the batch: its drift is reported here, too.
        else await batch.drift();
      };
      // Answers carry a drift that was found before this process started.
      batch.drift().catch(() => {});
      // What fails stands as a problem of the batch layer; when the archive cannot be asked for the
      // first run, the run itself fails by the same cause.
      const survived = () => {};
      const leave = new AbortController();
      const member = membership.run(leave.signal, () => speed.progress());
      await redecoder.run(signal);
      running = signal;
      const batchRuns = firstRun({ log, archived, isOurTurn, clock }, signal).catch(survived)
        .then(runInTurn).catch(survived)
        .then(() => runOnSchedule(runInTurn, config.batchSchedule, clock, signal, survived));
      await Promise.all([
        speed.run(signal),
        archiver.run(signal),
        ...(ticks ? [pacemaker.run(signal)] : []),
        batchRuns,
        retention.run(signal),
        compactor.run(signal),
        ...(decoding.number > 0 ? [collectGarbage(signal)] : []),
      ]);
      // Who goes on with the partitions finds all of it flushed.
      leave.abort();
      await member;
    },
    close: () => log.close(),
  };
}

const notComplete = (topic: string) =>
  new NotReadyError(
    `Cannot run the batch of ${topic}: its archive is being decoded again by the changed schema, ` +
      "see the status; ask again when that is done",
    { topic },
  );

const LOOK_MS = 500;
const HOUR_MS = 3_600_000;

/**
 * Resolves as soon as anything is archived, so that what was archived before a restart, or a new
 * log's first block, is published then and not only when the schedule says so.
 */
async function firstRun(
  { log, archived, isOurTurn, clock }: {
    readonly log: EventLog;
    readonly archived: () => Promise<Cut>;
    readonly isOurTurn: () => boolean;
    readonly clock: Clock;
  },
  signal: AbortSignal,
): Promise<void> {
  const sinceMs = clock.now();
  // A partition may stay empty: then the schedule's first run is not waited for longer than this.
  while (clock.now() - sinceMs < 60_000 && !signal.aborted) {
    const offsets = isOurTurn() ? (await archived())[log.id] ?? [] : [];
    if (offsets.length === log.partitionCount() && offsets.every((offset) => offset > 0n)) return;
    await clock.sleep(LOOK_MS, signal);
  }
}
