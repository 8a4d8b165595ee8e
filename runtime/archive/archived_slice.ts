import { type Columns, type DecodeFault, RowStatus } from "../model/columns.ts";
import type { EventSchema, Field } from "../events.ts";
import type { ArchivedTick } from "../ports/ports.ts";
import { concat } from "../std/bytes.ts";

/**
 * Hashes an event's identity into four lanes: the id's bytes `[start, end)` of `view`, and the event
 * time.
 */
export type IdentityHash = (
  view: DataView,
  start: number,
  end: number,
  eventMs: number,
  eventNs: number,
  lanes: Uint32Array,
  at: number,
) => void;

/** What an {@link ArchivedSlice} is made of; all of it ascends by offset. */
export interface SliceParts {
  readonly schema: EventSchema;
  readonly hashIdentity: IdentityHash;
  readonly partition: number;
  /**
   * RowBinary: offset, append time, event time, the schema's other fields in their order, and `raw`
   * where that is wanted.
   */
  readonly events: Uint8Array;
  /**
   * Whether `raw` is there. Then the value of a row is what the archive holds of the record: the
   * record's bytes where `unknown` is 1, else the bytes of its columns.
   */
  readonly raw?: boolean;
  /** RowBinary: offset, append time, field, reason, value. */
  readonly deadLetters: Uint8Array;
  readonly ticks: readonly ArchivedTick[];
  /** Whether events behind the last one may have been left out: the slice then ends with that one. */
  readonly mayLackEvents?: boolean;
  /** The same of dead letters. */
  readonly mayLackLetters?: boolean;
  /** Offsets covered, `[from, end)`; fewer where something may be lacking. */
  readonly from: bigint;
  readonly end: bigint;
}

const NONE = 2n ** 64n;
const NS_PER_MS = 1_000_000n;
const decoder = new TextDecoder();
const lesser = (a: bigint, b: bigint) => a < b ? a : b;
const least = (a: bigint, b: bigint, c: bigint) => lesser(a, lesser(b, c));

/** Archived records of a range, from which columns are filled chunk by chunk, in one pass. */
export class ArchivedSlice {
  readonly #parts: SliceParts;
  readonly #others: readonly string[];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where the next event stands. */
  #event = 0;
  readonly #eventsEnd: number;
  /** Where the next dead letter stands. */
  #letter: number;
  #tick = 0;
  #position: bigint;

  constructor(parts: SliceParts) {
    const { schema, events, deadLetters } = parts;
    this.#parts = parts;
    this.#others = schema.fieldNames.filter((name) => name !== schema.eventTime);
    // One buffer, because a chunk's columns point into one.
    const bytes = concat([events, deadLetters]);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#eventsEnd = this.#letter = events.length;
    this.#position = parts.from;
  }

  /** Where the next chunk starts. */
  get position(): bigint {
    return this.#position;
  }

  /** Whether all of it was taken. */
  get isDone(): boolean {
    return this.#position >= this.#parts.end || this.#isCut;
  }

