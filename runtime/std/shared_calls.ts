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
  /** It is handed out, and nothing is asked, while its version is the newest. */
  readonly freshMs: number;
  /** Else it is handed out up to here, while the next one is made. Default `freshMs`. */
  readonly heldMs?: number;
}

/** Options of {@link SharedCalls.get}. */
export interface SharedCall {
  /** Stops waiting; the work ends when nobody waits any more. */
  readonly signal?: AbortSignal;
  /** Moves when a new answer may differ. Default: never. */
  readonly version?: string;
}

interface Call {
  readonly askedMs: number;
  readonly version: string;
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
   * The answer of a call that somebody else made just now, or of `make`. A second question never
   * gets an older answer than the first.
   *
   * @throws what `make` throws; that is never shared with those who ask later.
   */
  async get<T>(
    question: unknown,
    make: (signal: AbortSignal) => Promise<T>,
    { signal, version = "" }: SharedCall = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    const key = JSON.stringify(question);
    const call = this.#callFor(key, version, make);
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

  #callFor(key: string, version: string, make: (signal: AbortSignal) => Promise<unknown>): Call {
    const nowMs = this.#clock.now();
    const begin = () => this.#begin(key, nowMs, version, make);
    const call = this.#calls.get(key);
    if (call === undefined || call.stop.signal.aborted) {
      return this.#keep(key, begin());
    }
    const ageMs = nowMs - call.askedMs;
    if (!call.settled || (ageMs < this.#freshMs && version === call.version)) return call;
    if (call.next === null || call.next.stop.signal.aborted) {
      call.next = begin();
    }
    return ageMs < this.#heldMs ? call : call.next;
  }

  #begin(
    key: string,
    askedMs: number,
    version: string,
    make: (signal: AbortSignal) => Promise<unknown>,
  ): Call {
    const stop = new AbortController();
    const answer = make(stop.signal);
    const call: Call = { askedMs, version, answer, stop, waiting: 0, settled: false, next: null };
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
    const keptMs = Math.max(this.#freshMs, this.#heldMs);
    for (const [oldest, { settled, askedMs, next }] of this.#calls) {
      const held = !settled || next !== null || nowMs - askedMs < keptMs;
      if (this.#calls.size <= MAX_KEPT && held) break;
      this.#calls.delete(oldest);
    }
    return call;
  }
}
