import { expect } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import {
  allocateColumns,
  type Columns,
  type DecodeFault,
  RowStatus,
} from "../../runtime/model/columns.ts";
import { createDecoder, type DecodeStats } from "../../runtime/decode/decoder.ts";
import {
  boolean,
  decimal,
  defineSchema,
  enumeration,
  type EventSchema,
  instant,
  integer,
  string,
  uint32,
} from "../../runtime/events.ts";
import { chunkOf } from "../../runtime/testing/chunk.ts";

/** A schema that has nothing to do with movies: every kind of field, awkward names and values. */
export const sensorReading = defineSchema({
  topic: "sensor-readings",
  version: 3,
  summary: "What sensors of a building report",
  eventId: "constructor",
  eventTime: "at",
  partitionKey: "sensor",
  fields: {
    sensor: string({ maxBytes: 12 }),
    at: instant(),
    constructor: string({ maxBytes: 2000 }),
    level: integer({ min: -5, max: 1e10, nullable: true }),
    ok: boolean(),
    alarm: boolean({ nullable: true }),
    grade: enumeration(["A", "", 'q"uote', "größe", "A1", "ABCDE"]),
    note: string({ maxBytes: 8, nullable: true }),
    heat: decimal({ scale: 1, min: -273.15, max: 99.95 }),
    a: uint32({ nullable: true }),
  },
});

/** What one row says, positions of texts resolved, so that two decoders can be compared. */
export type Row = Record<string, unknown>;

/** Decodes values and reads every column back. */
export function decodeRows(
  schema: EventSchema,
  values: readonly (Uint8Array | string | null)[],
  options?: { fastPath?: boolean },
): { rows: Row[]; faults: DecodeFault[]; stats: DecodeStats; columns: Columns } {
  const columns = allocateColumns(schema, Math.max(values.length, 1));
  // Leftovers of an earlier chunk must not shine through.
  for (const { nulls, values } of Object.values(columns.fields)) {
    nulls?.fill(7);
    values.fill(99);
  }
  columns.unknown.fill(7);
  const decoder = createDecoder(schema, options);
  const faults = decoder.decode(chunkOf(values), columns);
  const rows = values.map((_, row) => rowOf(columns, row));
  return { rows, faults, stats: decoder.stats, columns };
}

/** Reads one row of the columns. */
export function rowOf(columns: Columns, row: number): Row {
  const base = {
    status: columns.status[row],
    offset: columns.from + BigInt(columns.offsetDelta[row]),
    appendMs: columns.appendMs[row],
    value: [columns.valueStart[row], columns.valueEnd[row]],
    unknown: columns.unknown[row],
  };
  if (base.status !== RowStatus.event) return base;
  const fields: Row = {};
  for (const [name, { field, values, ends, nulls }] of Object.entries(columns.fields)) {
    const text = ends && columns.bytes.slice(values[row], ends[row]);
    fields[name] = {
      isNull: nulls?.[row],
      value: field.kind === "string"
        ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text)
        : values[row],
    };
  }
  return {
    ...base,
    eventMs: columns.eventMs[row],
    eventNs: columns.eventNs[row],
    identity: [...columns.identity.subarray(row * 4, row * 4 + 4)],
    fields,
  };
}

/** A valid movie event, with fields replaced by raw JSON; `undefined` leaves one out. */
export function movie(raw: Record<string, string | undefined> = {}): string {
  const fields: Record<string, string | undefined> = {
    event_id: '"e-1"',
    user_id: "7",
    movie_id: "4294967295",
    event_type: '"pause"',
    timestamp: '"2024-02-29T12:34:56.789Z"',
    duration: "1.5",
    rating: "null",
    ...raw,
  };
  const members = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `{${members.map(([name, value]) => `"${name}":${value}`).join(",")}}`;
}

/** Decodes one value both ways, which must agree. */
export function decodeOne(value: string | Uint8Array, schema: EventSchema = movieViewing) {
  const reference = decodeRows(schema, [value], { fastPath: false });
  const { rows, faults, stats } = decodeRows(schema, [value]);
  expect(rows).toEqual(reference.rows);
  expect(faults).toEqual(reference.faults);
  return { row: rows[0], fault: faults[0], fast: stats.fastRecords === 1 };
}
