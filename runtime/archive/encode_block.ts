import type { ArchiveFile, StoredFile } from "../ports/ports.ts";
import {
  type BlockRange,
  compactedName,
  dayName,
  deadLettersName,
  eventsName,
  type ManifestKind,
} from "./archive_names.ts";
import { type DeadLetter, type EventRows, rowsByDay } from "./block_rows.ts";
import { sha256 } from "./manifest.ts";
import { encodeDeadLetters, encodeEvents } from "./parquet_block.ts";

/**
 * A part of a block that nothing is added to any more: plain data, which can be given to another
 * thread. Most blocks are one part.
 */
export interface BlockPart {
  /** The part's own offsets. */
  readonly range: BlockRange;
  readonly rows: EventRows;
  readonly deadLetters: readonly DeadLetter[];
  /** Whether it is a part of a block or of a compacted range. */
  readonly kind: ManifestKind;
}

/** An object of the archive. */
export interface ArchiveObject {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a part is in the archive. */
export interface EncodedPart {
  /** To be stored before the block's manifest. */
  readonly objects: readonly ArchiveObject[];
  /** The event files among them, as the manifest lists them. */
  readonly files: readonly ArchiveFile[];
  /** The file of dead letters among them, if there is one. */
  readonly letters: readonly StoredFile[];
}

/** Turns a part of a block into what it is in the archive below a root. */
export type PartEncoder = (root: string, part: BlockPart) => EncodedPart | Promise<EncodedPart>;

/** A part as objects: a file per event day, and the dead letters. The same part gives the same bytes. */
export function encodePart(root: string, part: BlockPart): EncodedPart {
  const { range, rows, deadLetters } = part;
  const nameOf = part.kind === "manifests" ? eventsName : compactedName;
  const objects: ArchiveObject[] = [];
  const files: ArchiveFile[] = [];
  for (const [dayNumber, order] of rowsByDay(rows)) {
    const day = dayName(dayNumber);
    const name = nameOf(root, day, range);
    const bytes = encodeEvents(rows, order, range);
    objects.push({ name, bytes });
    files.push({ day, ...storedFile(name, order.length, bytes) });
  }
  const letters: StoredFile[] = [];
  if (deadLetters.length > 0) {
    const name = deadLettersName(root, range);
    const bytes = encodeDeadLetters(deadLetters, range.start, range);
    objects.push({ name, bytes });
    letters.push(storedFile(name, deadLetters.length, bytes));
  }
  return { objects, files, letters };
}

function storedFile(name: string, rows: number, bytes: Uint8Array): StoredFile {
  return { name, rows, sizeBytes: bytes.length, sha256: sha256(bytes) };
}
