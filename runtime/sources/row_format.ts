/** What the formats whose rows are no JSON have in common: each row becomes one JSON object. */
import type { EventWriter } from "./event_writer.ts";

/** What is at fault with a row. */
export interface RowFault {
  /** The field at fault; empty when it is the whole row. */
  readonly field: string;
  /** Expected and actual value. */
  readonly reason: string;
}

/** A format of rows, as it stands within one input. */
export interface RowFormat {
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
   * @returns null, or what is at fault: then what was written is to be forgotten.
   */
  write(bytes: Uint8Array, start: number, end: number, writer: EventWriter): RowFault | null;
}

const SHOWN_BYTES = 40;

/** The beginning of a row, for its own sender, in quotes. */
export function quoted(bytes: Uint8Array, start: number, end: number): string {
  const text = new TextDecoder().decode(bytes.subarray(start, Math.min(end, start + SHOWN_BYTES)));
  return JSON.stringify(end - start > SHOWN_BYTES ? `${text}…` : text);
}
