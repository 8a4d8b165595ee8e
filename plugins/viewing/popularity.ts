import { type Random, random, trait, zipf } from "./chance.ts";

const HOUR_MS = 3_600_000;
/** Longer gaps drift no further: by then another week has begun. */
const MOST_STEPS = 24 * 7;
/** Of the movies, how many change places in an hour: one in so many. */
const MOVING = 20;
/** A new release comes every so many hours. */
const RELEASE_HOURS = 8;
const TOP = 20;

/**
 * Which movies are popular: by Zipf's law over ranks, and who has which rank drifts with event time.
 * Movies overtake their neighbours, and now and then one from below becomes a hit.
 */
export class Popularity {
  readonly #rank: (chance: number) => number;
  readonly #byRank: Uint32Array;
  /** The order of the beginning: what people keep coming back to. */
  readonly #classics: Uint32Array;
  readonly #random: Random;
  #steps: number | null = null;

  /** @param movies how many there are, from 1 on. */
  constructor(seed: number, readonly movies: number) {
    this.#random = random(trait(seed, movies));
    this.#rank = zipf(movies);
    this.#byRank = Uint32Array.from({ length: movies }, (_, i) => i + 1);
    for (let rank = movies - 1; rank > 0; rank--) {
      this.#swap(rank, Math.floor(this.#random() * (rank + 1)));
    }
    this.#classics = this.#byRank.slice();
  }

  /** A movie as people choose them now. */
  movie(chance: number): number {
    return this.#byRank[this.#rank(chance)];
  }

  /** A movie as people chose them in the beginning. */
  classic(chance: number): number {
    return this.#classics[this.#rank(chance)];
  }

  /** Lets the ranks drift up to a moment. */
  driftTo(ms: number): void {
    const steps = Math.floor(ms / HOUR_MS);
    this.#steps ??= steps;
    const from = Math.max(this.#steps, steps - MOST_STEPS);
    for (let step = from; step < steps; step++) this.#drift(step);
    this.#steps = Math.max(this.#steps, steps);
  }

  #drift(step: number): void {
    const { movies } = this;
    for (let i = Math.ceil(movies / MOVING); i > 0; i--) {
      const rank = Math.floor(this.#random() * movies);
      const above = rank - 1 - Math.floor(this.#random() * rank / 8);
      if (above >= 0) this.#swap(rank, above);
    }
    if (step % RELEASE_HOURS > 0 || movies < 2 * TOP) return;
    const below = TOP + Math.floor(this.#random() * (movies - TOP));
    this.#swap(below, Math.floor(this.#random() * TOP));
  }

  #swap(a: number, b: number): void {
    const byRank = this.#byRank;
    [byRank[a], byRank[b]] = [byRank[b], byRank[a]];
  }
}
