/** What the parts of the engine last said, for a status that answers while one of them does not. */
import { within } from "../std/abortable.ts";
import { messageOf } from "../std/errors.ts";
import type { Clock } from "../std/clock.ts";
import type { UnreachedPart } from "../ports/services.ts";

/** How long to wait for an answer, in milliseconds; Prometheus gives up after ten seconds. */
const PATIENCE_MS = 2000;

/**
 * A question last asked so many milliseconds before the newest one is not asked any more, as one about
 * the table of a generation that was replaced.
 */
const NOT_ASKED_MS = 60_000;

interface Question {
  /** When it was asked last. */
  askedMs: number;
  /** The last answer. */
  known: unknown;
  /** What is under way, and since when. */
  asking: { readonly answer: Promise<void>; readonly sinceMs: number } | null;
  fault: {
    readonly part: UnreachedPart["part"];
    readonly sinceMs: number;
    readonly error: unknown;
    /** Whether it did not answer in time, and has not refused. */
    readonly late: boolean;
  } | null;
}

/**
 * Asks log, archive and warehouse, and falls back to what each said last. One that hangs is asked
 * once and not again before that has ended; callers meanwhile are answered at once.
 *
 * @example
 * ```ts
 * import { systemClock } from "../std/clock.ts";
 * import { LastKnown } from "./last_known.ts";
 * const known = new LastKnown(systemClock);
 * await known.ask("log", "end", () => Promise.resolve(7), 0);
 * const end: number = await known.ask("log", "end", () => Promise.reject(new Error("gone")), 0);
 * if (end !== 7 || known.unreached()[0].error !== "gone") throw new Error("unexpected");
 * ```
 */
export class LastKnown {
  readonly #clock: Clock;
  readonly #questions = new Map<string, Question>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * What a part answers, or what it answered last.
   *
   * @param question tells it from the other questions to the part.
   * @param first the answer as long as there has been none.
   */
  async ask<T>(
    part: UnreachedPart["part"],
    question: string,
    answer: () => Promise<T>,
    first: T,
  ): Promise<T> {
    const key = `${part} ${question}`;
    const askedMs = this.#clock.now();
    const state = this.#questions.get(key) ?? { askedMs, known: first, asking: null, fault: null };
    this.#questions.set(key, state);
    state.askedMs = askedMs;
    state.asking ??= this.#begin(part, state, answer);
    await this.#wait(part, state, state.asking);
    return state.known as T;
  }

  /** The parts that did not answer when they were asked last. */
  unreached(): UnreachedPart[] {
    return this.faults(0).map(({ part, sinceMs, error }) => {
      return { part, since: new Date(sinceMs).toISOString(), error: messageOf(error) };
    });
  }

  /**
   * Why parts did not answer, one fault per part. Forgets questions that are no longer asked.
   *
   * @param lateForMs leaves out parts that have been late for less time: a busy part is slow now and
   * then.
   */
  faults(lateForMs: number): NonNullable<Question["fault"]>[] {
    const parts = new Map<string, NonNullable<Question["fault"]>>();
    const latestMs = this.#clock.now() - lateForMs;
    const newestMs = Math.max(...[...this.#questions.values()].map(({ askedMs }) => askedMs));
    for (const [key, { askedMs, fault }] of this.#questions) {
      if (askedMs < newestMs - NOT_ASKED_MS) {
        this.#questions.delete(key);
        continue;
      }
      if (fault === null || (fault.late && fault.sinceMs > latestMs)) continue;
      const known = parts.get(fault.part);
      if (known === undefined || fault.sinceMs < known.sinceMs) parts.set(fault.part, fault);
    }
    return [...parts.values()];
  }

  #begin(part: UnreachedPart["part"], state: Question, answer: () => Promise<unknown>) {
    const sinceMs = this.#clock.now();
    const asked = answer().then((known) => {
      state.known = known;
      state.fault = null;
    }, (error) => {
      this.#fail(part, state, error, false);
    });
    return { sinceMs, answer: asked.finally(() => state.asking = null) };
  }

  /** Waits for an answer, but no longer than its time is. */
  async #wait(
    part: UnreachedPart["part"],
    state: Question,
    { answer, sinceMs }: NonNullable<Question["asking"]>,
  ): Promise<void> {
    const leftMs = sinceMs + PATIENCE_MS - this.#clock.now();
    if (leftMs <= 0) return;
    if (await within(leftMs, answer, this.#clock)) return;
    this.#fail(part, state, `no answer within ${PATIENCE_MS / 1000} s`, true);
  }

  #fail(part: UnreachedPart["part"], state: Question, error: unknown, late: boolean): void {
    const known = state.fault;
    // One outage has many words (refused, reset, cut): the first ones stay.
    if (known !== null && known.late === late) return;
    state.fault = { part, sinceMs: known?.sinceMs ?? this.#clock.now(), error, late };
  }
}
