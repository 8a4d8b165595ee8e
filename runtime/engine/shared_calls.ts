/**
 * Answers shared by those who ask the same at nearly the same time: a page that a hundred people
 * look at costs what it costs one. An answer stays exact, because it tells its own frontier.
 */
import type { Clock } from "../clock.ts";
import type { BatchLayer, Services } from "../services.ts";

/**
 * How long an answer is shared, in milliseconds from when it was asked for; one that is still being
 * made is shared until it is there, so that a process that falls behind does not ask ever more.
 */
export const SHARED_MS = 200;

/** The most answers that are kept at once. */
const MAX_KEPT = 500;

interface Call {
  readonly askedMs: number;
  readonly answer: Promise<unknown>;
  /** Cancels the work once nobody waits for it. */
  readonly stop: AbortController;
  waiting: number;
  settled: boolean;
}

/** Calls by what is asked. */
export class SharedCalls {
  readonly #clock: Clock;
  readonly #calls = new Map<string, Call>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The answer of a call that somebody else made just now, or of `make`.
   *
   * @param signal stops waiting; the work ends when nobody waits any more.
   * @throws what `make` throws; that is never shared with those who ask later.
   */
  async get<T>(
    question: unknown,
    make: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    signal?.throwIfAborted();
    const key = JSON.stringify(question);
    const nowMs = this.#clock.now();
    let call = this.#calls.get(key);
    if (call === undefined || !isShared(call, nowMs)) call = this.#begin(key, nowMs, make);
    call.waiting++;
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal!.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([call.answer as Promise<T>, aborted.promise]);
    } finally {
      signal?.removeEventListener("abort", abort);
      if (--call.waiting === 0 && signal?.aborted) call.stop.abort(signal.reason);
    }
  }

  /** Forgets every answer: what is asked from now on is asked anew. */
  forget(): void {
    this.#calls.clear();
  }

  #begin(key: string, nowMs: number, make: (signal: AbortSignal) => Promise<unknown>): Call {
    const stop = new AbortController();
    const answer = make(stop.signal);
    const call: Call = { askedMs: nowMs, answer, stop, waiting: 0, settled: false };
    answer.then(() => call.settled = true, () => {
      if (this.#calls.get(key) === call) this.#calls.delete(key);
    });
    this.#calls.delete(key);
    this.#calls.set(key, call);
    for (const [oldest, kept] of this.#calls) {
      if (this.#calls.size <= MAX_KEPT && isShared(kept, nowMs)) break;
      this.#calls.delete(oldest);
    }
    return call;
  }
}

function isShared({ askedMs, settled, stop }: Call, nowMs: number): boolean {
  return !stop.signal.aborted && (!settled || nowMs - askedMs < SHARED_MS);
}

/** Services whose answers are shared. Whoever waits for a frontier is answered alone. */
export function shareAnswers(services: Services, clock: Clock): Services {
  const calls = new SharedCalls(clock);
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
