import { join } from "node:path";
import { ThreadedEncoder } from "../archive/threaded_encoder.ts";
import { createCatalogs, type OpenCatalogs } from "../catalogs/catalogs.ts";
import { waitingSince } from "../batch/drift_days.ts";
import { createDrifts } from "../batch/drifts.ts";
import { type Clock, systemClock } from "../std/clock.ts";
import { closeAll } from "../std/close_all.ts";
import type { Config } from "../settings/config.ts";
import type { Role } from "../settings/setting.ts";
import { ExternalError, UserError } from "../std/errors.ts";
import type { Plugin, PluginIsland } from "../plugin.ts";
import type { Source } from "../source.ts";
import type { EventLog, ObjectStore, Warehouse } from "../ports/ports.ts";
import { Problems } from "../model/problems.ts";
import type { BatchLayer, PluginText, Services } from "../ports/services.ts";
import { createDeadLetters } from "../serving/dead_letters.ts";
import { PublishedRuns } from "../serving/published_runs.ts";
import { formatsOf } from "../row_format.ts";
import { createServing } from "../serving/serving.ts";
import { earlierLogs } from "../archive/earlier_logs.ts";
import type { ServedTopic } from "../serving/serving_options.ts";
import { createSqlConsole } from "../serving/sql_console.ts";
import { SQL_CONNECTIONS } from "../serving/sql_slots.ts";
import { migrate, readMigrations } from "../warehouse/migrations.ts";
import { addColumns } from "./added_columns.ts";
import { type Adapters, openAdapters } from "./adapters.ts";
import { claimDirectory, type DirectoryClaim, withFolderFaults } from "./data_folder.ts";
import { createIngest, reported } from "./ingest.ts";
import type { PluginModule } from "../speed/isolate_thread.ts";
import { Isolates } from "../speed/isolates.ts";
import { ledgerTable } from "../speed/ledger.ts";
import { partitionsOf } from "../speed/resume.ts";
import { SharedCalls, type Sharing } from "../std/shared_calls.ts";
import { Generations } from "./generations.ts";
import { createLifecycle } from "./lifecycle.ts";
import { LastKnown } from "./last_known.ts";
import { pluginFolders } from "./plugin_folders.ts";
import { PluginSet } from "./plugin_set.ts";
import { ProblemTable } from "./problem_table.ts";
import { refusedText, textOf } from "./plugin_texts.ts";
import { readingWarehouse } from "./reading_warehouse.ts";
import { createRecords } from "./records.ts";
import { createRedrive } from "./redrive.ts";
import { Retirement } from "./retirement.ts";
import { batchWithin, withinRoles } from "./roles.ts";
import { memoryOf } from "./process_memory.ts";
import { newestRunsOf, statusOf } from "./status.ts";
import { watch } from "./watch.ts";
import { openTopic } from "./topic_runtime.ts";
import { createVerification, type Scrubber, type VerifiedTopic } from "./verification.ts";

/**
 * How long a run is read that another process may have superseded: its answers are as exact,
 * and its rows go only one run and the longest query later. What this process publishes is seen when
 * its run has ended; where no other may publish, looking again is a precaution.
 */
const PUBLISHED_MAX_AGE_MS = { shared: 1000, alone: 10_000 };

/** How long the newest run is cached; a run that ends in this process is told at once. */
const NEWEST_RUNS: Sharing = { freshMs: 1000, heldMs: 2000 };

/** Whether other processes work over the same tables. */
const isShared = ({ kafkaBrokers, clickhouseUrl }: Config) =>
  kafkaBrokers !== null && clickhouseUrl !== null;

/** What {@link openEngine} takes beside the settings. */
export interface EngineOptions {
  /** The checkout: it holds `sql/migrations/`, and `plugins/` where the settings name no others. */
  readonly root: string;
  /** The version that the status tells. */
  readonly version: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /**
   * Whether the loaded code becomes the wanted generation of each metric. Default true. False for a
   * process that only looks: it changes nothing about what answers, even if it starts to catch up.
   */
  readonly claims?: boolean;
  /** Told of every fault that the engine survives. Default: nobody. */
  readonly onProblem?: (message: string, error: unknown) => void;
  /** Told what the engine begins that takes long, and which problems have ended. Default: nobody. */
  readonly onNotice?: (message: string) => void;
  /**
   * Told the sources of the plugins, at once and whenever they may have changed: one that did not is
   * the same object. Default: nobody.
   */
  readonly onSources?: (sources: readonly Source[]) => void;
}

