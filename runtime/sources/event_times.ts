import { parseInstant } from "../std/instant.ts";
import { Cells } from "./csv_rows.ts";

/**
 * The event time of the row `bytes[start, end)` in milliseconds since 1970 UTC; null for none. Called
 * with every row, a header first. Rows may be anything: one without an event time is for the ingest
 * to judge.
 */
export type TimeOf = (bytes: Uint8Array, start: number, end: number) => number | null;

/** An ISO 8601 instant in milliseconds since 1970 UTC; null for what is none. */
export function instantOf(text: unknown): number | null {
  return typeof text === "string" ? parseInstant(text)?.ms ?? null : null;
}

/** Reads the event time from a member of JSON objects. */
export function jsonTime(field: string): TimeOf {
  const decoder = new TextDecoder();
  return (bytes, start, end) => {
    try {
      return instantOf(JSON.parse(decoder.decode(bytes.subarray(start, end)))?.[field]);
    } catch {
      return null;
    }
  };
}

/** Reads the event time from the column that the header calls `field`. */
export function csvTime(field: string): TimeOf {
  const cells = new Cells();
  let column: number | null = null;
  return (bytes, start, end) => {
    if (cells.split(bytes, start, end) !== null) return null;
    if (column !== null) return column < cells.count ? instantOf(cells.text(bytes, column)) : null;
    column = Array.from({ length: cells.count }, (_, i) => cells.text(bytes, i)).indexOf(field);
    if (column === -1) column = Infinity;
    return null;
  };
}
