import type { Role } from "../config.ts";
import type { Cut } from "../frontier.ts";
import type { BatchRun, PartitionStatus, PluginStatus, Status } from "../services.ts";
import type { PublishedRuns } from "../serving/published_runs.ts";
import type { TopicRuntime } from "./topic_runtime.ts";

/** Faults that the engine survives: told once, and kept as long as they stand. */
export class Problems {
  readonly #standing = new Map<string, string>();
  readonly #onProblem: (message: string, error: unknown) => void;

  constructor(onProblem: (message: string, error: unknown) => void) {
    this.#onProblem = onProblem;
  }

  /** Tells a fault; with a `key` it stands until it is settled. */
  report(message: string, error: unknown, key?: string): void {
    this.#onProblem(message, error);
    if (key !== undefined) this.#standing.set(key, `${message}: ${messageOf(error)}`);
  }

  /** Tells what somebody should mend, and keeps it until it is null. */
  set(key: string, problem: string | null): void {
    if (problem === null) return this.settle(key);
    if (this.#standing.get(key) !== problem) this.#onProblem(problem, undefined);
    this.#standing.set(key, problem);
  }

  /** Says that it goes well again. */
  settle(key: string): void {
    this.#standing.delete(key);
  }

  /** What stands. */
  standing(): string[] {
    return [...this.#standing.values()];
  }
}

/** What the status is made of. */
export interface StatusParts {
  readonly topics: readonly TopicRuntime[];
  readonly published: PublishedRuns;
  readonly problems: Problems;
  readonly version: string;
  readonly started: string;
  readonly roles: readonly Role[];
  /** The newest run of a topic's batch layer, as of a moment ago. */
  readonly lastRun: (topic: TopicRuntime) => Promise<BatchRun | undefined>;
}

/** Records that a plugin may lag behind the partition before it counts as catching up. */
const CATCHING_UP_RECORDS = 100_000;

/** Reads the status of everything, as of now. */
export async function statusOf(parts: StatusParts): Promise<Status> {
  const { topics, published: runs, version, started, roles } = parts;
  const problems = parts.problems.standing();
  const topicStatus: Status["topics"][number][] = [];
  const plugins: PluginStatus[] = [];
  for (const topic of topics) {
    const published = await Promise.all(
      topic.plugins.map((tables) => runs.of(tables, topic.batch.ended)),
    );
    const partitions = await partitionsOf(topic, lowest(topic, published.map(({ cut }) => cut)));
    topicStatus.push({ topic: topic.schema.topic, log: topic.log.id, partitions });
    const last = await parts.lastRun(topic);
    const own = pluginsOf(topic, last, published.map(({ run }) => run?.run ?? null));
    plugins.push(...own);
    problems.push(...problemsOf(topic, partitions, own));
  }
  const ready = topicStatus.every(({ partitions }) => partitions.every((p) => p.error === null));
  return { version, started, roles, ready, problems, topics: topicStatus, plugins };
}

/** By partition of the log, the lowest published cut of all plugins. */
function lowest({ log }: TopicRuntime, cuts: readonly Cut[]): bigint[] {
  return Array.from({ length: log.partitionCount() }, (_, partition) => {
    const offsets = cuts.map((cut) => cut[log.id]?.[partition] ?? 0n);
    return offsets.reduce((least, at) => at < least ? at : least);
  });
}

async function partitionsOf(topic: TopicRuntime, cut: bigint[]): Promise<PartitionStatus[]> {
  const { log, speed, archiver } = topic;
  await speed.refresh();
  const archived = (await topic.archived())[log.id] ?? [];
  const partitions: PartitionStatus[] = [];
  for (let partition = 0; partition < log.partitionCount(); partition++) {
    const bounds = await log.bounds(partition);
    const seen = speed.partition(partition);
    partitions.push({
      partition,
      log_start: String(bounds.start),
      log_end: String(bounds.end),
      speed_frontier: String(seen.position),
      archived: String(archived[partition] ?? 0n),
      cut: String(cut[partition]),
      // What is read from a table was true a moment ago, and so may be beyond an earlier end.
      lag_records: Math.max(0, Number(bounds.end - seen.position)),
      watermark: seen.watermarkMs < 0 ? null : new Date(seen.watermarkMs).toISOString(),
      events: seen.events,
      late_events: seen.lateEvents,
      repeats: seen.repeats,
      dead_letters: seen.deadLetters,
      own: seen.own,
      error: seen.error ?? archiver.error(partition)?.message ?? null,
    });
  }
  return partitions;
}

function pluginsOf(
  topic: TopicRuntime,
  last: BatchRun | undefined,
  runs: readonly (number | null)[],
): PluginStatus[] {
  return topic.plugins.map(({ plugin, generation }, i) => {
    const { error, rows, lagRecords } = topic.speed.plugin(plugin.name);
    const catchingUp = lagRecords > CATCHING_UP_RECORDS;
    return {
      plugin: plugin.name,
      topic: topic.schema.topic,
      generation,
      state: error !== null ? "failed" : catchingUp ? "catching-up" : "running",
      error,
      speed_rows: rows,
      run: runs[i],
      drift: last?.plugins.find((run) => run.plugin === plugin.name)?.drift ?? null,
    };
  });
}

function problemsOf(
  { schema, pacemaker, speed, membership }: TopicRuntime,
  partitions: readonly PartitionStatus[],
  plugins: readonly PluginStatus[],
): string[] {
  return [
    ...partitions.filter(({ error }) => error !== null).map(({ partition, error }) =>
      `${schema.topic}, partition ${partition}: ${error}`
    ),
    ...plugins.filter(({ error }) => error !== null).map(({ plugin, error }) =>
      `plugin ${plugin}: ${error}`
    ),
    ...plugins.filter(({ drift }) => drift !== null && drift !== 0).map(({ plugin, drift }) =>
      `plugin ${plugin}: speed and batch differ by ${drift}`
    ),
    ...(pacemaker.error === null ? [] : [`ticks: ${pacemaker.error.message}`]),
    ...(membership.error === null ? [] : [`${schema.topic}: ${membership.error.message}`]),
    ...speed.flushFaults(),
  ];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
