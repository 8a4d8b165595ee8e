import type { RecordChunk } from "../ports/ports.ts";
import { ArrayFraming } from "./array_framing.ts";
import { blankRun, isSpace } from "./blank_lines.ts";
import { withoutMark } from "./byte_order_mark.ts";
import { CsvFraming } from "./csv_framing.ts";
import type { FramingScan, FramingSink } from "./framing.ts";
import { MAX_VALUE_BYTES } from "./value_limit.ts";

/** How records are set apart: one JSON text per line, the elements of one JSON array, or the rows of CSV. */
export type Framing = "ndjson" | "json-array" | "csv";

/** A record that is too long and was passed over. */
export interface OversizeRecord {
  /** The line on which it starts, from 1. */
  readonly line: number;
  /** Its place among all records of the input, from 0. */
  readonly ordinal: number;
  /** Its length: up to the line feed, or up to the comma or bracket behind it. */
  readonly sizeBytes: number;
  /** Its first {@link OVERSIZE_HEAD_BYTES} bytes, a copy. */
  readonly head: Uint8Array;
}

/**
 * Records cut from a stream of text, as the chunk that a decoder takes (partition 0, from 0n), with
 * what it takes to tell a sender which of them is at fault.
 */
export interface RecordBatch extends RecordChunk {
  /** The line on which record `i` starts, from 1. */
  readonly line: Uint32Array;
  /** The place of record `i` among all records of the input, from 0, those too long included. */
  readonly ordinal: Uint32Array;
  /** Records passed over since the batch before; they are not among the batch's records. */
  readonly oversize: readonly OversizeRecord[];
}

/** Options of {@link RecordSplitter}. */
export interface SplitOptions {
  /** The longest record, in bytes, white space around it included. Default 1 MiB. */
  readonly maxValueBytes?: number;
  /** The most records of a batch. Default 8192, the usual capacity of columns. */
  readonly maxRecords?: number;
}

/** What is kept of a record that is too long; less where the longest record is shorter. */
export const OVERSIZE_HEAD_BYTES = 2 ** 16;

/** Input is worked on in stretches of this size, which bounds what is held. */
const STRETCH_BYTES = 1 << 20;

/**
 * Cuts a stream of NDJSON, of one JSON array or of CSV into records, without parsing them and with
 * bounded memory: at most one record and one stretch of input are held.
 *
 * - `"ndjson"`: lines end with LF or CRLF, the last one may lack it. Lines of white space only are
 *   passed over but counted. White space around a record is left out.
 * - `"csv"`: as lines, but a line feed within quotes does not end a row, and white space stays.
 * - `"json-array"`: elements are cut at the commas of depth 1, outside of strings. What an element
 *   holds is the decoder's business; only the brackets and commas around the elements are checked.
 *
 * A record longer than `maxValueBytes` is told by line, size and beginning, and is never held.
 *
 * @example
 * ```ts
 * import { RecordSplitter } from "./line_splitter.ts";
 * const splitter = new RecordSplitter("json-array");
 * const utf8 = new TextEncoder();
 * const batches = [
 *   ...splitter.push(utf8.encode('[{"a":1},\n{"a"')),
 *   ...splitter.push(utf8.encode(":2}]")),
 *   ...splitter.end(),
 * ];
 * const lines = batches.flatMap((batch) => [...batch.line]);
 * if (lines.join() !== "1,2") throw new Error(lines.join());
 * ```
 */
export class RecordSplitter {
  readonly #framing: FramingScan;
  readonly #maxValueBytes: number;
  readonly #maxRecords: number;
  /** The bytes of the record that has begun, and the stretch being scanned. */
  #held = new Uint8Array(1024);
  #heldLength = 0;
  /** Bytes passed over before `#held[0]`, within a record too long to hold. */
  #passedBytes = 0;
  /** Where the record that has begun starts in `#held`; −1 between records. */
  #start = -1;
  #line = 0;
  #ordinal = 0;
  /** The beginning of the record that is passed over. */
  #head: Uint8Array | null = null;
  #pending: PendingBatch;

