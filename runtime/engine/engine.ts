import { join } from "node:path";
import { ThreadedEncoder } from "../archive/threaded_encoder.ts";
import { type OpenCatalogs, openCatalogs } from "../catalogs/catalogs.ts";
import { waitingSince } from "../batch/drift_days.ts";
import { createDrifts } from "../batch/drifts.ts";
import { type Clock, systemClock } from "../std/clock.ts";
import { closeAll } from "../std/close_all.ts";
import type { Config, Role } from "../settings/config.ts";
import { ExternalError, TwofoldError, UserError, wordsOf } from "../std/errors.ts";
import type { EventLog, ObjectStore, Warehouse } from "../ports/ports.ts";
import { type ProblemReport, Problems } from "../model/problems.ts";
import type { BatchLayer, Services } from "../ports/services.ts";
import { createDeadLetters } from "../serving/dead_letters.ts";
import { PublishedRuns } from "../serving/published_runs.ts";
import { formatsOf, type RowFormat } from "../row_format.ts";
import { createServing } from "../serving/serving.ts";
import { createSqlConsole } from "../serving/sql_console.ts";
import { SQL_CONNECTIONS } from "../serving/sql_slots.ts";
import { migrate, readMigrations } from "../warehouse/migrations.ts";
import { addColumns } from "./added_columns.ts";
import { type Adapters, openAdapters } from "./adapters.ts";
import {
  claimDirectory,
  DATA_FORMAT,
  type DirectoryClaim,
  withFolderFaults,
} from "./data_folder.ts";
import { checkedDeclarations, refusedFile, refusedSchema } from "./check_plugins.ts";
import { createIngest } from "./ingest.ts";
import { Isolates } from "../speed/isolates.ts";
import { ledgerTable } from "../speed/ledger.ts";
import { partitionsOf } from "../speed/resume.ts";
import { SharedCalls, type Sharing } from "../std/shared_calls.ts";
import { Generations } from "./generations.ts";
import { LastKnown } from "./last_known.ts";
import { readLiveRows } from "./live_rows.ts";
import type { LoadedPlugin } from "./load_plugins.ts";
import { ProblemTable } from "./problem_table.ts";
import { refusedText, textOf } from "./plugin_texts.ts";
import { type KnownRefused, knownRefused, schemasOf, withoutSchema } from "./refused_plugins.ts";
import { createRecords } from "./records.ts";
import { Retirement } from "./retirement.ts";
import { withinRoles } from "./roles.ts";
import { newestRunsOf, statusOf } from "./status.ts";
import { watch } from "./watch.ts";
import { openTopic, type TopicRuntime } from "./topic_runtime.ts";
import { createVerification, type Scrubber } from "./verification.ts";

/**
 * For so long a run is read that another process may have followed by one: its answers are as exact,
 * and its rows go only one run and the longest query later. What this process publishes is seen when
 * its run has ended; where no other may publish, looking again is a precaution.
 */
const PUBLISHED_MAX_AGE_MS = { shared: 1000, alone: 10_000 };

/** For so long the newest run is told again; a run that ends here is told at once. */
const NEWEST_RUNS: Sharing = { freshMs: 1000, heldMs: 2000 };

