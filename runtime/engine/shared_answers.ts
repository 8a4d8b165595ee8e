/** Answers of the services, shared by those who ask the same at nearly the same time. */
import type { Clock } from "../std/clock.ts";
import type { BatchLayer, Services } from "../ports/services.ts";
import { SharedCalls } from "../std/shared_calls.ts";

/** Of metrics, whose version is how far they are counted: nobody waits for what others keep asking. */
const OF_METRICS = { freshMs: 2000, heldMs: 1000 };
/** Of what else takes a statement. */
const OF_STATEMENTS = { freshMs: 1000, heldMs: 1500 };
/** Of what is read from the log and from memory. */
const OF_MEMORY = { freshMs: 200 };

/** Services whose answers are shared. A question that waits for a frontier is answered alone. */
export function shareAnswers(services: Services, clock: Clock): Services {
  const metrics = new SharedCalls(clock, OF_METRICS);
  const calls = new SharedCalls(clock, OF_STATEMENTS);
  const lookups = new SharedCalls(clock, OF_MEMORY);
  const { serving, records, deadLetters } = services;
  return {
    ...services,
    serving: {
      metrics: serving.metrics,
      live: serving.live,
      position: serving.position,
      async query(metric, query, signal) {
        const { wait_for, ...asked } = query;
        const question = ["query", metric, asked];
        if (wait_for === undefined) {
          const version = await serving.position(metric);
          const made = (own: AbortSignal) => serving.query(metric, asked, own);
          return await metrics.get(question, made, { signal, version });
        }
        const answer = await serving.query(metric, query, signal);
        // The next caller must not see the state before it.
        metrics.forget(question);
        return answer;
      },
      async count(metric, query, signal) {
        const version = await serving.position(metric);
        const made = (own: AbortSignal) => serving.count(metric, query, own);
        return await metrics.get(["count", metric, query], made, { signal, version });
      },
      async series(metric, query, signal) {
        const version = await serving.position(metric);
        const made = (own: AbortSignal) => serving.series(metric, query, own);
        return await metrics.get(["series", metric, query], made, { signal, version });
      },
    },
    records: {
      ...records,
      list: (query, signal) =>
        lookups.get(["records", query], (own) => records.list(query, own), { signal }),
    },
    deadLetters: {
      ...deadLetters,
      list: (query, signal) =>
        calls.get(["dead-letters", query], (own) => deadLetters.list(query, own), { signal }),
      // Later callers see which were redriven.
      redrive: (request, signal) =>
        deadLetters.redrive(request, signal).finally(() => calls.forget()),
    },
    // Topics are added while everything runs.
    get batch() {
      const layers = [...services.batch].map(([topic, layer]) =>
        [topic, sharedHistory(topic, layer, calls, metrics)] as const
      );
      return new Map(layers);
    },
    status: () => lookups.get(["status"], () => services.status()),
    memory: () => calls.get(["memory"], () => services.memory()),
    newestRuns: () => calls.get(["newest runs"], () => services.newestRuns()),
  };
}

/** After a run everyone sees what it published. */
function sharedHistory(
  topic: string,
  layer: BatchLayer,
  calls: SharedCalls,
  metrics: SharedCalls,
): BatchLayer {
  return {
    run: (options) =>
      layer.run(options).finally(() => {
        calls.forget();
        metrics.forget();
      }),
    cancel: (...asked) => layer.cancel(...asked).finally(() => calls.forget()),
    history: (query) => calls.get(["history", topic, query], () => layer.history(query)),
    drift: () => layer.drift(),
    get running() {
      return layer.running;
    },
    get ended() {
      return layer.ended;
    },
  };
}
