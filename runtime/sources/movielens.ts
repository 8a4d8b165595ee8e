/**
 * Ratings in MovieLens' format, `user::movie::rating::seconds`, as movie-viewing events. An event's
 * id is made of its line's fields, so that replaying a file twice repeats the identities.
 */
import { constant, EventWriter } from "./event_writer.ts";
import { lineBlocks } from "./line_blocks.ts";
import { CHUNK_EVENTS, type SourceChunk, type SourceFault, type SourceOptions } from "./source.ts";

const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const COLON = 0x3a;
const POINT = 0x2e;
const ZERO = 0x30;

const MAX_ID = 2 ** 32 - 1;
/** 2105-12-31T23:59:59Z, the last second of ClickHouse's DateTime in whole years. */
const MAX_SECONDS = 4_291_747_199;
const MAX_RATING = 10;
/** A longer line is no rating. */
const MAX_RATING_LINE_BYTES = 200;

const ID = constant('{"event_id":"ml-');
const DASH = constant("-");
const USER = constant('","user_id":');
const MOVIE = constant(',"movie_id":');
const RATED = constant(',"event_type":"rating","timestamp":"');
const RATING = constant('","duration":null,"rating":');
const END = constant("}\n");

/**
 * Events of a MovieLens file. A line that is no rating is told in {@link SourceChunk.faults}; the
 * others go on.
 *
 * @param stream the file's bytes in pieces.
 * @example
 * ```ts
 * import { movielensFile } from "./movielens.ts";
 * const lines = new TextEncoder().encode("1::0114508::8::1381006850\n");
 * const file = ReadableStream.from([lines]);
 * for await (const { bytes } of movielensFile(file, { name: "ratings.dat" })) {
 *   const { event_id, movie_id } = JSON.parse(new TextDecoder().decode(bytes));
 *   if (event_id !== "ml-1-114508-1381006850-8" || movie_id !== 114508) throw new Error(event_id);
 * }
 * ```
 */
export async function* movielensFile(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { chunkEvents = CHUNK_EVENTS }: SourceOptions,
): AsyncGenerator<SourceChunk> {
  const ratings = new RatingLines();
  for await (const block of lineBlocks(stream)) {
    const { bytes, position } = block;
    const faults: SourceFault[] = [...block.faults];
    let start = 0;
    let line = block.line;
    while (start < bytes.length) {
      const feed = bytes.indexOf(LINE_FEED, start);
      const end = feed === -1 ? bytes.length : feed;
      const fault = ratings.add(bytes, start, end, line);
      if (fault) faults.push(feed === -1 ? atTheEnd(fault) : fault);
      start = feed === -1 ? end : end + 1;
      line++;
      if (ratings.events === chunkEvents) {
        yield ratings.take(position - (bytes.length - start), faults.splice(0));
      }
    }
    if (ratings.events > 0 || faults.length > 0) yield ratings.take(position, faults);
  }
}

function atTheEnd(fault: SourceFault): SourceFault {
  return { ...fault, reason: `${fault.reason}; the file ends within this line` };
}

/** Reads rating lines and writes them as events. */
class RatingLines {
  readonly #writer = new EventWriter();
  #lines: number[] = [];
  /** Where the scan stands, behind the last number. */
  #at = 0;

  get events(): number {
    return this.#lines.length;
  }

  take(position: number, faults: readonly SourceFault[]): SourceChunk {
    const lines = this.#lines;
    this.#lines = [];
    const bytes = this.#writer.take();
    return { bytes, events: lines.length, position, faults, lineOf: (line) => lines[line - 1] };
  }

  /** Adds the line `[start, end)`; a blank one is nothing. */
  add(bytes: Uint8Array, start: number, end: number, line: number): SourceFault | null {
    if (end > start && bytes[end - 1] === RETURN) end--;
    if (end === start) return null;
    const fault = (field: string, wanted: string) => ({
      line,
      field,
      reason: `wanted ${wanted}, got ${quoted(bytes, start, end)}`,
    });
    if (end - start > MAX_RATING_LINE_BYTES) return fault("", "user::movie::rating::seconds");
    this.#at = start;
    const user = this.#whole(bytes, end);
    if (!this.#separator(bytes, end)) return fault("user", "digits and then ::");
    const movie = this.#whole(bytes, end);
    if (!this.#separator(bytes, end)) return fault("movie", "digits and then ::");
    const ratingStart = this.#at;
    const rating = this.#decimal(bytes, end);
    const ratingEnd = this.#at;
    if (!this.#separator(bytes, end)) return fault("rating", "a number and then ::");
    const seconds = this.#whole(bytes, end);
    if (this.#at !== end) return fault("seconds", "digits up to the line's end");
    if (!(user <= MAX_ID)) return fault("user", `a user of 0 to ${MAX_ID}`);
    if (!(movie <= MAX_ID)) return fault("movie", `a movie of 0 to ${MAX_ID}`);
    if (!(rating <= MAX_RATING)) return fault("rating", `a rating of 0 to ${MAX_RATING}`);
    if (!(seconds <= MAX_SECONDS)) return fault("seconds", `seconds of 0 to ${MAX_SECONDS}`);
    this.#write(user, movie, seconds, bytes, ratingStart, ratingEnd);
    this.#lines.push(line);
    return null;
  }

  #write(
    user: number,
    movie: number,
    seconds: number,
    bytes: Uint8Array,
    ratingStart: number,
    ratingEnd: number,
  ): void {
    // A JSON number has no leading zeros.
    while (bytes[ratingStart] === ZERO && ratingEnd - ratingStart > 1) {
      if (bytes[ratingStart + 1] === POINT) break;
      ratingStart++;
    }
    const writer = this.#writer;
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

  #decimal(bytes: Uint8Array, end: number): number {
    const value = this.#whole(bytes, end);
    if (bytes[this.#at] !== POINT || this.#at >= end) return value;
    this.#at++;
    const start = this.#at;
    const fraction = this.#whole(bytes, end);
    return value + fraction / 10 ** (this.#at - start);
  }

  #separator(bytes: Uint8Array, end: number): boolean {
    const found = this.#at + 1 < end && bytes[this.#at] === COLON && bytes[this.#at + 1] === COLON;
    this.#at += 2;
    return found;
  }
}

/** The beginning of a line, for its own reader: it is the user's file. */
function quoted(bytes: Uint8Array, start: number, end: number): string {
  const text = new TextDecoder().decode(bytes.subarray(start, Math.min(end, start + 40)));
  return JSON.stringify(end - start > 40 ? `${text}…` : text);
}
