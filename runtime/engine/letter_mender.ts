/** What becomes of dead letters when fields of theirs are set: the decoder decides, as of any event. */
import { createDecoder, type JsonDecoder } from "../decode/decoder.ts";
import { OVERSIZE_HEAD_BYTES } from "../decode/line_splitter.ts";
import type { EventSchema } from "../events.ts";
import { AppendBuffer } from "../log/append_buffer.ts";
import { allocateColumns, type Columns, textAt } from "../model/columns.ts";
import { type RecordChunk, RecordKind } from "../ports/ports.ts";
import type { WholeDeadLetter } from "../ports/services.ts";
import { isRawJSON, rawNumber } from "../std/raw_json.ts";
import { CUT_OFF } from "./ingest.ts";

/** A letter as the event that it would be. */
export interface MendedLetter {
  readonly letter: WholeDeadLetter;
  /** The event on one line; the record as it came where it is no JSON object. */
  readonly json: string;
  /** Why it is not an event; null where it is one. */
  readonly fault: { readonly field: string; readonly reason: string } | null;
  /** The identity of the event; empty and 0 where it is none. */
  readonly eventId: string;
  /** In nanoseconds since 1970 UTC. */
  readonly eventNs: bigint;
}

const NUMBERS: readonly string[] = ["uint32", "integer", "decimal"];
const utf8 = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** Sets fields of dead letters of one topic, and decodes them. */
export class LetterMender {
  readonly #schema: EventSchema;
  readonly #set: Readonly<Record<string, unknown>>;
  readonly #decoder: JsonDecoder;

  /** @param set by field; text is read as the field's type. */
  constructor(schema: EventSchema, set: Readonly<Record<string, unknown>>) {
    this.#schema = schema;
    this.#decoder = createDecoder(schema);
    this.#set = Object.fromEntries(
      Object.entries(set).sort(([a], [b]) => a < b ? -1 : 1)
        .map(([name, value]) => [name, valueOf(schema, name, value)]),
    );
  }

  /** The letters as events, in their order. */
  mend(letters: readonly WholeDeadLetter[]): MendedLetter[] {
    const texts = letters.map((letter) => textOf(this.#record(letter)));
    const columns = allocateColumns(this.#schema, Math.max(1, letters.length));
    const records = texts.map((text, i) => text === null ? letters[i].bytes : encoder.encode(text));
    const faults = new Map(
      this.#decoder.decode(chunkOf(records), columns).map(({ row, ...fault }) => [row, fault]),
    );
    return letters.map((letter, row) => {
      const fault = isCut(letter) ? CUT : faults.get(row) ?? null;
      const identity = fault === null ? this.#identity(columns, row) : { eventId: "", eventNs: 0n };
      return { letter, json: texts[row] ?? "", fault, ...identity };
    });
  }

  #identity(columns: Columns, row: number) {
    const { eventMs, eventNs } = columns;
    return {
      eventId: textAt(columns, this.#schema.eventId, row),
      eventNs: BigInt(eventMs[row]) * 1_000_000n + BigInt(eventNs[row]),
    };
  }

  /** The values of a letter as an event, but for its time, to be compared. */
  values(letter: WholeDeadLetter): string {
    return JSON.stringify({ ...this.#record(letter), [this.#schema.eventTime]: null });
  }

  /** The record with its fields set; null where it is no JSON object. */
  #record(letter: WholeDeadLetter): Record<string, unknown> | null {
    const record = objectOf(letter.bytes);
    if (record === null) return null;
    Object.assign(record, this.#set);
    const { eventId } = this.#schema;
    // The place of the letter: the same however often it is sent, and no other letter's.
    if ((record[eventId] ?? "") === "") {
      const { log, partition, offset } = letter;
      record[eventId] = `dead-letter:${log}/${partition}/${offset}`;
    }
    return record;
  }
}

/** A record on one line. */
const textOf = (record: Record<string, unknown> | null) =>
  record === null ? null : JSON.stringify(record);

const CUT = {
  field: "",
  reason: "the record was longer than 1 MiB and only its first 64 KiB are kept: it cannot be " +
    "redriven; send the event again, in fewer bytes",
};

/** Whether the ingest cut the record. */
function isCut({ bytes }: WholeDeadLetter): boolean {
  const end = bytes.subarray(bytes.length - CUT_OFF.length);
  return bytes.length === OVERSIZE_HEAD_BYTES && end.every((byte, i) => byte === CUT_OFF[i]);
}

/** A JSON object, its numbers as they are written. */
function objectOf(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const record: unknown = JSON.parse(
      utf8.decode(bytes),
      ((_key: string, value: unknown, { source }: { source?: string }) =>
        typeof value === "number" ? rawNumber(source!) : value) as Parameters<typeof JSON.parse>[1],
    );
    const isObject = typeof record === "object" && record !== null && !Array.isArray(record);
    return isObject && !isRawJSON(record) ? record as Record<string, unknown> : null;
  } catch {
    return null;
  }
}

function chunkOf(records: readonly Uint8Array[]): RecordChunk {
  const buffer = new AppendBuffer({ records: records.length + 1 });
  for (const record of records) buffer.add("", record);
  const { bytes, valueStart, valueEnd, count } = buffer;
  return {
    partition: 0,
    from: 0n,
    to: BigInt(count),
    count,
    offsetDelta: Uint32Array.from(records.keys()),
    appendMs: new Float64Array(count),
    kind: new Uint8Array(count).fill(RecordKind.event),
    bytes,
    valueStart,
    valueEnd,
  };
}

/** A value of a field: text that is digits, or true or false, is that where the field wants it. */
function valueOf(schema: EventSchema, name: string, value: unknown): unknown {
  const kind = schema.fields[name]?.kind;
  if (typeof value !== "string") return value;
  if (kind === "boolean" && /^(true|false)$/.test(value)) return value === "true";
  return NUMBERS.includes(kind) ? rawNumber(value) ?? value : value;
}
