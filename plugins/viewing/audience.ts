import { type Random, trait } from "./chance.ts";
import type { Popularity } from "./popularity.ts";

const CHANCES = 2 ** 32;
const GENRES = 16;
/** Within so many hours of one's own, one watches whenever there is time. */
const OWN_HOURS = 3;
const AT_OTHER_HOURS = 0.1;
const OF_OTHER_GENRES = 0.4;
const WATCHED_AGAIN = 0.08;
const TRIES = 8;
const HOUR_MS = 3_600_000;

/** How many watch in each hour of the day, UTC; the mean is 1. */
// deno-fmt-ignore
const HOURS = [
  1.15, 0.80, 0.50, 0.30, 0.20, 0.15, 0.20, 0.30, 0.45, 0.60, 0.70, 0.80,
  0.95, 1.00, 1.00, 1.00, 1.05, 1.20, 1.50, 1.90, 2.30, 2.45, 2.05, 1.45,
];

/**
 * The users and their habits. Some watch far more than others; each has hours, two genres and a movie
 * of their own. A habit follows from the seed and the user, so nothing is kept per user but whether
 * they are watching.
 */
export class Audience {
  readonly #watching: Uint8Array;
  /** Spreads the busy users over all ids. */
  readonly #stride: number;

  /** @param users how many there are; their ids are 1 to this. */
  constructor(readonly seed: number, readonly users: number) {
    this.#watching = new Uint8Array(users + 1);
    let stride = Math.max(1, Math.floor(users * 0.618));
    while (commonDivisor(stride, users) > 1) stride++;
    this.#stride = stride;
  }

  /** Somebody who begins to watch at a moment; they watch until {@link leave}. */
  enter(ms: number, next: Random): number {
    for (let tries = 1;; tries++) {
      const chance = next();
      // The cube: a few watch as often as they can, most now and then.
      const place = Math.floor(chance * chance * chance * this.users);
      const user = 1 + (place + tries * (tries > TRIES ? 1 : 0)) * this.#stride % this.users;
      if (this.#watching[user] === 1) continue;
      const isOwnHour = hoursApart(favouriteHour(this.#habit(user, 0)), ms) <= OWN_HOURS;
      if (!isOwnHour && tries < TRIES && next() > AT_OTHER_HOURS) continue;
      this.#watching[user] = 1;
      return user;
    }
  }

  leave(user: number): void {
    this.#watching[user] = 0;
  }

  /** What a user watches. */
  choose(user: number, movies: Popularity, next: Random): number {
    if (next() < WATCHED_AGAIN) return movies.classic(this.#habit(user, 1));
    for (let tries = 1;; tries++) {
      const movie = movies.movie(next());
      if (tries === TRIES || this.likes(user, movie) || next() < OF_OTHER_GENRES) return movie;
    }
  }

  /** Whether a movie is of one of a user's two genres. */
  likes(user: number, movie: number): boolean {
    const genre = trait(this.seed, movie) % GENRES;
    const own = trait(this.seed ^ user, 2);
    return genre === own % GENRES || genre === (own >>> 8) % GENRES;
  }

  /** How kindly a user rates, −1 to 1. */
  kindness(user: number): number {
    return this.#habit(user, 3) * 2 - 1;
  }

  /** Whether a user's player leaves out what is null. */
  isTerse(user: number): boolean {
    return this.#habit(user, 4) < 0.05;
  }

  #habit(user: number, which: number): number {
    return trait(this.seed + which, user) / CHANCES;
  }
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** @param chance in `[0, 1)`. */
function favouriteHour(chance: number): number {
  let left = chance * 24;
  return HOURS.findIndex((weight) => (left -= weight) < 0);
}

/** Hours between an hour of the day and a moment, 0 to 12. */
function hoursApart(hour: number, ms: number): number {
  const apart = Math.abs(Math.floor(ms / HOUR_MS) % 24 - hour);
  return Math.min(apart, 24 - apart);
}
