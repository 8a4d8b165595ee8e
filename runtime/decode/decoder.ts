import { type Columns, type DecodeFault, RowStatus } from "../model/columns.ts";
import type { EventSchema } from "../events.ts";
import { type Decoder, type RecordChunk, RecordKind } from "../ports/ports.ts";
import { markBytes } from "./byte_order_mark.ts";
import { FastScan } from "./fast_scan.ts";
import { JsonFallback } from "./json_fallback.ts";
import { TextOverflow } from "./text_overflow.ts";
import { MAX_VALUE_BYTES } from "./value_limit.ts";

/** How many records went which way, since the decoder was made. */
export interface DecodeStats {
  /** Decoded by the byte-level scan alone. */
  fastRecords: number;
  /** Left to `JSON.parse`, those that it refused included. */
  fallbackRecords: number;
  /** Refused. */
  faultRecords: number;
}

/** A {@link Decoder} that tells how it did its work. */
export interface JsonDecoder extends Decoder {
  readonly stats: Readonly<DecodeStats>;
}

/** Raised when the same bytes decode to something else: part of every plugin's generation. */
export const DECODER_VERSION = 3;

/** Options of {@link createDecoder}. */
export interface DecoderOptions {
  /** Whether to try the byte-level scan first. Default true; false only costs time. */
  readonly fastPath?: boolean;
}

/**
 * Makes the decoder of one schema: JSON objects in strict UTF-8, one per record, into columns.
 *
 * What a record means is defined by {@link JsonFallback}; {@link FastScan} only gets there sooner. A
 * tick becomes a row of status `tick`; a byte order mark before a record is left out; a record that is no valid event, is empty (a tombstone) or
 * longer than 1 MiB becomes a row of status `deadLetter` and a fault.
 *
 * `columns.bytes` is `chunk.bytes` itself, and string columns point to where the texts stand in it.
 * Texts that do not stand there literally (escapes, records that took the fallback) lie behind the
 * chunk's bytes: then `columns.bytes` is a copy with room for them, made once per chunk, shared
 * memory where the chunk's bytes are.
 *
 * @example
 * ```ts
 * import { allocateColumns } from "../model/columns.ts";
 * import { defineSchema, instant, string } from "../events.ts";
 * import { createDecoder } from "./decoder.ts";
 * import { RecordSplitter } from "./line_splitter.ts";
 * const visits = defineSchema({
 *   topic: "visits", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "id",
 *   fields: { id: string(), at: instant() },
 * });
 * const columns = allocateColumns(visits, 16);
 * const lines = new TextEncoder().encode('{"id":"a","at":"2024-01-01T00:00:00Z"}\n{"id":7}\n');
 * for (const chunk of new RecordSplitter("ndjson").push(lines)) {
 *   const [fault] = createDecoder(visits).decode(chunk, columns);
 *   if (fault.row !== 1 || fault.reason !== "id must be text, got 7") throw new Error(fault.reason);
 * }
 * if (columns.eventMs[0] !== Date.UTC(2024, 0, 1)) throw new Error("unexpected");
 * ```
 */
export function createDecoder(schema: EventSchema, options: DecoderOptions = {}): JsonDecoder {
  const { fastPath = true } = options;
  const scan = new FastScan(schema);
  const fallback = new JsonFallback(schema);
  const texts = new TextOverflow();
  const stats: DecodeStats = { fastRecords: 0, fallbackRecords: 0, faultRecords: 0 };

  function decode(chunk: RecordChunk, columns: Columns): DecodeFault[] {
    copyHead(chunk, columns);
    texts.length = 0;
    scan.bind(chunk.bytes, columns);
    const faults = decodeRows(chunk, columns, fastPath && chunk.bytes.length < 2 ** 31);
    columns.bytes = texts.joinTo(chunk.bytes);
    stats.faultRecords += faults.length;
    return faults;
  }

  function decodeRows(chunk: RecordChunk, columns: Columns, tryFast: boolean): DecodeFault[] {
    const { count, kind, valueStart, valueEnd } = chunk;
    const { status } = columns;
    const faults: DecodeFault[] = [];
    for (let row = 0; row < count; row++) {
      const start = valueStart[row] | 0;
      const end = valueEnd[row] | 0;
      if (
        tryFast && kind[row] !== RecordKind.tick && end - start <= MAX_VALUE_BYTES &&
        scan.scan(row, start, end)
      ) {
        status[row] = RowStatus.event;
        stats.fastRecords++;
      } else {
        const fault = decodeSlowly(row, chunk, columns);
        if (fault !== null) faults.push(fault);
      }
    }
    return faults;
  }

  /** Fills a row that the fast path did not take. */
  function decodeSlowly(row: number, chunk: RecordChunk, columns: Columns): DecodeFault | null {
    const { kind, bytes, valueStart, valueEnd } = chunk;
    columns.unknown[row] = 0;
    if (kind[row] === RecordKind.tick) {
      columns.status[row] = RowStatus.tick;
      return null;
    }
    let fault = sizeFault(row, valueEnd[row] - valueStart[row]);
    if (fault === null) {
      stats.fallbackRecords++;
      const start = valueStart[row] + markBytes(bytes, valueStart[row], valueEnd[row]);
      const value = bytes.subarray(start, valueEnd[row]);
      fault = fallback.decode(row, value, columns, texts, bytes.length);
      // What is kept of an event is without its mark; a dead letter is kept as it came.
      if (fault === null) columns.valueStart[row] = start;
    }
    columns.status[row] = fault === null ? RowStatus.event : RowStatus.deadLetter;
    return fault;
  }

  return { decode, stats };
}

function copyHead(chunk: RecordChunk, columns: Columns): void {
  const { count } = chunk;
  if (count > columns.capacity) {
    throw new RangeError(
      `Cannot decode chunk: count must be at most the columns' capacity ${columns.capacity}, ` +
        `got ${count}`,
    );
  }
  columns.count = count;
  columns.partition = chunk.partition;
  columns.from = chunk.from;
  columns.to = chunk.to;
  columns.offsetDelta.set(chunk.offsetDelta.subarray(0, count));
  columns.appendMs.set(chunk.appendMs.subarray(0, count));
  columns.valueStart.set(chunk.valueStart.subarray(0, count));
  columns.valueEnd.set(chunk.valueEnd.subarray(0, count));
}

function sizeFault(row: number, sizeBytes: number): DecodeFault | null {
  if (sizeBytes === 0) {
    return { row, field: "", reason: "record must be a JSON object, got an empty value" };
  }
  if (sizeBytes > MAX_VALUE_BYTES) {
    return {
      row,
      field: "",
      reason: `record must be at most ${MAX_VALUE_BYTES} bytes long, got ${sizeBytes} bytes`,
    };
  }
  return null;
}
