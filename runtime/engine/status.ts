import type { Role } from "../settings/setting.ts";
import type { ProblemCode } from "../model/problem_code.ts";
import { type NotComparedReason, notComparedWords } from "../model/drift.ts";
import type { Cut } from "../model/frontier.ts";
import type { SqlConsole } from "../ports/inspection.ts";
import { ownFault } from "../model/cause.ts";
import { failsBatch, type ProblemReport, type Problems } from "../model/problems.ts";
import type {
  BatchRun,
  BatchWork,
  PartitionStatus,
  PluginBatchStatus,
  PluginDrift,
  PluginStatus,
  Status,
  Verification,
} from "../ports/services.ts";
import type { Published, PublishedRuns } from "../serving/published_runs.ts";
import { messageOf } from "../std/errors.ts";
import type { SharedCalls } from "../std/shared_calls.ts";
import type { DirectoryClaim } from "./data_folder.ts";
import type { Generations } from "./generations.ts";
import type { LastKnown } from "./last_known.ts";
import type { KnownRefused } from "./refused_plugins.ts";
import type { TopicRuntime } from "./topic_runtime.ts";

/** What the status is made of. */
export interface StatusParts {
  readonly topics: readonly TopicRuntime[];
  readonly published: PublishedRuns;
  readonly problems: Problems;
  readonly verification: Verification;
  readonly known: LastKnown;
  /** Newest runs that were asked for just now. */
  readonly recent: SharedCalls;
  readonly version: string;
  readonly started: string;
  readonly roles: readonly Role[];
  /** The plugins that do not run, as of now. */
  readonly refused: () => readonly KnownRefused[];
  readonly generations: Pick<Generations, "served">;
  /** The files of the plugins, by plugin. */
  readonly files: ReadonlyMap<string, string>;
  readonly sql: Pick<SqlConsole, "load">;
  readonly claim: Pick<DirectoryClaim, "process">;
}

/** Records that a plugin may lag behind the partition before it counts as catching up. */
const CATCHING_UP_RECORDS = 100_000;

/** How long a part may be late before it is a problem; one that refuses is a problem at once. */
const LATE_MS = 5000;

const NOT_PUBLISHED: Published = { run: null, cut: {}, published: null };

/** Reads the status of everything, as of now; of what is not reached, as it was. */
export async function statusOf(parts: StatusParts): Promise<Status> {
  const { known, version, started, roles } = parts;
  const topics = [...parts.topics];
  const running = topics.flatMap(({ plugins }) => [...plugins]);
  const [read, refused] = await Promise.all([
    Promise.all(topics.map((topic) => readTopic(topic, parts))),
    Promise.all(parts.refused().map((one) => refusedStatus(one, parts))),
  ]);
  // Plugins changed places meanwhile: what was read belongs to other ones.
  const now = parts.topics.flatMap(({ plugins }) => [...plugins]);
  if (now.length !== running.length || now.some((plugin, i) => plugin !== running[i])) {
    return await statusOf(parts);
  }
  const seen = topics.map((topic, i) => topicOf(topic, read[i], parts));
  const plugins = [...seen.flatMap((topic) => topic.plugins), ...refused];
  const unreached = known.unreached();
  parts.problems.observe("status", [
    ...known.faults(LATE_MS).map(({ part, error }) => unreachedProblem(part, error)),
    ...seen.flatMap(({ partitions }, i) => problemsOf(topics[i], partitions, parts.files)),
  ]);
  const problems = parts.problems.standing();
  const ready = problems.every(({ blocking }) => !blocking);
  return {
    version,
    process: parts.claim.process,
    started,
    roles,
    ready,
    problems,
    unreached,
    plugins,
    sql: parts.sql.load,
    scrub: parts.verification.scrub(),
    topics: seen.map(({ partitions }, i) => ({
      topic: topics[i].schema.topic,
      log: topics[i].log.id,
      redecoding: topics[i].redecoder.share,
      partitions,
    })),
  };
}

/** Runs of all processes that may be under way at a time. */
const UNDER_WAY = 20;

/** The newest run of each topic that has ended. */
export async function newestRunsOf(
  parts: Pick<StatusParts, "topics" | "known" | "recent">,
): Promise<BatchRun[]> {
  const runs = await Promise.all(parts.topics.map((topic) => runsOf(topic, parts)));
  return runs.flatMap((of) => of.filter(({ finished }) => finished !== null).slice(0, 1));
}

/** The newest runs of a topic, those under way among them. */
function runsOf(
  { schema: { topic }, batch }: TopicRuntime,
  { known, recent }: Pick<StatusParts, "known" | "recent">,
): Promise<BatchRun[]> {
  const read = () =>
    recent.get([topic, batch.ended], () => batch.history({ limit: UNDER_WAY + 1, before: null }));
  return known.ask("warehouse", `newest runs of ${topic}`, read, []);
}

function driftOf(
  { schema: { topic }, batch }: TopicRuntime,
  { recent }: Pick<StatusParts, "recent">,
): Promise<PluginDrift[]> {
  return recent.get(["drift", topic, batch.ended], () => batch.drift());
}

