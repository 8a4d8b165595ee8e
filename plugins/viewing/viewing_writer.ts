import type { Audience } from "./audience.ts";
import { type Random, random, trait } from "./chance.ts";
import { Step } from "./sessions.ts";

const TYPES = ["view", "pause", "resume", "complete", "rating"];

/** Of the events that have watched something, how many do not tell how long. */
const UNTOLD = 0.03;

/** Writes what happens in sessions as JSON of movie-viewing events. */
export class ViewingWriter {
  readonly #random: Random;
  #count = 0;

  /** @param run is in every event's id. */
  constructor(readonly seed: number, readonly audience: Audience, readonly run: string) {
    this.#random = random(trait(seed, 1));
  }

  /** The line of one event, with its line feed. */
  line(
    { user, movie, watchedMs }: {
      readonly user: number;
      readonly movie: number;
      readonly watchedMs: number;
    },
    step: number,
    atMs: number,
  ): string {
    // A view starts at nothing, a rating watches nothing, and some players do not tell.
    const isTold = step !== Step.view && step !== Step.rating && this.#random() >= UNTOLD;
    // A terse player leaves out what is null.
    const none = this.audience.isTerse(user) ? undefined : null;
    return JSON.stringify({
      event_id: `sim-${this.run}-${this.#count++}`,
      user_id: user,
      movie_id: movie,
      event_type: TYPES[step],
      timestamp: new Date(atMs).toISOString(),
      duration: isTold ? watchedMs / 1000 : none,
      rating: step === Step.rating ? this.#stars(user, movie) : none,
    }) + "\n";
  }

  /** 0 to 10 in halves; every movie has its own mean, every user a mood. */
  #stars(user: number, movie: number): number {
    const mean = 4 + trait(this.seed, movie) % 4096 / 4096 * 4;
    const liked = (this.audience.likes(user, movie) ? 1 : 0) + this.audience.kindness(user);
    const stars = mean + liked + (this.#random() + this.#random() - 1) * 2;
    return Math.min(20, Math.max(0, Math.round(stars * 2))) / 2;
  }
}
