/** The serving layer: one number from two layers. */
import type { Clock } from "../std/clock.ts";
import {
  DamagedError,
  ExternalError,
  NotFoundError,
  NotReadyError,
  ProblemError,
  ReplacedError,
} from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import { encodeFrontier } from "../model/frontier.ts";
import type { Warehouse } from "../ports/ports.ts";
import { failsBatch, type Problem } from "../model/problems.ts";
import type {
  FutureEvents,
  MetricAnswer,
  MetricQuery,
  Serving,
  SpeedLayer,
} from "../ports/services.ts";
import type { PluginTables } from "../sql/tables.ts";
import { LiveQuestions } from "./live.ts";
import { Metric } from "./metric.ts";
import { metricInfo } from "./metric_info.ts";
import { sharedOptions } from "./metric_source.ts";
import type { PublishedRuns } from "./published_runs.ts";

/** The generation of a metric that answers. */
export interface ServedGeneration {
  readonly tables: PluginTables;
  /** How far its speed rows are. */
  readonly speed: SpeedLayer;
  /** See `AnsweringGeneration.frozen_at`. */
  readonly frozenAt: string | null;
  /** See `AnsweringGeneration.rebuilding`. */
  readonly rebuilding: number | null;
  /** Whether the archive has events of earlier logs that no run of it has read. */
  readonly lacksEarlierLogs: boolean;
}

/** A topic that is served. */
export interface ServedTopic {
  readonly schema: EventSchema;
  /** The log that the speed layer follows. */
  readonly logId: string;
  /** Those that run. The list may change. */
  readonly plugins: readonly PluginTables[];
  readonly speed: SpeedLayer;
  /** Names of plugins that are refused. Default: none. */
  readonly refused?: () => readonly string[];
  /**
   * The generation of a plugin that answers now; null where it is refused and none did.
   * Default: that of {@link plugins}.
   */
  readonly served?: (plugin: string) => ServedGeneration | null;
  /** The future events that lie beyond the watermarks; null for none. Default: none. */
  readonly future?: () => Promise<FutureEvents | null>;
  /**
   * The greatest append time of the records below a cut of the log, by partition, in milliseconds
   * since 1970 UTC; null where it is not known. Default: it never is.
   */
  readonly appended?: (cut: readonly bigint[]) => Promise<readonly (number | null)[]>;
  /** Moves when this process may have published a run. Default: never. */
  readonly runsEnded?: () => number;
}

/**
 * Adds the columns of catalogs to an answer's rows.
 *
 * @param names the catalogs, with commas between.
 * @throws {UserError} when there is no such catalog, or none for the answer's keys.
 */
export type Expand = (answer: MetricAnswer, names: string) => Promise<MetricAnswer>;

/** Options of {@link createServing}. */
export interface ServingOptions {
  /** The list may change. */
  readonly topics: readonly ServedTopic[];
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /** The greatest `limit` of a question. Default 10,000. */
  readonly maxLimit?: number;
  /** The longest that a statement may take, in milliseconds. Default 10,000. */
  readonly queryTimeoutMs?: number;
  /** Adds catalogs' columns to answers. Default: there are none. */
  readonly expand?: Expand;
  /** The problems that a metric's answers carry, by metric and topic. Default: there are none. */
  readonly concerning?: (metric: string, topic: string) => readonly Problem[];
  /** Called when an answer meets damage, which is then no answer. Default: nobody is. */
  readonly onDamage?: (error: DamagedError, metric: string) => void;
  /** The problem that keeps a metric from running; null where none does. Default: there are none. */
  readonly refused?: (metric: string) => Pick<Problem, "code" | "message"> | null;
  /** The published runs. Default: those of the warehouse, looked up for every question. */
  readonly published?: PublishedRuns;
  /**
   * The most statements at once that answer questions, and half as many for single keys; the others
   * wait. Default: one per core, 2 to 4.
   */
  readonly statements?: number;
  /** The longest that `wait_for` waits, in milliseconds. Default 10,000. */
  readonly waitTimeoutMs?: number;
}