  constructor(framing: Framing, options: SplitOptions = {}) {
    this.#framing = framingScan(framing, options.maxValueBytes ?? MAX_VALUE_BYTES);
    this.#pending = new PendingBatch(framing !== "csv");
    this.#maxValueBytes = options.maxValueBytes ?? MAX_VALUE_BYTES;
    this.#maxRecords = options.maxRecords ?? 8192;
  }

  /**
   * Takes the next bytes of the input, of any length; the caller may reuse them afterwards.
   *
   * @returns the records that are complete now, as batches. Take all of them before the next call.
   * @throws UserError with the line, when the framing is broken; the records before come first.
   */
  *push(bytes: Uint8Array): Generator<RecordBatch> {
    for (let at = 0; at < bytes.length; at += STRETCH_BYTES) {
      const stretch = bytes.subarray(at, at + STRETCH_BYTES);
      const from = this.#hold(stretch);
      yield* this.#taken((sink) =>
        this.#framing.scan(this.#held, from, from + stretch.length, sink)
      );
      this.#drop();
    }
  }

  /**
   * Tells that the input is complete.
   *
   * @returns the records that only the end completed.
   * @throws UserError with the line, when an array is not closed.
   */
  *end(): Generator<RecordBatch> {
    yield* this.#taken((sink) => this.#framing.end(this.#heldLength, sink));
  }

  readonly #sink: FramingSink = {
    begin: (at, line) => {
      this.#start = at;
      this.#line = line;
    },
    finish: (at) => {
      const sizeBytes = this.#passedBytes + at - this.#start;
      if (sizeBytes > this.#maxValueBytes) {
        const head = this.#head ?? this.#headUpTo(at);
        this.#pending.oversize.push({
          line: this.#line,
          ordinal: this.#ordinal++,
          sizeBytes,
          head,
        });
      } else if (this.#pending.add(this.#held, this.#start, at, this.#line, this.#ordinal)) {
        this.#ordinal++;
      }
      this.#passedBytes = 0;
      this.#head = null;
      this.#start = -1;
    },
  };

  /** The beginning of the record that has begun, as far as it is held. */
  #headUpTo(end: number): Uint8Array {
    return this.#held.slice(this.#start, Math.min(end, this.#start + OVERSIZE_HEAD_BYTES));
  }

  *#taken(scan: (sink: FramingSink) => void): Generator<RecordBatch> {
    let fault: { error: unknown } | null = null;
    try {
      scan(this.#sink);
    } catch (error) {
      fault = { error };
    }
    yield* this.#pending.batches(this.#held, this.#maxRecords);
    if (fault !== null) throw fault.error;
  }

  /** Puts a stretch behind what is held. @returns where it starts. */
  #hold(stretch: Uint8Array): number {
    const from = this.#heldLength;
    const needed = from + stretch.length;
    if (needed > this.#held.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(needed * 2, needed + STRETCH_BYTES)));
      grown.set(this.#held.subarray(0, from));
      this.#held = grown;
    }
    this.#held.set(stretch, from);
    this.#heldLength = needed;
    return from;
  }

  /** Drops what no record needs; what was handed out in a batch is never written to again. */
  #drop(): void {
    const handedOut = this.#pending.takeHandedOut();
    const open = this.#start >= 0;
    if (open && this.#heldLength - this.#start + this.#passedBytes > this.#maxValueBytes) {
      this.#head ??= this.#headUpTo(this.#heldLength);
      this.#passedBytes += this.#heldLength - this.#start;
      this.#heldLength = this.#start = 0;
    } else if (!open) {
      this.#heldLength = 0;
    }
    if (handedOut || this.#start > 0) {
      const kept = this.#held.subarray(Math.max(this.#start, 0), this.#heldLength);
      if (handedOut) this.#held = kept.slice();
      else this.#held.copyWithin(0, Math.max(this.#start, 0), this.#heldLength);
      this.#heldLength = kept.length;
      if (open) this.#start = 0;
    }
  }
}

