/**
 * A block's events of one day, and a block's dead letters, as Parquet.
 *
 * The event time is stored once, as `event_time`. Only `event_time` and `offset` carry statistics:
 * they are what a reader can skip a file by.
 */
import type { BlockColumn, DeadLetter, EventRows } from "./block_rows.ts";
import { encodeParquet } from "./parquet_file.ts";
import {
  constantText,
  dictionaryOf,
  encodeBooleans,
  encodeInt64,
  encodeNanoseconds,
  encodeOffsets,
  encodePositions,
  encodeText,
  encodeUint32,
  type ParquetColumn,
  type SchemaElement,
  type TextSource,
  textSourceOf,
} from "./parquet_values.ts";

/** Where a block lies. */
export interface BlockPlace {
  readonly log: string;
  readonly partition: number;
}

/**
 * Encodes the given rows of a block, in the given order.
 *
 * @param rows as `rowsByDay` gives them.
 * @returns a whole Parquet file; the same input gives the same bytes.
 */
export function encodeEvents(
  block: EventRows,
  rows: Uint32Array,
  place: BlockPlace,
): Uint8Array {
  const { eventMs, eventNs, appendMs, offsetDelta, bytes, rawStart, rawEnd } = block;
  return encodeParquet(rows, [
    {
      element: timestamp("event_time", "NANOS"),
      encode: (picked) => encodeNanoseconds(picked, eventMs, eventNs),
      bounds: (picked) => {
        const at = (row: number) => BigInt(eventMs[row]) * 1_000_000n + BigInt(eventNs[row]);
        return [at(picked[0]), at(picked[picked.length - 1])];
      },
    },
    ...[...block.fields].map(([name, column]) => fieldColumn(name, column, block.bytes)),
    ...placeColumns(place, block.block, offsetDelta, appendMs),
    textColumn("raw", { bytes, starts: rawStart, ends: rawEnd }),
  ]);
}

/** Encodes a block's dead letters, in the order of their offsets. */
export function encodeDeadLetters(
  deadLetters: readonly DeadLetter[],
  block: bigint,
  place: BlockPlace,
): Uint8Array {
  const encoder = new TextEncoder();
  return encodeParquet(Uint32Array.from(deadLetters.keys()), [
    ...placeColumns(
      place,
      block,
      Uint32Array.from(deadLetters, ({ offset }) => Number(offset - block)),
      Float64Array.from(deadLetters, ({ appendMs }) => appendMs),
    ),
    textColumn("field", textSourceOf(deadLetters.map(({ field }) => encoder.encode(field)))),
    textColumn("reason", textSourceOf(deadLetters.map(({ reason }) => encoder.encode(reason)))),
    // Not declared as text: the bytes may be anything.
    textColumn("value", textSourceOf(deadLetters.map(({ value }) => value)), {
      name: "value",
      type: "BYTE_ARRAY",
      repetition_type: "REQUIRED",
    }),
  ]);
}

function placeColumns(
  { log, partition }: BlockPlace,
  block: bigint,
  offsetDelta: Uint32Array,
  appendMs: Float64Array,
): ParquetColumn[] {
  return [
    constantText(text("log"), log),
    {
      element: unsigned("partition", 32),
      encode: (rows) => new Uint8Array(new Uint32Array(rows.length).fill(partition).buffer),
    },
    {
      element: unsigned("offset", 64),
      encode: (rows) => encodeOffsets(rows, block, offsetDelta),
      bounds: (rows) => {
        let [least, greatest] = [Infinity, 0];
        for (const row of rows) {
          least = Math.min(least, offsetDelta[row]);
          greatest = Math.max(greatest, offsetDelta[row]);
        }
        return [block + BigInt(least), block + BigInt(greatest)];
      },
    },
    {
      element: timestamp("append_time", "MILLIS"),
      encode: (rows) => encodeInt64(rows, appendMs),
    },
  ];
}

function fieldColumn(name: string, column: BlockColumn, bytes: Uint8Array): ParquetColumn {
  const { field, values, nulls } = column;
  const of = (element: SchemaElement, encode: ParquetColumn["encode"]): ParquetColumn => ({
    element: field.nullable ? { ...element, repetition_type: "OPTIONAL" } : element,
    encode,
    nulls,
  });
  switch (field.kind) {
    case "string": {
      const source = { bytes, starts: values as Uint32Array, ends: column.ends! };
      const { element, encode, sizeBytes } = textColumn(name, source);
      return { ...of(element, encode), sizeBytes };
    }
    case "uint32":
      return of(unsigned(name, 32), (rows) => encodeUint32(rows, values));
    case "boolean":
      return of(
        { name, type: "BOOLEAN", repetition_type: "REQUIRED" },
        (rows) => encodeBooleans(rows, values),
      );
    case "enumeration": {
      const names = field.values!;
      const encode = (rows: Uint32Array) => encodePositions(rows, values, names.length);
      return { ...of(text(name), encode), dictionary: dictionaryOf(names) };
    }
    case "decimal":
      return of(decimal(name, field.scale!), (rows) => encodeInt64(rows, values));
    default:
      return of(
        { name, type: "INT64", repetition_type: "REQUIRED" },
        (rows) => encodeInt64(rows, values),
      );
  }
}

function textColumn(name: string, source: TextSource, element = text(name)): ParquetColumn {
  return {
    element,
    encode: (rows) => encodeText(rows, source),
    sizeBytes: (row) => 4 + source.ends[row] - source.starts[row],
  };
}

const text = (name: string): SchemaElement => ({
  name,
  type: "BYTE_ARRAY",
  repetition_type: "REQUIRED",
  converted_type: "UTF8",
  logical_type: { type: "STRING" },
});

const unsigned = (name: string, bitWidth: 32 | 64): SchemaElement => ({
  name,
  type: bitWidth === 32 ? "INT32" : "INT64",
  repetition_type: "REQUIRED",
  // Not as a logical type: hyparquet-writer 0.17 writes its bit width as another Thrift type than the
  // format says, and ClickHouse then refuses the file ("Invalid data").
  converted_type: bitWidth === 32 ? "UINT_32" : "UINT_64",
});

const timestamp = (name: string, unit: "MILLIS" | "NANOS"): SchemaElement => ({
  name,
  type: "INT64",
  repetition_type: "REQUIRED",
  // Parquet's older kind of type annotation has no nanoseconds.
  converted_type: unit === "MILLIS" ? "TIMESTAMP_MILLIS" : undefined,
  logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit },
});

const decimal = (name: string, scale: number): SchemaElement => ({
  name,
  type: "INT64",
  repetition_type: "REQUIRED",
  converted_type: "DECIMAL",
  precision: 18,
  scale,
  logical_type: { type: "DECIMAL", precision: 18, scale },
});
