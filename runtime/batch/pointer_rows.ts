import type { Cut } from "../model/frontier.ts";
import { RowBinaryWriter } from "../std/row_binary.ts";
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
  const writer = new RowBinaryWriter(1024);
  const { run, fullRun, cut, days } = publication;
  const logs = Object.entries(cut);
  writeHead(writer, BatchLevel.pointer, run, Math.floor(publishedMs / 1000), fullRun);
  writer.varint(logs.length);
  for (const [log, offsets] of logs) {
    writer.text(log);
    writer.varint(offsets.length);
    for (const offset of offsets) writer.u64(offset);
  }
  for (const day of days) {
    writeHead(writer, BatchLevel.marker, run, Date.parse(`${day}T00:00:00Z`) / 1000, fullRun);
    writer.varint(0);
  }
  return writer.finish();
}

/**
 * A floor and the numbers below it that were never published, as RowBinary for one insert of one
 * block and one table partition: readers see all of them or none.
 */
export function floorRows(floor: number, skipped: readonly number[]): Uint8Array {
  const writer = new RowBinaryWriter(1024);
  for (const run of skipped) {
    writeHead(writer, BatchLevel.skipped, run, 0, 0);
    writer.varint(0);
  }
  writeHead(writer, BatchLevel.floor, floor, 0, 0);
  writer.varint(0);
  return writer.finish();
}

/** The columns of {@link pointerColumns} before the cut. */
function writeHead(
  writer: RowBinaryWriter,
  level: number,
  run: number,
  bucketSeconds: number,
  fullRun: number,
): void {
  writer.u8(level);
  writer.i64(run);
  writer.u32(bucketSeconds);
  writer.i64(fullRun);
}
