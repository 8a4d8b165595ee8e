/** Writes NDJSON into one growing buffer, without a string per event. */
import { withRoom } from "../std/bytes.ts";

const encoder = new TextEncoder();
const LONG_BYTES = 128;

/** The bytes of a text that is written often. */
export function constant(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * A buffer that texts are written to.
 *
 * @example
 * ```ts
 * import { constant, EventWriter } from "./event_writer.ts";
 * const writer = new EventWriter();
 * writer.raw(constant('{"name":"'));
 * writer.jsonText(constant('a "b"'), 0, 5);
 * writer.raw(constant('"}'));
 * const text = new TextDecoder().decode(writer.view());
 * if (text !== '{"name":"a \\"b\\""}') throw new Error(text);
 * ```
 */
export class EventWriter {
  #bytes = new Uint8Array(65_536);
  #length = 0;

  /** Bytes written and not cut. */
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

  /** What was written, where it stands: until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets what was written from `length` on. */
  cut(length: number): void {
    this.#length = length;
  }

  #reserve(more: number): void {
    this.#bytes = withRoom(this.#bytes, this.#length + more);
  }
}

function needsEscape(byte: number): boolean {
  return byte < 0x20 || byte === 0x22 || byte === 0x5c;
}

function escapeOf(byte: number): string {
  return JSON.stringify(String.fromCharCode(byte)).slice(1, -1);
}