/** All layers over one data folder. */
export interface Engine extends Services {
  /** By topic. */
  readonly logs: ReadonlyMap<string, EventLog>;
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  /** Starts the layers; what is open before only answers. */
  start(): void;
  /** Tells other commands where this process listens. */
  listening(url: string): Promise<void>;
  /** Stops taking work, flushes what is left, and gives the data folder free. */
  close(): Promise<void>;
}

/**
 * Opens everything over one data folder: log, archive, warehouse and the layers over them.
 *
 * @throws UserError when the folder is owned by another process or of a newer format, or no plugin
 * can be loaded; ExternalError when the disk or the engine fails. A plugin, a catalog or a schema
 * with a fault is a problem, and everything else runs.
 */
export function openEngine(config: Config, options: EngineOptions): Promise<Engine> {
  return withFolderFaults(config.dataDir, () => openClaimed(config, options));
}

async function openClaimed(config: Config, options: EngineOptions): Promise<Engine> {
  const claim = await claimDirectory(config.dataDir);
  const opened: { close(): unknown }[] = [];
  try {
    return await openOver(config, options, claim, opened);
  } catch (error) {
    const closings = opened.reverse().map((part) => () => part.close());
    await closeAll([...closings, () => claim.release()]).catch(() => {}); // the error tells more
    throw error;
  }
}

async function openOver(
  config: Config,
  options: EngineOptions,
  claim: DirectoryClaim,
  opened: { close(): unknown }[],
): Promise<Engine> {
  const { root, clock = systemClock, version, claims = true } = options;
  const { onProblem = () => {}, onNotice = () => {}, onSources = () => {} } = options;
  const problems = new Problems(clock, ({ message }, stands) => {
    if (stands) onProblem(message, undefined);
    else onNotice(`No longer a problem: ${message}`);
  });
  const adapters = await openAdapters(config, clock, opened, problems);
  const { store, warehouse } = adapters;
  await migrate(warehouse, await readMigrations(join(root, "sql", "migrations")));
  await addColumns(warehouse);
  const encoder = new ThreadedEncoder(clock);
  const modules = new WeakMap<Plugin, PluginModule>();
  const isolates = new Isolates({ clock, moduleOf: (plugin) => modules.get(plugin)! });
  opened.push(encoder, isolates);
  const parts = {
    ...adapters,
    config,
    clock,
    encoder,
    isolates,
    problems,
    onProblem,
    onNotice,
    claims,
  };
  const published = new PublishedRuns({
    warehouse,
    clock,
    maxAgeMs: PUBLISHED_MAX_AGE_MS[isShared(config) ? "shared" : "alone"],
    waiting: (...asked) => waitingSince(warehouse, ...asked),
  });
  const files = new Map<string, string>();
  // The engine in the process lets no other process open its folder.
  const alone = config.clickhouseUrl === null;
  const generations = new Generations({
    files,
    warehouse,
    store,
    clock,
    published,
    problems,
    claims,
    alone,
  });
  const problemTable = new ProblemTable({
    warehouse,
    clock,
    problems,
    process: claim.process,
    alone,
    onRemoved: (message) => onProblem(message, undefined),
  });
  const earlier = await problemTable.earlier();
  problems.remember(earlier);
  const catalogs = createCatalogs({ store, warehouse, clock, problems });
  const verified: VerifiedTopic[] = [];
  const plugins = new PluginSet({
    folders: pluginFolders(root, config.pluginDirs),
    warehouse,
    problems,
    catalogs,
    generations,
    isolates,
    modules,
    files,
    async openTopic(schema) {
      const topic = await openTopic(schema, parts);
      opened.push(topic);
      verified.push({
        topic: schema.topic,
        log: topic.log,
        checks: topic.checks,
        root: () => topic.redecoder.completeRoot,
        plugins: () => generations.of(topic),
        ledger: () => ({
          table: ledgerTable(topic.ledger, topic.log.id),
          decoding: topic.ledger.decoding ?? "",
          written: partitionsOf(topic.log).map((each) => topic.speed.partition(each).position),
        }),
        shared: topic.membership.shared,
      });
      return topic;
    },
  });
  await plugins.load();
  assertTopics(config, plugins);
  for (const { batch } of plugins.topics) batch.recall(earlier);
  const retirement = new Retirement({
    topics: plugins.topics,
    warehouse,
    store,
    clock,
    problems,
    refused: () => new Map(plugins.refused.map(({ name, problem }) => [name, problem])),
    answers: (plugin) => generations.served(plugin) !== null,
    unknown: () => plugins.refused.some(({ topic }) => topic === ""),
    keepMs: config.retiredRetentionMs,
  });
  if (claims) await retirement.look();
  const verification = createVerification({
    topics: verified,
    store,
    warehouse,
    clock,
    problems,
    ownLogs: config.kafkaBrokers === null,
    scrubBytesPerSecond: config.scrubBytesPerSecond,
    isOurTurn: () => plugins.topics.every(({ membership }) => membership.assignment().batch),
  });
  return assemble({
    ...adapters,
    plugins,
    clock,
    claim,
    problems,
    version,
    catalogs,
    roles: config.roles,
    published,
    claims,
    alone,
    files,
    generations,
    retirement,
    verification,
    problemTable,
    threads: [encoder, isolates],
    onSources,
  });
}