/** Everything is asked at once: what is not reached costs its time once. */
async function readTopic(topic: TopicRuntime, parts: StatusParts) {
  const { published: runs, known } = parts;
  const { schema, log, speed, plugins } = topic;
  const [published, bounds, archived, drift, newest] = await Promise.all([
    Promise.all(
      plugins.map((tables) =>
        known.ask(
          "warehouse",
          tables.batch,
          () => runs.of(tables, topic.batch.ended),
          NOT_PUBLISHED,
        )
      ),
    ),
    Promise.all(Array.from({ length: log.partitionCount() }, (_, partition) =>
      known.ask(
        "log",
        `${schema.topic} ${partition}`,
        () => log.bounds(partition),
        null,
      ))),
    known.ask("archive", schema.topic, () => topic.archived(), {}),
    known.ask("warehouse", `drift of ${schema.topic}`, () => driftOf(topic, parts), []),
    runsOf(topic, parts),
    known.ask("warehouse", `ledger of ${schema.topic}`, () => speed.refresh(), undefined),
  ]);
  return { published, bounds, archived: archived[log.id] ?? [], drift, newest };
}

function topicOf(
  topic: TopicRuntime,
  read: Awaited<ReturnType<typeof readTopic>>,
  parts: StatusParts,
) {
  const { published, bounds, archived, drift, newest } = read;
  const cut = lowest(topic, published.map(({ cut }) => cut));
  return {
    partitions: partitionsOf(topic, bounds, archived, cut),
    plugins: pluginsOf(topic, published, drift, newest, parts),
  };
}

/** By partition of the log, the lowest published cut of all plugins. */
function lowest({ log }: TopicRuntime, cuts: readonly Cut[]): bigint[] {
  return Array.from({ length: log.partitionCount() }, (_, partition) => {
    const offsets = cuts.map((cut) => cut[log.id]?.[partition] ?? 0n);
    return offsets.reduce((least, at) => at < least ? at : least, offsets[0] ?? 0n);
  });
}

/** Why a partition stopped, or null while it goes on. */
const faultOf = ({ speed, archiver }: TopicRuntime, partition: number): Error | null =>
  speed.partition(partition).error ?? archiver.error(partition);

function partitionsOf(
  topic: TopicRuntime,
  bounds: readonly ({ start: bigint; end: bigint } | null)[],
  archived: readonly bigint[],
  cut: readonly bigint[],
): PartitionStatus[] {
  return bounds.map((known, partition) => {
    const seen = topic.speed.partition(partition);
    const { start, end } = known ?? { start: 0n, end: seen.position };
    return {
      partition,
      log_start: String(start),
      log_end: String(end),
      speed_frontier: String(seen.position),
      archived: String(archived[partition] ?? 0n),
      cut: String(cut[partition]),
      // What is read from a table was true a moment ago, and so may be beyond an earlier end.
      lag_records: Math.max(0, Number(end - seen.position)),
      watermark: isoOf(seen.watermarkMs),
      events: seen.events,
      future_events: seen.futureEvents,
      last_event: isoOf(seen.lastEventMs),
      late_events: seen.lateEvents,
      repeats: seen.repeats,
      dead_letters: seen.deadLetters,
      own: seen.own,
      error: faultOf(topic, partition)?.message ?? null,
    };
  });
}

function pluginsOf(
  topic: TopicRuntime,
  runs: readonly Published[],
  drift: readonly PluginDrift[],
  newest: readonly BatchRun[],
  { problems, generations }: Pick<StatusParts, "problems" | "generations">,
): PluginStatus[] {
  return topic.plugins.map(({ plugin, generation }, i) => {
    const { error, rows, lagRecords } = topic.speed.plugin(plugin.name);
    const catchingUp = lagRecords > CATCHING_UP_RECORDS;
    const { run, published } = runs[i];
    const answering = generations.served(plugin.name)!;
    if (run !== null) topic.batch.published(plugin.name, run.run, run.fullRun);
    const batch = {
      ...batchOf(plugin.name, topic.schema.topic, published, problems),
      under_way: underWay(plugin.name, newest),
    };
    const running = batch.failing_since !== null
      ? "batch-failing"
      : catchingUp
      ? "catching-up"
      : "running";
    return {
      ...drift.find((of) => of.plugin === plugin.name) ?? notAsked(plugin.name),
      topic: topic.schema.topic,
      generation,
      answering: answering.tables.generation,
      rebuilding: answering.rebuilding,
      state: error !== null ? "failed" : running,
      error: error?.message ?? null,
      speed_rows: rows,
      run: run?.run ?? null,
      batch,
    };
  });
}

