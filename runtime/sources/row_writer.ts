/** What the formats whose rows are no JSON have in common: each row becomes one JSON object. */
import type { EventWriter } from "./event_writer.ts";

/** Why a row is not an event. */
export interface RefusedRow {
  /** The field at fault; empty when it is the whole row. */
  readonly field: string;
  /** Expected and actual value. */
  readonly reason: string;
}

/** Turns the rows of one input into JSON. */
export interface RowWriter {
  /**
   * Called with the first row, `bytes[start, end)` without its line's end.
   *
   * @returns whether that is a header, and so no event.
   * @throws UserError when it has to be a header and is none.
   */
  header(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * Writes a row as a JSON object; called with each but the header, in order.
   *
   * @returns null, or why the row is refused: then what was written is to be forgotten.
   */
  write(bytes: Uint8Array, start: number, end: number, writer: EventWriter): RefusedRow | null;
}

const SHOWN_BYTES = 40;

/** The beginning of a row, for its own sender, in quotes. */
export function quoted(bytes: Uint8Array, start: number, end: number): string {
  const text = new TextDecoder().decode(bytes.subarray(start, Math.min(end, start + SHOWN_BYTES)));
  return JSON.stringify(end - start > SHOWN_BYTES ? `${text}…` : text);
}