/** What {@link openEngine} takes beside the settings. */
export interface EngineOptions {
  /** The folder that holds `plugins/` and `sql/`. */
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
  const claim = await claimDirectory(config.dataDir, { formatVersion: DATA_FORMAT });
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
  const onProblem = options.onProblem ?? (() => {});
  const problems = new Problems(clock, ({ message }, stands) => {
    onProblem(stands ? message : `No longer a problem: ${message}`, undefined);
  });
  const adapters = await openAdapters(config, clock, opened, problems);
  const { store, warehouse } = adapters;
  await migrate(warehouse, await readMigrations(join(root, "sql", "migrations")));
  await addColumns(warehouse);
  const declared = await checkedDeclarations(root, warehouse);
  const { plugins } = declared;
  const rows = await readLiveRows(warehouse);
  const refused = knownRefused(declared, rows);
  const schemas = schemasOf(plugins, refused, rows);
  assertTopics(config, schemas.map(({ topic }) => topic), refused);
  const encoder = new ThreadedEncoder();
  const files = new Map(plugins.map(({ plugin, file }) => [plugin.name, file]));
  const modules = new Map(
    plugins.map(({ plugin, file, modules: texts }) => [plugin.name, { root, file, texts }]),
  );
  const isolates = new Isolates({ clock, modules });
  opened.push(encoder, isolates);
  const topics: TopicRuntime[] = [];
  const loaded: LoadedPlugin[] = [];
  const reports: ProblemReport[] = [];
  for (const schema of schemas) {
    const own = plugins.filter(({ plugin }) => plugin.source.topic === schema.topic);
    const topic = await openTopic(schema, own, {
      ...{ ...adapters, config, clock, encoder, isolates, problems, onProblem, claims },
    });
    opened.push(topic);
    topics.push(topic);
    if (topic.misfit === null) {
      loaded.push(...own);
      continue;
    }
    const problem = refusedSchema(topic.misfit);
    reports.push(problem);
    refused.push(...own.map((one) => withoutSchema(one, problem)));
  }
  reports.push(...refused.map(({ problem }) => problem));
  const shared = topics.some(({ membership }) => membership.shared);
  const maxAgeMs = PUBLISHED_MAX_AGE_MS[shared ? "shared" : "alone"];
  const published = new PublishedRuns({
    ...{ warehouse, clock, maxAgeMs },
    waiting: (...asked) => waitingSince(warehouse, ...asked),
  });
  const topicOf = (name: string) => topics.find(({ schema }) => schema.topic === name);
  const generations = new Generations({
    ...{ topics, files, warehouse, store, clock, published, problems, claims },
    refused: new Map(refused.flatMap((one) => {
      const topic = topicOf(one.topic);
      return topic === undefined ? [] : [[one.name, topic]];
    })),
  });
  await generations.open();
  const retirement = new Retirement({
    ...{ topics, warehouse, store, clock, problems },
    refused: new Map(refused.map(({ name, problem }) => [name, problem])),
    answers: (plugin) => generations.served(plugin) !== null,
    unknown: refused.some(({ topic }) => topic === ""),
    keepMs: config.retiredRetentionMs,
  });
  if (claims) await retirement.look();
  const problemTable = new ProblemTable({
    ...{ warehouse, clock, problems, process: claim.process },
    alone: config.clickhouseUrl === null,
    onRemoved: (message) => onProblem(message, undefined),
  });
  const earlier = await problemTable.earlier();
  problems.remember(earlier);
  for (const { batch } of topics) batch.recall(earlier);
  for (const report of reports) problems.set(report);
  for (const one of declared.refusedFiles) problems.set(refusedFile(one));
  const catalogs = await openCatalogs({
    ...{ store, warehouse, clock, problems },
    catalogs: declared.catalogs.map(({ catalog }) => catalog),
    refused: new Map(
      declared.refusedFiles.filter(({ kind }) => kind === "catalog")
        .map((one) => [one.name, refusedFile(one).message]),
    ),
  });
  const { roles } = config;
  const verification = createVerification({
    topics: topics.map((topic) => ({
      ...{ topic: topic.schema.topic, log: topic.log, checks: topic.checks },
      root: () => topic.redecoder.completeRoot,
      plugins: () => generations.of(topic),
      ledger: () => ({
        table: ledgerTable(topic.ledger, topic.log.id),
        decoding: topic.ledger.decoding ?? "",
        written: partitionsOf(topic.log).map((each) => topic.speed.partition(each).position),
      }),
      shared: topic.membership.shared,
    })),
    ...{ store, warehouse, clock, problems },
    ownLogs: config.kafkaBrokers === null,
    scrubBytesPerSecond: config.scrubBytesPerSecond,
    isOurTurn: () => topics.every(({ membership }) => membership.assignment().batch),
  });
  return assemble({
    ...{ ...adapters, topics, clock, claim, problems, version, catalogs, loaded, refused, roles },
    ...{ published, claims, formats: declared.formats },
    generations,
    retirement,
    verification,
    problemTable,
    threads: [encoder, isolates],
  });
}

/** A slip of the pen would leave a topic without ticks, and nobody would notice for long. */
function assertTopics(
  { kafkaBrokers, kafkaTicks }: Config,
  topics: readonly string[],
  refused: readonly KnownRefused[],
): void {
  if (kafkaBrokers === null || typeof kafkaTicks === "string") return;
  // A plugin that does not load may be the one that has the topic.
  if (refused.some(({ topic }) => topic === "")) return;
  const unknown = kafkaTicks.find((topic) => !topics.includes(topic));
  if (unknown === undefined) return;
  throw new UserError(
    `Cannot write ticks to topic "${unknown}": TWOFOLD_KAFKA_TICKS wants topics of the plugins, ` +
      `which are ${topics.join(", ")}`,
    { field: "TWOFOLD_KAFKA_TICKS" },
  );
}

interface Parts extends Adapters {
  readonly topics: readonly TopicRuntime[];
  readonly published: PublishedRuns;
  readonly claims: boolean;
  readonly generations: Generations;
  readonly retirement: Retirement;
  readonly clock: Clock;
  readonly claim: DirectoryClaim;
  readonly threads: readonly { close(): void }[];
  readonly problems: Problems;
  readonly problemTable: ProblemTable;
  readonly version: string;
  readonly catalogs: OpenCatalogs;
  readonly formats: readonly RowFormat[];
  readonly loaded: readonly LoadedPlugin[];
  readonly refused: readonly KnownRefused[];
  readonly roles: readonly Role[];
  readonly verification: Scrubber;
}

