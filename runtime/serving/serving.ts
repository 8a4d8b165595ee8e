/** The serving layer: one number from two layers. */
import { quoted } from "../std/quoted.ts";
import {
  DamagedError,
  ExternalError,
  NotFoundError,
  NotReadyError,
  ProblemError,
  ReplacedError,
} from "../std/errors.ts";
import { encodeFrontier } from "../model/frontier.ts";
import { failsBatch } from "../model/problems.ts";
import type { MetricQuery, Serving } from "../ports/services.ts";
import { LiveQuestions } from "./live.ts";
import { Metric } from "./metric.ts";
import { metricInfo } from "./metric_info.ts";
import { sharedOptions } from "./metric_source.ts";
import type { ServedTopic, ServingOptions } from "./serving_options.ts";

const unknownMetric = (name: string, known: readonly string[]) =>
  new NotFoundError(
    `Cannot query metric: expected one of ${known.join(", ")}, got ${quoted(name)}`,
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
    const answer = await explained(name, (metric) => metric.answer(query, signal));
    return query.expand === undefined ? answer : await expand(answer, query.expand);
  };
  const position = async (name: string) => {
    await metricOf(name).fresh();
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
    count: (name, query, signal) => explained(name, (metric) => metric.count(query, signal)),
    position,
    series: (name, query, signal) => explained(name, (metric) => metric.series(query, signal)),
    live: async (name, query, options) => {
      metricOf(name);
      return await live.follow(name, query, options);
    },
  };
}
