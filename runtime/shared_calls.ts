/**
 * Answers shared by those who ask the same at nearly the same time: a page that a hundred people
 * look at costs what it costs one. An answer stays exact, because it tells its own frontier.
 */
import { abortable } from "./abortable.ts";
import type { Clock } from "./clock.ts";

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
  readonly #sharedMs: number;
  readonly #calls = new Map<string, Call>();

  /**
   * @param sharedMs how long an answer is shared, in milliseconds from when it was asked for; one that
   * is still being made is shared until it is there, so that a process that falls behind does not ask
   * ever more.
   */
  constructor(clock: Clock, sharedMs: number) {
    this.#clock = clock;
    this.#sharedMs = sharedMs;
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
    if (call === undefined || !this.#isShared(call, nowMs)) call = this.#begin(key, nowMs, make);
    call.waiting++;
    try {
      return await abortable(call.answer as Promise<T>, signal);
    } finally {
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
      if (this.#calls.size <= MAX_KEPT && this.#isShared(kept, nowMs)) break;
      this.#calls.delete(oldest);
    }
    return call;
  }

  #isShared({ askedMs, settled, stop }: Call, nowMs: number): boolean {
    return !stop.signal.aborted && (!settled || nowMs - askedMs < this.#sharedMs);
  }
}
