import type { Audience } from "./audience.ts";
import { type Random, trait } from "./chance.ts";
import { DueHeap } from "./due_heap.ts";
import type { Popularity } from "./popularity.ts";

/** What happens in a session, in the order in which it can. */
export const Step = { view: 0, pause: 1, resume: 2, complete: 3, rating: 4 } as const;

/** Takes what happens: in whose session, what, when, and how long was watched until then. */
export type OnStep = (
  session: { readonly user: number; readonly movie: number; readonly watchedMs: number },
  step: number,
  atMs: number,
) => void;

/** Options of {@link Sessions}. */
export interface SessionsOptions {
  readonly audience: Audience;
  readonly movies: Popularity;
  readonly random: Random;
  /** The most sessions at a time. */
  readonly capacity: number;
  /** How many times shorter than in life everything is, 1 or more. */
  readonly haste: number;
  readonly onStep: OnStep;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const SHORTEST_MINUTES = 75;
const LONGEST_MINUTES = 165;
/** Of those who watch: who leaves without a word, and who pauses. */
const [LEAVES, PAUSES] = [0.08, 0.42];
const [COMES_BACK, RATES] = [0.85, 0.6];

/** How long a session lasts on average, and how many events it has: measured. */
export const SESSION_MS = 6_400_000;
export const SESSION_EVENTS = 3.45;

/**
 * Sessions under way, each of another user: view, then pause and resume as often as it happens,
 * complete, and a rating. What is told as watched is the time that passed while it played.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #due: DueHeap;
  readonly #user: Uint32Array;
  readonly #movie: Uint32Array;
  readonly #step: Uint8Array;
  /** When the last event was. */
  readonly #lastMs: Float64Array;
  readonly #watchedMs: Float64Array;
  readonly #free: Uint32Array;
  #freeCount: number;

  constructor(options: SessionsOptions) {
    const { capacity } = options;
    this.#options = options;
    this.#due = new DueHeap(capacity);
    this.#user = new Uint32Array(capacity);
    this.#movie = new Uint32Array(capacity);
    this.#step = new Uint8Array(capacity);
    this.#lastMs = new Float64Array(capacity);
    this.#watchedMs = new Float64Array(capacity);
    this.#free = Uint32Array.from({ length: capacity }, (_, slot) => slot);
    this.#freeCount = capacity;
  }

  /** Sessions that will go on. */
  get count(): number {
    return this.#due.size;
  }

  get isFull(): boolean {
    return this.#freeCount === 0;
  }

  /** When the next session goes on; Infinity where none does. */
  get nextMs(): number {
    return this.#due.firstMs;
  }

  /** Somebody begins to watch something. */
  begin(atMs: number): void {
    const { audience, movies, random } = this.#options;
    const slot = this.#free[--this.#freeCount];
    movies.driftTo(atMs);
    this.#user[slot] = audience.enter(atMs, random);
    this.#movie[slot] = audience.choose(this.#user[slot], movies, random);
    this.#step[slot] = Step.view;
    this.#lastMs[slot] = atMs;
    this.#watchedMs[slot] = 0;
    this.#happen(slot, atMs);
  }

  /** The next session goes on, at `atMs`. */
  goOn(atMs: number): void {
    this.#happen(this.#due.take(), atMs);
  }

  #happen(slot: number, atMs: number): void {
    const step = this.#step[slot];
    if (step === Step.pause || step === Step.complete) {
      this.#watchedMs[slot] += atMs - this.#lastMs[slot];
    }
    this.#lastMs[slot] = atMs;
    const session = {
      user: this.#user[slot],
      movie: this.#movie[slot],
      watchedMs: this.#watchedMs[slot],
    };
    this.#options.onStep(session, step, atMs);
    const gapMs = this.#plan(slot, step);
    if (gapMs !== null) return this.#due.add(slot, atMs + 1 + Math.floor(gapMs));
    this.#options.audience.leave(this.#user[slot]);
    this.#free[this.#freeCount++] = slot;
  }

  /** Decides what comes next. @returns after how long; null when nothing does. */
  #plan(slot: number, step: number): number | null {
    const { random, haste } = this.#options;
    const chance = random();
    switch (step) {
      case Step.view:
      case Step.resume: {
        if (chance < LEAVES) return null;
        const leftMs = Math.max(MINUTE_MS / haste, this.#lengthMs(slot) - this.#watchedMs[slot]);
        const isPause = chance < LEAVES + PAUSES;
        this.#step[slot] = isPause ? Step.pause : Step.complete;
        return leftMs * (isPause ? 0.05 + 0.85 * random() : 0.93 + 0.07 * random());
      }
      case Step.pause: {
        this.#step[slot] = Step.resume;
        const skewed = random() * random();
        return chance < COMES_BACK ? (20 * SECOND_MS + skewed * 40 * MINUTE_MS) / haste : null;
      }
      case Step.complete: {
        this.#step[slot] = Step.rating;
        const skewed = random() * random();
        return chance < RATES ? (5 * SECOND_MS + skewed * 10 * MINUTE_MS) / haste : null;
      }
      default:
        return null;
    }
  }

  #lengthMs(slot: number): number {
    const { haste, audience } = this.#options;
    const spread = trait(audience.seed, this.#movie[slot]) / 2 ** 32;
    const minutes = SHORTEST_MINUTES + spread * (LONGEST_MINUTES - SHORTEST_MINUTES);
    return minutes * MINUTE_MS / haste;
  }
}
