import { UserError } from "../std/errors.ts";
import { isSpace } from "./blank_lines.ts";
import type { FramingScan, FramingSink } from "./framing.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, LF = 0x0a;
const BRACKET = 0x5b, BRACKET_END = 0x5d, BRACE = 0x7b, BRACE_END = 0x7d;

/** Where in the array the scan stands. */
const State = {
  /** Before the opening bracket. */
  before: 0,
  /** Behind the opening bracket: an element or the end. */
  opened: 1,
  /** Behind a comma: an element. */
  awaiting: 2,
  /** In an element, outside of strings. */
  element: 3,
  /** In a string of an element. */
  string: 4,
  /** In a string, behind a backslash. */
  escape: 5,
  /** Behind the closing bracket: white space only. */
  closed: 6,
} as const;

/** The elements of one JSON array, cut at the commas of depth 1 that stand outside of strings. */
export class ArrayFraming implements FramingScan {
  #state: number = State.before;
  #depth = 0;
  #line = 1;

  scan(bytes: Uint8Array, from: number, to: number, sink: FramingSink): void {
    let state = this.#state;
    let depth = this.#depth;
    for (let p = from; p < to; p++) {
      const byte = bytes[p];
      if (byte === LF) this.#line++;
      if (state === State.string) {
        if (byte === QUOTE) state = State.element;
        else if (byte === BACKSLASH) state = State.escape;
      } else if (state === State.escape) {
        state = State.string;
      } else if (state === State.element) {
        if (byte === QUOTE) state = State.string;
        else if (byte === BRACE || byte === BRACKET) depth++;
        else if (depth > 0) {
          if (byte === BRACE_END || byte === BRACKET_END) depth--;
        } else if (byte === COMMA) {
          sink.finish(p);
          state = State.awaiting;
        } else if (byte === BRACKET_END) {
          sink.finish(p);
          state = State.closed;
        }
      } else if (!isSpace(byte)) {
        state = this.#between(state, byte);
        if (state >= State.element && state !== State.closed) {
          depth = byte === BRACE || byte === BRACKET ? 1 : 0;
          sink.begin(p, this.#line);
        }
      }
    }
    this.#state = state;
    this.#depth = depth;
  }

  end(): void {
    if (this.#state === State.closed) return;
    throw this.#broken(this.#state === State.before ? '"["' : '"]"', "the end of the input");
  }

  /** The state behind a byte that stands between elements. */
  #between(state: number, byte: number): number {
    if (state === State.before) {
      if (byte === BRACKET) return State.opened;
      throw this.#broken('"["', show(byte));
    }
    if (state === State.closed) throw this.#broken("the end of the input", show(byte));
    if (byte === BRACKET_END && state === State.opened) return State.closed;
    if (byte === COMMA || byte === BRACKET_END || byte === BRACE_END) {
      throw this.#broken("a record", show(byte));
    }
    return byte === QUOTE ? State.string : State.element;
  }

  #broken(wanted: string, got: string): UserError {
    return new UserError(
      `Cannot split JSON array: line ${this.#line} must go on with ${wanted}, got ${got}`,
    );
  }
}

function show(byte: number): string {
  return byte > 0x20 && byte < 0x7f
    ? `"${String.fromCharCode(byte)}"`
    : `byte 0x${byte.toString(16).padStart(2, "0")}`;
}