/** Records found in the stretch at hand. */
class PendingBatch {
  oversize: OversizeRecord[] = [];
  #start: number[] = [];
  #end: number[] = [];
  #line: number[] = [];
  #ordinal: number[] = [];
  #handedOut = false;
  readonly #trim: boolean;

  /** @param trim whether white space around a record is left out; else only the line's end is. */
  constructor(trim: boolean) {
    this.#trim = trim;
  }

  /** Adds a record. @returns false when nothing but white space is there. */
  add(bytes: Uint8Array, start: number, end: number, line: number, ordinal: number): boolean {
    if (end > start && bytes[end - 1] === CR) end--;
    let [first, last] = [start, end];
    while (first < end && isSpace(bytes[first])) first++;
    if (first === end) return false;
    while (isSpace(bytes[last - 1])) last--;
    if (this.#trim) [start, end] = [first, last];
    this.#start.push(start);
    this.#end.push(end);
    this.#line.push(line);
    this.#ordinal.push(ordinal);
    return true;
  }

  /** Whether `bytes` went into a batch since the last call. */
  takeHandedOut(): boolean {
    const handedOut = this.#handedOut;
    this.#handedOut = false;
    return handedOut;
  }

  *batches(bytes: Uint8Array, maxRecords: number): Generator<RecordBatch> {
    const { oversize } = this;
    const [starts, ends, lines, ordinals] = [this.#start, this.#end, this.#line, this.#ordinal];
    this.oversize = [];
    this.#start = [];
    this.#end = [];
    this.#line = [];
    this.#ordinal = [];
    this.#handedOut = starts.length > 0;
    for (let at = 0; at === 0 || at < starts.length; at += maxRecords) {
      const count = Math.min(maxRecords, starts.length - at);
      if (count === 0 && oversize.length === 0) return;
      const part = (list: number[]) => Uint32Array.from(list.slice(at, at + count));
      yield {
        partition: 0,
        from: 0n,
        to: BigInt(count),
        count,
        offsetDelta: Uint32Array.from({ length: count }, (_, i) => i),
        appendMs: new Float64Array(count),
        kind: new Uint8Array(count),
        bytes,
        valueStart: part(starts),
        valueEnd: part(ends),
        line: part(lines),
        ordinal: part(ordinals),
        oversize: at === 0 ? oversize : [],
      };
    }
  }
}

const LF = 0x0a, CR = 0x0d;

function framingScan(framing: Framing, maxValueBytes: number): FramingScan {
  switch (framing) {
    case "ndjson":
      return new LineFraming(maxValueBytes);
    case "json-array":
      return new ArrayFraming();
    case "csv":
      return new CsvFraming(maxValueBytes);
  }
}

/** Lines: each begins where the last one ended. */
export class LineFraming implements FramingScan {
  #line = 1;
  #open = false;

  /** @param maxBlankBytes blank lines of at most so many bytes are passed over and not reported. */
  constructor(readonly maxBlankBytes: number) {}

  scan(bytes: Uint8Array, from: number, to: number, sink: FramingSink): void {
    for (let p = from; p < to;) {
      if (!this.#open) {
        const { end, lines } = blankRun(bytes, p, to, this.maxBlankBytes);
        this.#line += lines;
        p = end;
        if (p === to) return;
        sink.begin(p, this.#line);
      }
      this.#open = true;
      const lf = bytes.indexOf(LF, p);
      if (lf < 0 || lf >= to) return;
      sink.finish(lf);
      this.#open = false;
      this.#line++;
      p = lf + 1;
    }
  }

  end(at: number, sink: FramingSink): void {
    if (this.#open) sink.finish(at);
    this.#open = false;
  }
}

/**
 * Splits a stream, such as a request's body, as its bytes come in; see {@link RecordSplitter}. A byte
 * order mark at its beginning is left out.
 */
export async function* splitStream(
  chunks: AsyncIterable<Uint8Array>,
  framing: Framing,
): AsyncGenerator<RecordBatch> {
  const splitter = new RecordSplitter(framing);
  for await (const chunk of withoutMark(chunks)) yield* splitter.push(chunk);
  yield* splitter.end();
}
