import type { Audience } from "./audience.ts";
import { type Random, random, trait } from "./chance.ts";
import { constant, EventWriter } from "./event_writer.ts";
import { Step } from "./sessions.ts";

const TYPES = ["view", "pause", "resume", "complete", "rating"].map((type) =>
  constant(`,"event_type":"${type}","timestamp":"`)
);
const USER = constant('","user_id":');
const MOVIE = constant(',"movie_id":');
const TIME_END = constant('"');
const DURATION = constant(',"duration":');
const RATING = constant(',"rating":');
const NULL = constant("null");
const END = constant("}\n");

/** Of the events that have watched something, how many do not tell how long. */
const UNTOLD = 0.03;

/** Writes what happens in sessions as NDJSON of movie-viewing events. */
export class ViewingWriter {
  readonly #writer = new EventWriter();
  readonly #idStart: Uint8Array;
  readonly #random: Random;
  #count = 0;

  /** @param run is in every event's id. */
  constructor(readonly seed: number, readonly audience: Audience, run: string) {
    this.#random = random(trait(seed, 1));
    this.#idStart = constant(`{"event_id":"sim-${run}-`);
  }

  get length(): number {
    return this.#writer.length;
  }

  /** Writes one event. */
  write(
    { user, movie, watchedMs }: {
      readonly user: number;
      readonly movie: number;
      readonly watchedMs: number;
    },
    step: number,
    atMs: number,
  ): void {
    const writer = this.#writer;
    const isTerse = this.audience.isTerse(user);
    writer.raw(this.#idStart);
    writer.whole(this.#count++);
    writer.raw(USER);
    writer.whole(user);
    writer.raw(MOVIE);
    writer.whole(movie);
    writer.raw(TYPES[step]);
    writer.instantMs(atMs);
    writer.raw(TIME_END);
    // A view starts at nothing, a rating watches nothing, and some players do not tell.
    const isTold = step !== Step.view && step !== Step.rating && this.#random() >= UNTOLD;
    if (isTold || !isTerse) writer.raw(DURATION);
    if (isTold) writer.thousandths(watchedMs);
    else if (!isTerse) writer.raw(NULL);
    if (step === Step.rating || !isTerse) writer.raw(RATING);
    if (step === Step.rating) writer.thousandths(this.#stars(user, movie));
    else if (!isTerse) writer.raw(NULL);
    writer.raw(END);
  }

  /** Writes a line again. */
  copy(line: Uint8Array): void {
    this.#writer.raw(line);
  }

  copyFrom(start: number): Uint8Array {
    return this.#writer.copyFrom(start);
  }

  /** Takes back what was written from `start` on. */
  cutFrom(start: number): Uint8Array {
    const line = this.#writer.copyFrom(start);
    this.#writer.cut(start);
    return line;
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#writer.take();
  }

  /** 0 to 10 in halves, in thousandths; every movie has its own mean, every user a mood. */
  #stars(user: number, movie: number): number {
    const mean = 4 + trait(this.seed, movie) % 4096 / 4096 * 4;
    const liked = (this.audience.likes(user, movie) ? 1 : 0) + this.audience.kindness(user);
    const stars = mean + liked + (this.#random() + this.#random() - 1) * 2;
    return Math.min(20, Math.max(0, Math.round(stars * 2))) * 500;
  }
}