/** A slip of the pen would leave a topic without ticks, and nobody would notice for long. */
function assertTopics({ kafkaBrokers, kafkaTicks }: Config, plugins: PluginSet): void {
  const topics = plugins.topics.map(({ schema }) => schema.topic);
  if (kafkaBrokers === null || typeof kafkaTicks === "string") return;
  // A plugin that does not load may be the one that has the topic.
  if (plugins.refused.some(({ topic }) => topic === "")) return;
  const unknown = kafkaTicks.find((topic) => !topics.includes(topic));
  if (unknown === undefined) return;
  throw new UserError(
    `Cannot write ticks to topic "${unknown}": TWOFOLD_KAFKA_TICKS wants topics of the plugins, ` +
      `which are ${topics.join(", ")}`,
    { field: "TWOFOLD_KAFKA_TICKS" },
  );
}

interface Parts extends Adapters {
  readonly plugins: PluginSet;
  readonly published: PublishedRuns;
  readonly claims: boolean;
  readonly alone: boolean;
  /** The files of the plugins that are loaded, by plugin; they change. */
  readonly files: ReadonlyMap<string, string>;
  readonly generations: Generations;
  readonly retirement: Retirement;
  readonly clock: Clock;
  readonly claim: DirectoryClaim;
  readonly threads: readonly { close(): void }[];
  readonly problems: Problems;
  readonly problemTable: ProblemTable;
  readonly version: string;
  readonly catalogs: OpenCatalogs;
  readonly roles: readonly Role[];
  readonly verification: Scrubber;
  readonly onSources: (sources: readonly Source[]) => void;
}

