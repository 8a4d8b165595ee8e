/** Answers of the services, shared by those who ask the same at nearly the same time. */
import type { Clock } from "../clock.ts";
import type { BatchLayer, Services } from "../services.ts";
import { SharedCalls } from "../shared_calls.ts";

/** How long an answer is shared, in milliseconds. */
const SHARED_MS = 200;

/** Services whose answers are shared. Whoever waits for a frontier is answered alone. */
export function shareAnswers(services: Services, clock: Clock): Services {
  const calls = new SharedCalls(clock, SHARED_MS);
  const { serving, records, deadLetters } = services;
  return {
    ...services,
    serving: {
      metrics: serving.metrics,
      live: serving.live,
      query: (metric, query, signal) =>
        query.wait_for === undefined
          ? calls.get(["query", metric, query], (s) => serving.query(metric, query, s), signal)
          : serving.query(metric, query, signal),
      series: (metric, query, signal) =>
        calls.get(["series", metric, query], (s) => serving.series(metric, query, s), signal),
    },
    records: {
      list: (query, signal) => calls.get(["records", query], (s) => records.list(query, s), signal),
    },
    deadLetters: {
      one: deadLetters.one,
      list: (query, signal) =>
        calls.get(["dead-letters", query], (s) => deadLetters.list(query, s), signal),
    },
    batch: new Map(
      [...services.batch].map(([topic, layer]) => [topic, sharedHistory(topic, layer, calls)]),
    ),
    status: () => calls.get(["status"], () => services.status()),
    newestRuns: () => calls.get(["newest runs"], () => services.newestRuns()),
  };
}

/** After a run everyone sees what it published. */
function sharedHistory(topic: string, layer: BatchLayer, calls: SharedCalls): BatchLayer {
  return {
    run: (options) => layer.run(options).finally(() => calls.forget()),
    history: (limit) => calls.get(["history", topic, limit], () => layer.history(limit)),
    get running() {
      return layer.running;
    },
    get ended() {
      return layer.ended;
    },
  };
}