function assemble(parts: Parts): Engine {
  const { topics, warehouse, store, clock, claim, problems, catalogs } = parts;
  const { published, generations } = parts;
  const stop = new AbortController();
  const started = new Date(clock.now()).toISOString();
  let running: Promise<void>[] = [];
  const ingest = createIngest(topics, parts.formats);
  const known = new LastKnown(clock);
  const recent = new SharedCalls(clock, NEWEST_RUNS);
  const serving = createServing({
    topics: topics.map((topic) => ({
      ...{ ...topic, logId: topic.log.id },
      refused: parts.refused.filter((one) => one.topic === topic.schema.topic)
        .map(({ name }) => name),
      runsEnded: () => topic.batch.ended,
      future: () => topic.speed.future(),
      served: (plugin: string) => generations.served(plugin),
    })),
    ...{ warehouse, clock, published, expand: catalogs.expand },
    concerning: (metric, topic) => problems.concerning(metric, topic),
    // The next verification that finds the table whole clears it.
    onDamage: ({ object: subject, message }, plugin) =>
      problems.set({ code: "warehouse_damaged", subject, message, blocking: true, plugin }),
    refused: new Map(parts.refused.map(({ name, problem }) => [name, problem])),
  });
  const sql = createSqlConsole({
    warehouse: warehouse.apart(SQL_CONNECTIONS),
    clock,
    problems,
  });
  const services: Services = {
    batch: new Map(
      topics.map(({ schema, batch }) => [schema.topic, untilStopped(batch, stop.signal)]),
    ),
    serving: {
      ...serving,
      // Followers hear nothing more once the process stops.
      live: (metric, query, { lastId, signal }) =>
        serving.live(metric, query, { lastId, signal: AbortSignal.any([signal, stop.signal]) }),
    },
    records: createRecords(topics),
    deadLetters: createDeadLetters(warehouse, topics.map(({ ledger }) => ledger)),
    drifts: createDrifts({
      warehouse,
      clock,
      plugins: topics.flatMap((topic) => generations.of(topic).map(({ tables }) => tables)),
      onAccepted: async (accepted) =>
        await topics.find(({ plugins }) => plugins.some(({ plugin }) => plugin.name === accepted))
          ?.batch.drift(),
    }),
    catalogs,
    sql,
    pageSql: createSqlConsole({ warehouse, clock, problems, subject: "SQL of the pages" }),
    verification: {
      scrub: () => parts.verification.scrub(),
      accept: (damage) => parts.verification.accept(damage),
      verify: ({ fast, signal } = {}) =>
        parts.verification.verify({
          fast,
          signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
        }),
    },
    plugins: new Map([
      ...parts.loaded.map((loaded) => [loaded.plugin.name, textOf(loaded)] as const),
      ...parts.refused.map((one) =>
        [
          one.name,
          refusedText(one, generations.served(one.name)?.tables.plugin ?? null),
        ] as const
      ),
    ]),
    prunePlugins: () => parts.retirement.prune(),
    islands: new Map(
      parts.loaded.flatMap(({ plugin: { name, present: { island } } }) =>
        island === undefined ? [] : [[name, island] as const]
      ),
    ),
    formats: formatsOf(parts.formats),
    ingest: {
      async ingest(...request) {
        try {
          const answer = await ingest.ingest(...request);
          problems.clear("ingest_failing", "ingest");
          return answer;
        } catch (error) {
          const external = error instanceof TwofoldError && error.fault === "external";
          if (external) {
            const message = `Cannot take events: ${wordsOf(error)}`;
            problems.set({ code: "ingest_failing", subject: "ingest", message, error });
          }
          throw error;
        }
      },
    },
    status: () => statusOf({ ...parts, started, known, recent, sql }),
    newestRuns: () => newestRunsOf({ topics, known, recent }),
  };
  return {
    ...withinRoles(services, parts.roles),
    store,
    warehouse,
    logs: new Map(topics.map(({ schema, log }) => [schema.topic, log])),
    start() {
      running = [
        ...topics.map((topic) => topic.run(stop.signal)),
        ...(parts.claims ? [generations.run(stop.signal), parts.retirement.run(stop.signal)] : []),
        parts.verification.run(stop.signal),
        watch({ ...parts, status: services.status }, stop.signal),
      ];
    },
    listening: (url) => claim.update({ url }),
    async close() {
      // What waits for an answer hears that it may ask again.
      stop.abort(new ExternalError("Cannot go on: the process stops"));
      await closeAll([
        ...running.map((run) => () => run),
        // One that was not started has not looked at what it would have to report.
        () => running.length > 0 ? parts.problemTable.sync().catch(() => {}) : undefined,
        // A run that somebody asked for has ended when an empty one behind it has.
        ...topics.map(({ batch }) => () => batch.run({ signal: stop.signal }).catch(() => {})),
        ...topics.map((topic) => () => topic.close()),
        ...parts.threads.map((thread) => () => thread.close()),
        () => warehouse.close(),
        () => parts.closeStore(),
        () => claim.release(),
      ]);
    },
  };
}

/** A batch layer whose runs end when `stop` aborts, whoever asked for them. */
function untilStopped(batch: BatchLayer, stop: AbortSignal): BatchLayer {
  return {
    run: ({ full, signal } = {}) =>
      batch.run({ full, signal: signal ? AbortSignal.any([signal, stop]) : stop }),
    history: (limit) => batch.history(limit),
    drift: () => batch.drift(),
    get running() {
      return batch.running;
    },
    get ended() {
      return batch.ended;
    },
  };
}
