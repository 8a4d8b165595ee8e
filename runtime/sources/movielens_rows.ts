/**
 * MovieLens' ratings as movie-viewing events. An event's id is made of its line's fields, so that
 * sending a file twice repeats the identities, whichever of the three shapes it has and however its
 * ratings are spelled: `4`, `4.0` and `04` are one.
 */
import { roundDecimal } from "../decode/decimal.ts";
import { constant, type EventWriter } from "./event_writer.ts";
import { quoted, type RowFault, type RowFormat } from "./row_format.ts";

/** Where ratings go when nothing else is said. */
export const MOVIELENS_TOPIC = "movie-viewing-events";

/** The three shapes: what stands between user, movie, rating and seconds. */
const SEPARATORS = {
  "movielens": { text: "::", name: "::" },
  "movielens-tab": { text: "\t", name: "a tab" },
  "movielens-csv": { text: ",", name: "a comma" },
} as const;

/** One of MovieLens' shapes. */
export type MovielensFormat = keyof typeof SEPARATORS;

/** The header of `ratings.csv`. */
export const MOVIELENS_HEADER = "userId,movieId,rating,timestamp";

const POINT = 0x2e;
const ZERO = 0x30;

const MAX_ID = 2 ** 32 - 1;
/** 2105-12-31T23:59:59Z, the last second of ClickHouse's DateTime in whole years. */
const MAX_SECONDS = 4_291_747_199;
const MAX_RATING = 10;
/** The places of a rating in the schema. */
const RATING_SCALE = 2;
/** A longer line is no rating. */
const MAX_RATING_LINE_BYTES = 200;

const ID = constant('{"event_id":"ml-');
const DASH = constant("-");
const USER = constant('","user_id":');
const MOVIE = constant(',"movie_id":');
const RATED = constant(',"event_type":"rating","timestamp":"');
const RATING = constant('","duration":null,"rating":');
const END = constant("}");

/**
 * Reads rating lines.
 *
 * @example
 * ```ts
 * import { EventWriter } from "./event_writer.ts";
 * import { MovielensRows } from "./movielens_rows.ts";
 * const line = new TextEncoder().encode("1::0114508::8::1381006850");
 * const writer = new EventWriter();
 * new MovielensRows("movielens").write(line, 0, line.length, writer);
 * const { event_id, movie_id } = JSON.parse(new TextDecoder().decode(writer.take()));
 * if (event_id !== "ml-1-114508-1381006850-8" || movie_id !== 114508) throw new Error(event_id);
 * ```
 */
export class MovielensRows implements RowFormat {
  readonly #separator: Uint8Array;
  readonly #name: string;
  readonly #shape: string;
  /** Where the scan stands, behind the last number. */
  #at = 0;

  constructor(format: MovielensFormat) {
    const { text, name } = SEPARATORS[format];
    this.#separator = constant(text);
    this.#name = name;
    this.#shape = ["user", "movie", "rating", "seconds"].join(text);
  }

  /** Only `ratings.csv` has one, and need not. */
  header(bytes: Uint8Array, start: number, end: number): boolean {
    const text = new TextDecoder().decode(bytes.subarray(start, Math.min(end, start + 64)));
    return text.toLowerCase() === MOVIELENS_HEADER.toLowerCase();
  }

  write(bytes: Uint8Array, start: number, end: number, writer: EventWriter): RowFault | null {
    const fault = (field: string, wanted: string) => ({
      field,
      reason: `wanted ${wanted}, got ${quoted(bytes, start, end)}`,
    });
    if (end - start > MAX_RATING_LINE_BYTES) return fault("", this.#shape);
    this.#at = start;
    const user = this.#whole(bytes, end);
    if (!this.#separated(bytes, end)) return fault("user", `digits and then ${this.#name}`);
    const movie = this.#whole(bytes, end);
    if (!this.#separated(bytes, end)) return fault("movie", `digits and then ${this.#name}`);
    const ratingStart = this.#at;
    const rating = this.#rating(bytes, end);
    const ratingEnd = this.#at;
    if (!this.#separated(bytes, end)) return fault("rating", `a number and then ${this.#name}`);
    const seconds = this.#whole(bytes, end);
    if (this.#at !== end) return fault("seconds", "digits up to the line's end");
    if (!(user <= MAX_ID)) return fault("user", `a user of 0 to ${MAX_ID}`);
    if (!(movie <= MAX_ID)) return fault("movie", `a movie of 0 to ${MAX_ID}`);
    if (!(rating <= MAX_RATING)) return fault("rating", `a rating of 0 to ${MAX_RATING}`);
    if (!(seconds <= MAX_SECONDS)) return fault("seconds", `seconds of 0 to ${MAX_SECONDS}`);
    this.#write(user, movie, seconds, bytes, ratingStart, ratingEnd, writer);
    return null;
  }

  #write(
    user: number,
    movie: number,
    seconds: number,
    bytes: Uint8Array,
    ratingStart: number,
    ratingEnd: number,
    writer: EventWriter,
  ): void {
    const point = bytes.subarray(ratingStart, ratingEnd).indexOf(POINT);
    const wholeEnd = point < 0 ? ratingEnd : ratingStart + point;
    while (bytes[ratingStart] === ZERO && wholeEnd - ratingStart > 1) ratingStart++;
    while (ratingEnd > wholeEnd && bytes[ratingEnd - 1] === ZERO) ratingEnd--;
    if (bytes[ratingEnd - 1] === POINT) ratingEnd--;
    writer.raw(ID);
    writer.whole(user);
    writer.raw(DASH);
    writer.whole(movie);
    writer.raw(DASH);
    writer.whole(seconds);
    writer.raw(DASH);
    writer.raw(bytes, ratingStart, ratingEnd);
    writer.raw(USER);
    writer.whole(user);
    writer.raw(MOVIE);
    writer.whole(movie);
    writer.raw(RATED);
    writer.instantSeconds(seconds);
    writer.raw(RATING);
    writer.raw(bytes, ratingStart, ratingEnd);
    writer.raw(END);
  }

  /** The whole number at the scan; NaN when there is none. */
  #whole(bytes: Uint8Array, end: number): number {
    const start = this.#at;
    let value = 0;
    for (; this.#at < end; this.#at++) {
      const digit = bytes[this.#at] - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return this.#at === start ? NaN : value;
  }

  /** The rating at the scan, rounded where it is above the greatest; NaN when there is none. */
  #rating(bytes: Uint8Array, end: number): number {
    const start = this.#at;
    let value = this.#whole(bytes, end);
    if (bytes[this.#at] === POINT && this.#at < end) {
      const from = ++this.#at;
      value += this.#whole(bytes, end) / 10 ** (this.#at - from);
    }
    if (!(value > MAX_RATING)) return value;
    const text = String.fromCharCode(...bytes.subarray(start, this.#at));
    return roundDecimal(text, RATING_SCALE).units / 10 ** RATING_SCALE;
  }

  #separated(bytes: Uint8Array, end: number): boolean {
    const separator = this.#separator;
    const start = this.#at;
    this.#at += separator.length;
    return this.#at <= end && separator.every((byte, i) => bytes[start + i] === byte);
  }
}
