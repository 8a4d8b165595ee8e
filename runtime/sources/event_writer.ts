/** Writes NDJSON into one growing buffer, without a string per event. */

const encoder = new TextEncoder();
const ZERO = 0x30;
const DAY_MS = 86_400_000;
const SCRATCH_DIGITS = 20;
const LONG_BYTES = 128;

/** The bytes of a text that is written often. */
export function constant(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * A buffer that texts, numbers and instants are written to.
 *
 * @example
 * ```ts
 * import { constant, EventWriter } from "./event_writer.ts";
 * const writer = new EventWriter(1);
 * writer.raw(constant('{"at":"'));
 * writer.instantMs(0);
 * writer.raw(constant('"}'));
 * const text = new TextDecoder().decode(writer.take());
 * if (text !== '{"at":"1970-01-01T00:00:00.000Z"}') throw new Error(text);
 * ```
 */
export class EventWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;
  readonly #digits = new Uint8Array(SCRATCH_DIGITS);
  /** Texts of days by days since 1970: some ten thousand, whatever the number of events. */
  readonly #days = new Map<number, Uint8Array>();

  /** @param capacity bytes to begin with. Default 64 KiB. */
  constructor(capacity = 65536) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes written since the last {@link take}. */
  get length(): number {
    return this.#length;
  }

  /** Writes bytes as they are: `source[start, end)`. */
  raw(source: Uint8Array, start = 0, end = source.length): void {
    this.#reserve(end - start);
    const bytes = this.#bytes;
    let at = this.#length;
    if (end - start > LONG_BYTES) {
      bytes.set(source.subarray(start, end), at);
      at += end - start;
    } else {
      // Shorter than a call of set() costs, for the texts of an event.
      for (let i = start; i < end; i++) bytes[at++] = source[i];
    }
    this.#length = at;
  }

  /** Writes a text in UTF-8. */
  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  /** Writes `source[start, end)` as what stands between the quotes of a JSON string. */
  jsonText(source: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end;) {
      let to = from;
      while (to < end && !needsEscape(source[to])) to++;
      this.raw(source, from, to);
      if (to < end) this.raw(constant(escapeOf(source[to])));
      from = to + 1;
    }
  }

  /** Writes a whole number in 0..2⁵³−1. */
  whole(value: number): void {
    const digits = this.#digits;
    let at = SCRATCH_DIGITS;
    do {
      const rest = Math.floor(value / 10);
      digits[--at] = ZERO + (value - rest * 10);
      value = rest;
    } while (value > 0);
    this.raw(digits, at, SCRATCH_DIGITS);
  }

  /** Writes a number of thousandths as a decimal of three places: 1500 as `1.500`. */
  thousandths(value: number): void {
    this.whole(Math.floor(value / 1000));
    this.#fraction(value % 1000);
  }

  /** Writes an instant as ISO 8601 with milliseconds, `2013-02-28T14:38:27.000Z`. */
  instantMs(ms: number): void {
    this.#secondOf(ms);
    this.#fraction(((ms % 1000) + 1000) % 1000);
    this.#bytes[this.#length++] = 0x5a;
  }

  /** Writes an instant as ISO 8601 without a fraction, `2013-02-28T14:38:27Z`. */
  instantSeconds(seconds: number): void {
    this.#secondOf(seconds * 1000);
    this.#reserve(1);
    this.#bytes[this.#length++] = 0x5a;
  }

  /** The bytes of what was written from `start` on, copied. */
  copyFrom(start: number): Uint8Array {
    return this.#bytes.slice(start, this.#length);
  }

  /** What was written, where it stands: until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets what was written from `length` on. */
  cut(length: number): void {
    this.#length = length;
  }

  /** Hands out what was written and starts anew; the bytes are the caller's. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #secondOf(ms: number): void {
    const day = Math.floor(ms / DAY_MS);
    let text = this.#days.get(day);
    if (text === undefined) {
      text = encoder.encode(new Date(day * DAY_MS).toISOString().slice(0, 11));
      this.#days.set(day, text);
    }
    this.raw(text);
    this.#reserve(13);
    const second = Math.floor((ms - day * DAY_MS) / 1000);
    this.#two(Math.floor(second / 3600));
    this.#bytes[this.#length++] = 0x3a;
    this.#two(Math.floor(second / 60) % 60);
    this.#bytes[this.#length++] = 0x3a;
    this.#two(second % 60);
  }

  #two(value: number): void {
    const tens = (value / 10) | 0;
    this.#bytes[this.#length++] = ZERO + tens;
    this.#bytes[this.#length++] = ZERO + value - tens * 10;
  }

  #fraction(thousandths: number): void {
    this.#reserve(5);
    this.#bytes[this.#length++] = 0x2e;
    const hundreds = (thousandths / 100) | 0;
    this.#bytes[this.#length++] = ZERO + hundreds;
    this.#two(thousandths - hundreds * 100);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function needsEscape(byte: number): boolean {
  return byte < 0x20 || byte === 0x22 || byte === 0x5c;
}

function escapeOf(byte: number): string {
  return JSON.stringify(String.fromCharCode(byte)).slice(1, -1);
}
