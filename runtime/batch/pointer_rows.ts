import type { Cut } from "../model/frontier.ts";
import { BatchLevel } from "../sql/tables.ts";

/** A run of one plugin whose rows are written. */
export interface Publication {
  readonly run: number;
  /** The published run that it builds on; 0 when there is none. */
  readonly base: number;
  /** The last full run: readers take no row older than that. */
  readonly fullRun: number;
  readonly cut: Cut;
  /** The days it recomputed. */
  readonly days: readonly string[];
  /** Rows in the batch table. */
  readonly rows: number;
}

/** Columns of {@link pointerRows}; the others of the batch table take their defaults. */
export const pointerColumns = ["level", "run", "bucket", "full_run", "cut"] as const;

/**
 * The pointer and the day markers of a run as RowBinary, for one insert of one block and one table
 * partition: readers see all of them or none. The pointer's `bucket` is the time of publication,
 * which only the purge reads.
 *
 * @param publishedMs milliseconds since 1970 UTC.
 */
export function pointerRows(publication: Publication, publishedMs: number): Uint8Array {
  const writer = new RowWriter();
  const { run, fullRun, cut, days } = publication;
  const logs = Object.entries(cut);
  writer.row(BatchLevel.pointer, run, Math.floor(publishedMs / 1000), fullRun);
  writer.size(logs.length);
  for (const [log, offsets] of logs) {
    writer.text(log);
    writer.size(offsets.length);
    for (const offset of offsets) writer.uint64(offset);
  }
  for (const day of days) {
    writer.row(BatchLevel.marker, run, Date.parse(`${day}T00:00:00Z`) / 1000, fullRun);
    writer.size(0);
  }
  return writer.bytes();
}

/**
 * A floor and the numbers below it that were never published, as RowBinary for one insert of one
 * block and one table partition: readers see all of them or none.
 */
export function floorRows(floor: number, skipped: readonly number[]): Uint8Array {
  const writer = new RowWriter();
  for (const run of skipped) {
    writer.row(BatchLevel.skipped, run, 0, 0);
    writer.size(0);
  }
  writer.row(BatchLevel.floor, floor, 0, 0);
  writer.size(0);
  return writer.bytes();
}

/** Writes the few RowBinary types of these rows. */
class RowWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  row(level: number, run: number, bucketSeconds: number, fullRun: number): void {
    this.#room(21);
    const view = new DataView(this.#bytes.buffer, this.#length);
    view.setUint8(0, level);
    view.setBigUint64(1, BigInt(run), true);
    view.setUint32(9, bucketSeconds, true);
    view.setBigUint64(13, BigInt(fullRun), true);
    this.#length += 21;
  }

  uint64(value: bigint): void {
    this.#room(8);
    new DataView(this.#bytes.buffer, this.#length).setBigUint64(0, value, true);
    this.#length += 8;
  }

  /** A length as LEB128. */
  size(value: number): void {
    this.#room(5);
    while (value > 127) {
      this.#bytes[this.#length++] = (value & 127) | 128;
      value >>>= 7;
    }
    this.#bytes[this.#length++] = value;
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.size(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #room(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const grown = new Uint8Array((this.#length + length) * 2);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