const unknownMetric = (name: string, known: readonly string[]) =>
  new NotFoundError(
    `Cannot query metric: expected one of ${known.join(", ")}, got ${
      JSON.stringify(name.slice(0, 80))
    }`,
    { field: "metric" },
  );

/** Creates the serving layer over the tables of the given topics. */
export function createServing(options: ServingOptions): Serving {
  const { topics, clock, expand = (answer) => Promise.resolve(answer) } = options;
  const shared = sharedOptions(options);
  const namesOf = (topic: ServedTopic) => [
    ...topic.plugins.map(({ plugin }) => plugin.name),
    ...topic.refused?.() ?? [],
  ];
  const metrics = new Map<string, Metric>();
  /** Null where nothing answers. */
  const answering = (name: string): Metric | null => {
    const topic = topics.find((each) => namesOf(each).includes(name));
    if (topic === undefined) return null;
    const tables = topic.plugins.find(({ plugin }) => plugin.name === name);
    const own = tables &&
      { tables, speed: topic.speed, frozenAt: null, rebuilding: null, lacksEarlierLogs: false };
    const served = topic.served === undefined ? own : topic.served(name);
    if (served == null) return null;
    const made = metrics.get(name);
    if (made?.answersFrom(served)) return made;
    const metric = new Metric(shared, { ...topic, speed: served.speed }, served.tables);
    metrics.set(name, metric);
    return metric;
  };
  const known = () => topics.flatMap(namesOf).flatMap((name) => answering(name) ?? []);
  const metricOf = (name: string) => {
    const metric = answering(name);
    if (metric !== null) return metric;
    const refused = options.refused?.(name) ?? null;
    if (refused !== null) throw new ProblemError(refused.code, refused.message);
    throw unknownMetric(name, known().map(({ plugin }) => plugin.name));
  };
  const { concerning = () => [] } = options;
  const problemsOf = (name: string) => concerning(name, metricOf(name).topic);
  /** Asks the metric that answers; one that is replaced meanwhile is asked anew. */
  const asked = async <Answer>(name: string, ask: (metric: Metric) => Promise<Answer>) => {
    for (;;) {
      try {
        return await ask(metricOf(name));
      } catch (error) {
        if (!(error instanceof ReplacedError)) throw error;
      }
    }
  };
  // What waits for a run of a layer that fails does not come by waiting.
  const explained = <Answer>(name: string, ask: (metric: Metric) => Promise<Answer>) =>
    asked(name, ask).catch((error) => {
      if (error instanceof DamagedError) options.onDamage?.(error, name);
      const failing = error instanceof NotReadyError && error.field === "layer"
        ? problemsOf(name).find((problem) => failsBatch(problem, name, metricOf(name).topic))
        : undefined;
      if (failing === undefined) throw error;
      throw new ExternalError(`${error.message}. ${failing.message}`, { retriable: false });
    });
  const query = async (name: string, query: MetricQuery, signal?: AbortSignal) => {
    const found = await explained(name, (metric) => metric.answer(query, signal));
    const answer = { ...found, problems: problemsOf(name) };
    return query.expand === undefined ? answer : await expand(answer, query.expand);
  };
  const position = (name: string) => {
    const problems = problemsOf(name);
    const metric = metricOf(name);
    const at = `${metric.generation} ${encodeFrontier(metric.frontier())} ${metric.runsEnded}`;
    return problems.length === 0 ? at : `${at} ${JSON.stringify(problems)}`;
  };
  const live = new LiveQuestions(clock, {
    query,
    identity: (name) => metricOf(name).identity,
    position,
  });
  return {
    metrics: () => known().map(({ plugin }) => metricInfo(plugin)),
    query,
    position,
    async series(name, query, signal) {
      const answer = await explained(name, (metric) => metric.series(query, signal));
      return { ...answer, problems: problemsOf(name) };
    },
    live: async (name, query, options) => {
      metricOf(name);
      return await live.follow(name, query, options);
    },
  };
}