async function refusedStatus(refused: KnownRefused, parts: StatusParts): Promise<PluginStatus> {
  const { generations, published: runs, known, topics } = parts;
  const answering = generations.served(refused.name)?.tables;
  const topic = (answering ?? refused.declared)?.plugin.source.topic ?? "";
  const ended = topics.find(({ schema }) => schema.topic === topic)?.batch.ended ?? 0;
  const { run, published } = answering === undefined
    ? NOT_PUBLISHED
    : await known.ask("warehouse", answering.batch, () => runs.of(answering, ended), NOT_PUBLISHED);
  return {
    ...notAsked(refused.name, run === null ? "nothing_published" : "not_running"),
    topic,
    generation: "",
    answering: answering?.generation ?? "",
    rebuilding: null,
    state: refused.problem.code === "metric_paused" ? "paused" : "refused",
    error: refused.problem.message,
    speed_rows: 0,
    run: run?.run ?? null,
    batch: { published, failing_since: null, error: null, under_way: null },
  };
}

function batchOf(
  plugin: string,
  topic: string,
  published: string | null,
  problems: Problems,
): Omit<PluginBatchStatus, "under_way"> {
  const failures = problems.concerning(plugin, topic)
    .filter((problem) => failsBatch(problem, plugin, topic));
  return {
    published,
    failing_since: failures.map(({ since }) => since).sort()[0] ?? null,
    error: failures.map(({ message }) => message).join("; ") || null,
  };
}

function underWay(name: string, newest: readonly BatchRun[]): BatchWork | null {
  for (const { run, plugins } of newest) {
    const part = plugins.find(({ plugin, status }) =>
      plugin === name && (status === "queued" || status === "running")
    );
    if (part === undefined) continue;
    const { days, daysDone, events, bytes } = part;
    return { run, days, daysDone, events, bytes };
  }
  return null;
}

/** The drift of a plugin before the warehouse has answered once. */
const notAsked = (plugin: string, reason: NotComparedReason = "not_read"): PluginDrift => ({
  plugin,
  drift: null,
  drifting_days: 0,
  accepted_days: 0,
  waiting_days: 0,
  not_compared: {
    reason,
    message: notComparedWords[reason],
    since: null,
  },
});

const unreachedProblem = (part: string, error: unknown): ProblemReport => ({
  code: "part_unreached",
  subject: part,
  message: `Cannot read the ${part}: ${messageOf(error)}`,
  blocking: true,
  error,
});

const isoOf = (ms: number) => ms < 0 ? null : new Date(ms).toISOString();

/** Stands until the watermarks have passed the events that lay in the future. */
function futureEventsOf(
  topic: string,
  partitions: readonly PartitionStatus[],
): ProblemReport | null {
  const ahead = partitions.filter(({ future_events, last_event, watermark }) =>
    future_events > 0 && last_event! > (watermark ?? "")
  );
  if (ahead.length === 0) return null;
  const events = ahead.reduce((sum, { future_events }) => sum + future_events, 0);
  const furthest = ahead.map(({ last_event }) => last_event!).sort().at(-1);
  const what = events === 1 ? "1 event" : `${events} events`;
  const message =
    `${what} of ${topic} lay further ahead of the append time than --future-after, up to ` +
    `${furthest}. Such events count like all others, and the watermark ignores them. Check the ` +
    "clocks of the producers";
  return { code: "future_events", subject: topic, message, topic };
}

function problemsOf(
  runtime: TopicRuntime,
  partitions: readonly PartitionStatus[],
  files: StatusParts["files"],
): ProblemReport[] {
  const { schema: { topic }, plugins, pacemaker, speed, membership } = runtime;
  const reports: ProblemReport[] = [];
  for (const { partition } of partitions) {
    const error = faultOf(runtime, partition);
    if (error === null) continue;
    const subject = `${topic}, partition ${partition}`;
    const message = `Partition ${partition} of ${topic} stopped: ${error.message}`;
    reports.push({ code: "partition_stopped", subject, message, blocking: true, topic, error });
  }
  const ahead = futureEventsOf(topic, partitions);
  if (ahead !== null) reports.push(ahead);
  for (const { plugin: { name } } of plugins) {
    const { error } = speed.plugin(name);
    if (error === null) continue;
    const subject = `plugin ${name}`;
    const file = files.get(name) ?? "its file";
    const message =
      `A function of plugin ${name} failed: ${error.message}. Correct ${file}; until ` +
      "then it is tried again at growing intervals, and answers lack the events that wait for it";
    reports.push({ code: "plugin_failed", subject, message, plugin: name, error });
  }
  const of = (code: ProblemCode, what: string, error: Error) => {
    reports.push({ code, subject: topic, message: `${what}: ${error.message}`, topic, error });
  };
  if (pacemaker.error !== null) {
    of("ticks_failing", `Cannot write ticks to ${topic}`, pacemaker.error);
  }
  if (membership.error !== null) {
    of("group_membership", `Cannot take part in the consumer group of ${topic}`, membership.error);
  }
  const flushFaults = speed.flushFaults();
  if (flushFaults.length > 0) {
    const message = flushFaults.map(({ what, error }) =>
      `Cannot flush ${what}: ${messageOf(error)}`
    )
      .join("; ");
    const error = ownFault(flushFaults.map((fault) => fault.error));
    reports.push({ code: "flush_failing", subject: topic, message, topic, error });
  }
  return reports;
}
