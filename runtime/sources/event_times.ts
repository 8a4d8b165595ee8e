import { parseInstant } from "../decode/instant.ts";
import type { EventFormat } from "../ports/services.ts";
import { Cells } from "./csv_rows.ts";

/** The event time of the row `bytes[start, end)` in milliseconds since 1970 UTC; null for none. */
export type TimeOf = (bytes: Uint8Array, start: number, end: number) => number | null;

const ZERO = 0x30, NINE = 0x39;

/**
 * Reads event times out of rows, which may be anything: a row without one is for the ingest to judge.
 *
 * @param field names the event time in JSON and in a CSV header; MovieLens' seconds come last.
 * @returns a function to be called with every row, a CSV header first.
 */
export function eventTimes(format: Exclude<EventFormat, "json-array">, field: string): TimeOf {
  if (format === "ndjson") return jsonTime(field);
  return format === "csv" ? csvTime(field) : lastSeconds;
}

/** An ISO 8601 instant in milliseconds since 1970 UTC; null for what is none. */
export function instantOf(text: unknown): number | null {
  return typeof text === "string" ? parseInstant(text)?.ms ?? null : null;
}

function jsonTime(field: string): TimeOf {
  const decoder = new TextDecoder();
  return (bytes, start, end) => {
    try {
      return instantOf(JSON.parse(decoder.decode(bytes.subarray(start, end)))?.[field]);
    } catch {
      return null;
    }
  };
}

function csvTime(field: string): TimeOf {
  const cells = new Cells();
  let column: number | null = null;
  return (bytes, start, end) => {
    while (end > start && bytes[end - 1] < 0x20) end--;
    if (cells.split(bytes, start, end) !== null) return null;
    if (column !== null) return column < cells.count ? instantOf(cells.text(bytes, column)) : null;
    column = Array.from({ length: cells.count }, (_, i) => cells.text(bytes, i)).indexOf(field);
    if (column === -1) column = Infinity;
    return null;
  };
}

const lastSeconds: TimeOf = (bytes, start, end) => {
  while (end > start && bytes[end - 1] < ZERO) end--;
  let seconds = 0;
  let power = 1;
  for (let p = end - 1; p >= start && bytes[p] >= ZERO && bytes[p] <= NINE; p--, power *= 10) {
    seconds += (bytes[p] - ZERO) * power;
  }
  return power === 1 ? null : seconds * 1000;
};
