import { blankRun } from "./blank_lines.ts";
import type { FramingScan, FramingSink } from "./framing.ts";

const LF = 0x0a, QUOTE = 0x22, COMMA = 0x2c;

/** Where in a row the scan stands. */
const State = {
  /** At the start of a cell: a quote opens it. */
  start: 0,
  /** In a cell without quotes. */
  plain: 1,
  /** Within quotes. */
  quoted: 2,
  /** Behind a quote within quotes: the closing one, or the first of two that mean one. */
  closed: 3,
} as const;

/**
 * Rows of CSV (RFC 4180): a line feed within quotes does not end a row. A quote that is never closed
 * costs one row: once that is longer than a row may be, the next line feed ends it.
 */
export class CsvFraming implements FramingScan {
  #state: number = State.start;
  #line = 1;
  #open = false;
  /** The line on which the next row starts. */
  #nextLine = 1;
  #rowBytes = 0;

  /**
   * @param maxRowBytes the longest row within which quotes are believed, and the longest blank line
   * that is passed over and not reported.
   */
  constructor(readonly maxRowBytes: number) {}

  scan(bytes: Uint8Array, from: number, to: number, sink: FramingSink): void {
    let state = this.#state;
    let rowStart = from - this.#rowBytes;
    for (let p = from; p < to; p++) {
      if (!this.#open) {
        const { end, lines } = blankRun(bytes, p, to, this.maxRowBytes);
        this.#line = this.#nextLine += lines;
        p = end;
        if (p === to) break;
        sink.begin(p, this.#line);
        this.#open = true;
        rowStart = p;
      }
      const byte = bytes[p];
      if (byte === LF) {
        this.#nextLine++;
        if (state === State.quoted && p - rowStart <= this.maxRowBytes) continue;
        sink.finish(p);
        this.#open = false;
        this.#line = this.#nextLine;
        state = State.start;
      } else if (state === State.quoted) {
        if (byte === QUOTE) state = State.closed;
      } else if (byte === COMMA) {
        state = State.start;
      } else if (byte === QUOTE && state !== State.plain) {
        state = State.quoted;
      } else {
        state = State.plain;
      }
    }
    this.#state = state;
    this.#rowBytes = this.#open ? to - rowStart : 0;
  }

  end(at: number, sink: FramingSink): void {
    if (this.#open) sink.finish(at);
    this.#open = false;
  }
}
