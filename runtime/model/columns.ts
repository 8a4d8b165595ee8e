import type { EventSchema, Field } from "../events.ts";

/** What a row of {@link Columns} is. */
export const RowStatus = {
  /** A decoded event. */
  event: 0,
  /** A tick: ends a block, carries no event. */
  tick: 1,
  /** A record that could not be decoded; see {@link DecodeFault}. */
  deadLetter: 2,
} as const;

/** The values of one field, one per row. Rows whose status is not `event` hold anything. */
export interface FieldColumn {
  readonly field: Field;
  /**
   * uint32: the number. enumeration: position in `values`. boolean: 0 or 1. decimal and integer:
   * the scaled whole number. string: where the text starts in `Columns.bytes`; of a computed text
   * its position in `texts`.
   */
  readonly values: Uint32Array | Uint8Array | Float64Array;
  /** string: where the text ends (exclusive) in `Columns.bytes`. */
  readonly ends?: Uint32Array;
  /** Computed strings: the texts of the chunk. */
  texts?: readonly string[];
  /** nullable fields: 1 where the value is null or absent. */
  readonly nulls?: Uint8Array;
}

/**
 * A chunk of one partition's records as a struct of arrays on SharedArrayBuffer, so that isolates
 * can share it. Row `i` is record `i` of the chunk, dead letters and ticks included.
 */
export interface Columns {
  readonly schema: EventSchema;
  /** Rows that fit. */
  readonly capacity: number;
  /** Rows in use. */
  count: number;
  partition: number;
  /** The first offset covered; where the read stood. */
  from: bigint;
  /** The fetch position behind the chunk (exclusive); at least the last offset + 1. */
  to: bigint;
  /** Offset of row `i` minus `from`; ascending. */
  readonly offsetDelta: Uint32Array;
  /** When the log took the record, in milliseconds since 1970 UTC. */
  readonly appendMs: Float64Array;
  /** One of {@link RowStatus}. */
  readonly status: Uint8Array;
  /** Event time, whole milliseconds since 1970 UTC. */
  readonly eventMs: Float64Array;
  /** Event time, nanoseconds within the millisecond, 0 to 999,999. */
  readonly eventNs: Uint32Array;
  /** 1 where the event is a repeat, by the speed layer's rule; filled by the speed layer. */
  readonly repeat: Uint8Array;
  /**
   * A 128-bit hash of the identity (event id, instant): four lanes per row, `4 * i` to `4 * i + 3`;
   * lane 0 is never 0.
   */
  readonly identity: Uint32Array;
  /** 1 where the record has fields that the schema does not declare: the archive keeps its bytes. */
  readonly unknown: Uint8Array;
  /** The records' bytes; `valueStart` and `valueEnd` and string columns point into it. */
  bytes: Uint8Array;
  readonly valueStart: Uint32Array;
  readonly valueEnd: Uint32Array;
  /** By field name; the event time has no column of its own. */
  readonly fields: Readonly<Record<string, FieldColumn>>;
}

/** Why a record could not be decoded. */
export interface DecodeFault {
  /** Its row. */
  readonly row: number;
  /** The field at fault, or "" when the record as a whole is. */
  readonly field: string;
  /** Expected and actual value, such as `rating must be at most 10, got 11`. */
  readonly reason: string;
}

/** Bytes of the shared memory of all columns of this thread that are in use. */
let heldBytes = 0;
const released = new FinalizationRegistry<number>((bytes) => heldBytes -= bytes);

/** Bytes of all columns that this thread has allocated and still uses; their records apart. */
export function columnBytes(): number {
  return heldBytes;
}

/**
 * Allocates columns for up to `capacity` rows (default 8192).
 *
 * @example
 * ```ts
 * import { allocateColumns } from "./columns.ts";
 * import { defineSchema, instant, string } from "../events.ts";
 * const columns = allocateColumns(defineSchema({
 *   topic: "t", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "id",
 *   fields: { id: string(), at: instant() },
 * }), 16);
 * if (columns.capacity !== 16 || columns.count !== 0) throw new Error("unexpected");
 * ```
 */
export function allocateColumns(schema: EventSchema, capacity = 8192): Columns {
  let bytes = 0;
  const shared = (each: number) => {
    bytes += capacity * each;
    return new SharedArrayBuffer(capacity * each);
  };
  const u8 = () => new Uint8Array(shared(1));
  const u32 = (lanes = 1) => new Uint32Array(shared(4 * lanes));
  const f64 = () => new Float64Array(shared(8));
  const fields: Record<string, FieldColumn> = {};
  for (const name of schema.fieldNames) {
    const field = schema.fields[name];
    if (field.kind === "instant") continue;
    const nulls = field.nullable ? u8() : undefined;
    switch (field.kind) {
      case "string":
        fields[name] = { field, values: u32(), ends: u32(), nulls };
        break;
      case "uint32":
        fields[name] = { field, values: u32(), nulls };
        break;
      case "enumeration":
      case "boolean":
        fields[name] = { field, values: u8(), nulls };
        break;
      case "decimal":
      case "integer":
        fields[name] = { field, values: f64(), nulls };
        break;
    }
  }
  const columns: Columns = {
    schema,
    capacity,
    count: 0,
    partition: 0,
    from: 0n,
    to: 0n,
    offsetDelta: u32(),
    appendMs: f64(),
    status: u8(),
    eventMs: f64(),
    eventNs: u32(),
    repeat: u8(),
    identity: u32(4),
    unknown: u8(),
    bytes: new Uint8Array(0),
    valueStart: u32(),
    valueEnd: u32(),
    fields,
  };
  heldBytes += bytes;
  released.register(columns, bytes);
  return columns;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The text of a string column. Copied out first: decoders refuse shared memory. */
export function textAt(columns: Columns, name: string, row: number): string {
  const { values, ends, texts } = columns.fields[name];
  if (texts !== undefined) return texts[values[row]];
  return decoder.decode(columns.bytes.slice(values[row], ends![row]));
}

/** The text of a string column in UTF-8: a view, as long as the chunk's bytes stay. */
export function textBytesAt(columns: Columns, name: string, row: number): Uint8Array {
  const { values, ends, texts } = columns.fields[name];
  if (texts !== undefined) return encoder.encode(texts[values[row]]);
  return columns.bytes.subarray(values[row], ends![row]);
}
