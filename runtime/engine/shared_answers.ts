/** Answers of the services, shared by those who ask the same at nearly the same time. */
import type { Clock } from "../clock.ts";
import type { BatchLayer, Services } from "../services.ts";
import { SharedCalls } from "../shared_calls.ts";

/** Of what takes a statement: nobody waits for what others keep asking. */
const OF_STATEMENTS = { freshMs: 1000, heldMs: 1500 };
/** Of what is read from the log and from memory. */
const OF_MEMORY = { freshMs: 200 };

/** Services whose answers are shared. Whoever waits for a frontier is answered alone. */
export function shareAnswers(services: Services, clock: Clock): Services {
  const calls = new SharedCalls(clock, OF_STATEMENTS);
  const lookups = new SharedCalls(clock, OF_MEMORY);
  const { serving, records, deadLetters } = services;
  return {
    ...services,
    serving: {
      metrics: serving.metrics,
      live: serving.live,
      async query(metric, query, signal) {
        const { wait_for, ...asked } = query;
        const question = ["query", metric, asked];
        if (wait_for === undefined) {
          return await calls.get(question, (s) => serving.query(metric, asked, s), signal);
        }
        const answer = await serving.query(metric, query, signal);
        // Who asks next must not see what was before it.
        calls.forget(question);
        return answer;
      },
      series: (metric, query, signal) =>
        calls.get(["series", metric, query], (s) => serving.series(metric, query, s), signal),
    },
    records: {
      list: (query, signal) =>
        lookups.get(["records", query], (s) => records.list(query, s), signal),
    },
    deadLetters: {
      one: deadLetters.one,
      list: (query, signal) =>
        calls.get(["dead-letters", query], (s) => deadLetters.list(query, s), signal),
    },
    batch: new Map(
      [...services.batch].map(([topic, layer]) => [topic, sharedHistory(topic, layer, calls)]),
    ),
    status: () => lookups.get(["status"], () => services.status()),
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
