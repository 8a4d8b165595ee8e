import type { ArchiveFile, Manifest } from "../ports.ts";
import {
  type BlockRange,
  dayName,
  deadLettersName,
  eventsName,
  manifestName,
} from "./archive_names.ts";
import { type DeadLetter, type EventRows, rowsByDay, widened } from "./block_rows.ts";
import { encodeManifest, sha256 } from "./manifest.ts";
import { encodeDeadLetters, encodeEvents } from "./parquet_block.ts";

/** A block that nothing is added to any more: plain data, which can be given to another thread. */
export interface ClosedBlock {
  readonly range: BlockRange;
  /** Records, ticks included. */
  readonly records: number;
  /** Least and greatest append time; null without records. */
  readonly appendMs: readonly [number, number] | null;
  readonly rows: EventRows;
  readonly deadLetters: readonly DeadLetter[];
}

/** An object of the archive. */
export interface ArchiveObject {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Turns a closed block into the objects that it is in the archive. */
export type BlockEncoder = (
  topic: string,
  block: ClosedBlock,
) => readonly ArchiveObject[] | Promise<readonly ArchiveObject[]>;

/**
 * A closed block as objects, in the order in which they have to be stored: a file per event day, the
 * dead letters, and the manifest last. The same block gives the same bytes.
 */
export function encodeBlock(topic: string, block: ClosedBlock): ArchiveObject[] {
  const { range, rows, deadLetters } = block;
  const objects: ArchiveObject[] = [];
  const files: ArchiveFile[] = [];
  for (const [dayNumber, order] of rowsByDay(rows)) {
    const day = dayName(dayNumber);
    const name = eventsName(topic, day, range);
    const bytes = encodeEvents(rows, order, range);
    objects.push({ name, bytes });
    files.push({
      name,
      day,
      rows: order.length,
      sizeBytes: bytes.length,
      sha256: sha256(bytes),
    });
  }
  if (deadLetters.length > 0) {
    const bytes = encodeDeadLetters(deadLetters, range.start, range);
    objects.push({ name: deadLettersName(topic, range), bytes });
  }
  const manifest: Manifest = {
    ...range,
    records: block.records,
    events: rows.count,
    deadLetters: deadLetters.length,
    eventMs: widened(null, rows.eventMs.subarray(0, rows.count)),
    appendMs: block.appendMs,
    files,
  };
  objects.push({ name: manifestName(topic, range), bytes: encodeManifest(manifest) });
  return objects;
}