function assemble(parts: Parts): Engine {
  const { plugins, warehouse, store, clock, claim, problems, catalogs } = parts;
  const { published, generations } = parts;
  const { topics } = plugins;
  const stop = new AbortController();
  const started = new Date(clock.now()).toISOString();
  /** What runs until the process stops; empty before it starts. */
  const running: Promise<void>[] = [];
  const ingest = reported(createIngest(topics, () => plugins.formats), problems);
  const known = new LastKnown(clock);
  const recent = new SharedCalls(clock, NEWEST_RUNS);
  const served: ServedTopic[] = [];
  const serving = createServing({
    topics: served,
    warehouse,
    clock,
    published,
    expand: catalogs.expand,
    concerning: (metric, topic) => problems.concerning(metric, topic),
    // The next verification that finds the table whole clears it.
    onDamage: ({ object: subject, message }, plugin) =>
      problems.set({ code: "warehouse_damaged", subject, message, blocking: true, plugin }),
    refused: (name) => plugins.refused.find((one) => one.name === name)?.problem ?? null,
  });
  const batch = new Map<string, BatchLayer>();
  const logs = new Map<string, EventLog>();
  const texts = new Map<string, PluginText>();
  const islands = new Map<string, PluginIsland>();
  const formats = new Map<string, string>();
  /** What is offered of the plugins, as they are now. */
  const offer = () => {
    for (const topic of topics.slice(served.length)) {
      const { schema, log, speed } = topic;
      batch.set(schema.topic, batchWithin(topic.batch, parts.roles, stop.signal));
      logs.set(schema.topic, log);
      served.push({
        schema,
        logId: log.id,
        plugins: topic.plugins,
        speed,
        refused: () =>
          plugins.refused.filter((one) => one.topic === schema.topic).map(({ name }) => name),
        runsEnded: () => topic.batch.ended,
        future: () => speed.future(),
        watermarkMs: () => speed.watermarkMs(),
        appended: (cut) => speed.appended(cut),
        earlierLogs: earlierLogs(topic.archive, log.id),
        served: (plugin) => generations.served(plugin),
      });
      if (running.length > 0) running.push(topic.run(stop.signal));
    }
    texts.clear();
    islands.clear();
    formats.clear();
    for (const [name, looks] of formatsOf(plugins.formats)) formats.set(name, looks);
    for (const loaded of plugins.loaded) {
      const { name, present: { island } } = loaded.plugin;
      texts.set(name, textOf(loaded));
      if (island !== undefined) islands.set(name, island);
    }
    for (const one of plugins.refused) {
      texts.set(one.name, refusedText(one, generations.served(one.name)?.tables.plugin ?? null));
    }
    parts.onSources(plugins.sources);
  };
  offer();
  const fresh = () => Promise.all(topics.map(({ speed }) => speed.fresh()));
  const reading = readingWarehouse(warehouse, fresh);
  const sql = createSqlConsole({
    warehouse: readingWarehouse(warehouse.apart(SQL_CONNECTIONS), fresh),
    clock,
    problems,
  });
  const deadLetters = createDeadLetters(reading, () => topics.map(({ ledger }) => ledger));
  const status = () =>
    statusOf({ ...parts, topics, refused: () => plugins.refused, started, known, recent, sql });
  const lifecycle = createLifecycle({ ...parts, onChange: offer, stop: stop.signal });
  const services: Services = {
    batch,
    serving: {
      ...serving,
      // Followers hear nothing more once the process stops.
      live: (metric, query, { lastId, signal }) =>
        serving.live(metric, query, { lastId, signal: AbortSignal.any([signal, stop.signal]) }),
    },
    records: createRecords(topics),
    deadLetters: {
      ...deadLetters,
      redrive: createRedrive({ warehouse, clock, deadLetters, ingest, topics }),
    },
    drifts: createDrifts({
      warehouse,
      clock,
      plugins: () => topics.flatMap((topic) => generations.of(topic).map(({ tables }) => tables)),
      onAccepted: async (accepted) =>
        await topics.find(({ plugins }) => plugins.some(({ plugin }) => plugin.name === accepted))
          ?.batch.drift(),
    }),
    catalogs,
    sql,
    pageSql: createSqlConsole({ warehouse: reading, clock, problems, subject: "SQL of the pages" }),
    verification: {
      scrub: () => parts.verification.scrub(),
      accept: (damage) => parts.verification.accept(damage),
      verify: ({ fast, signal } = {}) =>
        parts.verification.verify({
          fast,
          signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
        }),
    },
    plugins: texts,
    prunePlugins: () => parts.retirement.prune(),
    lifecycle,
    formats,
    islands,
    async reloadPlugins() {
      stop.signal.throwIfAborted();
      try {
        const answer = await plugins.load();
        parts.retirement.reloaded();
        if (parts.claims) await parts.retirement.look();
        return answer;
      } finally {
        offer();
      }
    },
    ingest,
    async status() {
      await fresh();
      return await status();
    },
    memory: () => memoryOf({ engine: parts.alone ? warehouse : null, known, topics }),
    newestRuns: () => newestRunsOf({ topics, known, recent }),
  };
  return {
    ...withinRoles(services, parts.roles),
    store,
    warehouse,
    logs,
    start() {
      running.push(
        ...topics.map((topic) => topic.run(stop.signal)),
        ...(parts.claims ? [generations.run(stop.signal), parts.retirement.run(stop.signal)] : []),
        lifecycle.run(stop.signal),
        parts.verification.run(stop.signal),
        watch({ ...parts, status }, stop.signal),
      );
    },
    listening: (url) => claim.update({ url }),
    async close() {
      // What waits for an answer hears that it may ask again.
      stop.abort(new ExternalError("Cannot go on: the process stops"));
      await plugins.close();
      await closeAll([
        ...running.map((run) => () => run),
        // One that was not started has not looked at what it would have to report.
        () => running.length > 0 ? parts.problemTable.sync().catch(() => {}) : undefined,
        ...topics.map(({ batch }) => () => batch.idle()),
        ...topics.map((topic) => () => topic.close()),
        ...parts.threads.map((thread) => () => thread.close()),
        () => warehouse.close(),
        () => parts.closeStore(),
        () => claim.release(),
      ]);
    },
  };
}