  /** Whether the next record may be one that was left out. */
  get #isCut(): boolean {
    const { mayLackEvents = false, mayLackLetters = false } = this.#parts;
    return (mayLackEvents && this.#event === this.#eventsEnd) ||
      (mayLackLetters && this.#letter === this.#bytes.length);
  }

  /** Fills `columns` with the next rows that fit; returns the dead letters among them. */
  fill(columns: Columns): DecodeFault[] {
    const { partition, end } = this.#parts;
    Object.assign(columns, { partition, from: this.#position, bytes: this.#bytes });
    const faults: DecodeFault[] = [];
    let row = 0;
    for (; row < columns.capacity && !this.#isCut; row++) {
      const event = this.#offsetAt(this.#event, this.#eventsEnd);
      const letter = this.#offsetAt(this.#letter, this.#bytes.length);
      const tick = this.#parts.ticks[this.#tick]?.offset ?? NONE;
      const next = least(event, letter, tick);
      if (next === NONE) break;
      columns.offsetDelta[row] = Number(next - columns.from);
      columns.unknown[row] = 0;
      columns.valueStart[row] = columns.valueEnd[row] = 0;
      if (next === event) this.#fillEvent(columns, row);
      else if (next === letter) faults.push(this.#fillLetter(columns, row));
      else this.#fillTick(columns, row);
    }
    columns.count = row;
    // Where all was taken, the range goes on to its end, however little lies in it.
    columns.to = this.#isEmpty && !this.#isCut
      ? end
      : columns.from + BigInt(columns.offsetDelta[row - 1]) + 1n;
    this.#position = columns.to;
    return faults;
  }

  #offsetAt(at: number, end: number): bigint {
    return at < end ? this.#view.getBigUint64(at, true) : NONE;
  }

  get #isEmpty(): boolean {
    return this.#event === this.#eventsEnd && this.#letter === this.#bytes.length &&
      this.#tick === this.#parts.ticks.length;
  }

  #fillEvent(columns: Columns, row: number): void {
    const view = this.#view;
    columns.status[row] = RowStatus.event;
    columns.appendMs[row] = Number(view.getBigInt64(this.#event + 8, true));
    const time = view.getBigInt64(this.#event + 16, true);
    columns.eventMs[row] = Number(time / NS_PER_MS);
    columns.eventNs[row] = Number(time % NS_PER_MS);
    let at = this.#event + 24;
    for (const name of this.#others) at = this.#fillField(columns, name, row, at);
    if (this.#parts.raw) {
      const raw = this.#textAt(at);
      columns.unknown[row] = raw.end > raw.start ? 1 : 0;
      columns.valueStart[row] = columns.unknown[row] === 1 ? raw.start : this.#event;
      at = columns.valueEnd[row] = raw.end;
    }
    this.#event = at;
    const { values, ends } = columns.fields[columns.schema.eventId];
    const [eventMs, eventNs] = [columns.eventMs[row], columns.eventNs[row]];
    const { identity } = columns;
    this.#parts.hashIdentity(view, values[row], ends![row], eventMs, eventNs, identity, row * 4);
  }

  /** @returns the position behind the value at `at`. */
  #fillField(columns: Columns, name: string, row: number, at: number): number {
    const { field, values, ends, nulls } = columns.fields[name];
    if (nulls !== undefined) {
      nulls[row] = this.#view.getUint8(at++);
      if (nulls[row] === 1) {
        values[row] = 0;
        if (ends !== undefined) ends[row] = 0;
        return at;
      }
    }
    if (ends === undefined) return this.#fillNumber(field, values, row, at);
    const text = this.#textAt(at);
    values[row] = text.start;
    return ends[row] = text.end;
  }

  #fillNumber(field: Field, values: { [row: number]: number }, row: number, at: number): number {
    switch (field.kind) {
      case "uint32":
        values[row] = this.#view.getUint32(at, true);
        return at + 4;
      case "boolean":
        values[row] = this.#view.getUint8(at);
        return at + 1;
      case "enumeration":
        // The Enum8 of a schema counts from 1.
        values[row] = this.#view.getInt8(at) - 1;
        return at + 1;
      default:
        // A decimal is its scaled whole number here too.
        values[row] = Number(this.#view.getBigInt64(at, true));
        return at + 8;
    }
  }

  #fillLetter(columns: Columns, row: number): DecodeFault {
    columns.status[row] = RowStatus.deadLetter;
    columns.appendMs[row] = Number(this.#view.getBigInt64(this.#letter + 8, true));
    const field = this.#textAt(this.#letter + 16);
    const reason = this.#textAt(field.end);
    const value = this.#textAt(reason.end);
    columns.valueStart[row] = value.start;
    this.#letter = columns.valueEnd[row] = value.end;
    const textOf = ({ start, end }: typeof field) => decoder.decode(this.#bytes.slice(start, end));
    return { row, field: textOf(field), reason: textOf(reason) };
  }

  #fillTick(columns: Columns, row: number): void {
    columns.status[row] = RowStatus.tick;
    columns.appendMs[row] = this.#parts.ticks[this.#tick++].appendMs;
  }

  /** Where the byte string whose length stands at `at` begins and ends. */
  #textAt(at: number): { start: number; end: number } {
    let length = 0;
    for (let unit = 1;; unit *= 128) {
      const byte = this.#bytes[at++];
      length += (byte & 127) * unit;
      if (byte < 128) break;
    }
    return { start: at, end: at + length };
  }
}
