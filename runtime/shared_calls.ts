/**
 * Answers shared by those who ask the same at nearly the same time: a page that a hundred people
 * look at costs what it costs one, and nobody waits for what was just answered. An answer stays
 * exact, because it tells its own frontier.
 */
import { abortable } from "./abortable.ts";
import type { Clock } from "./clock.ts";

/** The most answers that are kept at once. */
const MAX_KEPT = 500;

/** How long an answer is shared, in milliseconds from when it was asked for. */
export interface Sharing {
  /** It is handed out, and nothing is asked. */
  readonly freshMs: number;
  /** Then it is handed out up to here, while the next one is made. Default `freshMs`. */
  readonly heldMs?: number;
}

interface Call {
  readonly askedMs: number;
  readonly answer: Promise<unknown>;
  /** Cancels the work once nobody waits for it. */
  readonly stop: AbortController;
  waiting: number;
  settled: boolean;
  /** The one that takes its place once it is there. */
  next: Call | null;
}

/** Calls by what is asked. */
export class SharedCalls {
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #heldMs: number;
  readonly #calls = new Map<string, Call>();

  /**
   * An answer that is still being made is shared until it is there, so that a process that falls
   * behind does not ask ever more.
   */
  constructor(clock: Clock, { freshMs, heldMs = freshMs }: Sharing) {
    this.#clock = clock;
    this.#freshMs = freshMs;
    this.#heldMs = heldMs;
  }

  /**
   * The answer of a call that somebody else made just now, or of `make`. Who asks again is never
   * given an older answer than before.
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
    const call = this.#callFor(key, make);
    call.waiting++;
    try {
      return await abortable(call.answer as Promise<T>, signal);
    } finally {
      if (--call.waiting === 0 && signal?.aborted) call.stop.abort(signal.reason);
    }
  }

  /** Forgets an answer, or every one: what is asked from now on is asked anew. */
  forget(question?: unknown): void {
    if (question === undefined) this.#calls.clear();
    else this.#calls.delete(JSON.stringify(question));
  }

  #callFor(key: string, make: (signal: AbortSignal) => Promise<unknown>): Call {
    const nowMs = this.#clock.now();
    const call = this.#calls.get(key);
    if (call === undefined || call.stop.signal.aborted) {
      return this.#keep(key, this.#begin(key, nowMs, make));
    }
    const ageMs = nowMs - call.askedMs;
    if (!call.settled || ageMs < this.#freshMs) return call;
    if (call.next === null || call.next.stop.signal.aborted) {
      call.next = this.#begin(key, nowMs, make);
    }
    return ageMs < this.#heldMs ? call : call.next;
  }

  #begin(key: string, askedMs: number, make: (signal: AbortSignal) => Promise<unknown>): Call {
    const stop = new AbortController();
    const answer = make(stop.signal);
    const call: Call = { askedMs, answer, stop, waiting: 0, settled: false, next: null };
    answer.then(() => {
      call.settled = true;
      if (this.#calls.get(key)?.next === call) this.#keep(key, call);
    }, () => {
      const known = this.#calls.get(key);
      if (known === call) this.#calls.delete(key);
      else if (known?.next === call) known.next = null;
    });
    return call;
  }

  #keep(key: string, call: Call): Call {
    this.#calls.delete(key);
    this.#calls.set(key, call);
    const nowMs = this.#clock.now();
    for (const [oldest, { settled, askedMs, next }] of this.#calls) {
      const held = !settled || next !== null || nowMs - askedMs < this.#heldMs;
      if (this.#calls.size <= MAX_KEPT && held) break;
      this.#calls.delete(oldest);
    }
    return call;
  }
}
