import { type Columns, type DecodeFault, RowStatus } from "../model/columns.ts";
import type { EventSchema } from "../events.ts";
import type { ArchiveFile, Manifest, StoredFile } from "../ports/ports.ts";
import type { BlockRange, ManifestKind } from "./archive_names.ts";
import { BlockRows, type DeadLetter, widened } from "./block_rows.ts";
import type { BlockPart, EncodedPart } from "./encode_block.ts";

/** The partition of a log. */
export type PartitionOf = Pick<BlockRange, "log" | "partition">;

/**
 * Input that a part takes at most: bytes of records' values. It decides where files end, so every
 * process must have the same one; a record that is larger is a part by itself.
 */
export const PART_BYTES = 32 * 2 ** 20;

/**
 * What was read of a block so far. Only the part at hand is held: a part ends before the record that
 * would make its input larger than {@link PART_BYTES}. That bound follows from the log alone, as the
 * block's do, so every process writes the same files.
 */
export class OpenBlock {
  readonly start: bigint;
  readonly #schema: EventSchema;
  readonly #partBytes: number;
  readonly #files: ArchiveFile[] = [];
  readonly #letterFiles: StoredFile[] = [];
  #rows: BlockRows;
  #letters: DeadLetter[] = [];
  /** Bytes of the values that the part at hand was made from. */
  #inputBytes = 0;
  #records = 0;
  #events = 0;
  #deadLetters = 0;
  #eventMs: [number, number] | null = null;
  #appendMs: [number, number] | null = null;
  /** Append time of the first event or dead letter; null without one. */
  firstAppendMs: number | null = null;

  constructor(schema: EventSchema, start: bigint, partBytes = PART_BYTES) {
    this.start = start;
    this.#schema = schema;
    this.#partBytes = partBytes;
    this.#rows = new BlockRows(schema, start);
  }

  /** Events and dead letters. */
  get events(): number {
    return this.#events + this.#deadLetters;
  }

  /**
   * Takes the rows `[firstRow, endRow)` of a chunk, as far as they go into the part at hand.
   *
   * @param faults of the whole chunk.
   * @returns the first row that was not taken: the part has to be cut before it. `endRow` when all
   * were taken.
   */
  add(
    columns: Columns,
    firstRow: number,
    endRow: number,
    faults: readonly DecodeFault[],
  ): number {
    const end = this.#endOfPart(columns, firstRow, endRow);
    this.#records += end - firstRow;
    this.#appendMs = widened(this.#appendMs, columns.appendMs.subarray(firstRow, end));
    for (let row = firstRow; row < end && this.firstAppendMs === null; row++) {
      if (columns.status[row] !== RowStatus.tick) this.firstAppendMs = columns.appendMs[row];
    }
    const before = this.#rows.count;
    this.#rows.add(columns, firstRow, end);
    this.#events += this.#rows.count - before;
    const added = this.#rows.eventMs.subarray(before, this.#rows.count);
    this.#eventMs = widened(this.#eventMs, added);
    for (const { row, field, reason } of faults) {
      if (row < firstRow || row >= end) continue;
      this.#deadLetters++;
      this.#letters.push({
        offset: columns.from + BigInt(columns.offsetDelta[row]),
        appendMs: columns.appendMs[row],
        field,
        reason,
        value: columns.bytes.slice(columns.valueStart[row], columns.valueEnd[row]),
      });
    }
    return end;
  }

  #endOfPart({ valueStart, valueEnd }: Columns, firstRow: number, endRow: number): number {
    for (let row = firstRow; row < endRow; row++) {
      const bytes = this.#inputBytes + valueEnd[row] - valueStart[row];
      if (bytes > this.#partBytes && this.#inputBytes > 0) return row;
      this.#inputBytes = bytes;
    }
    return endRow;
  }

  /** Ends the part at hand before the offset `end`, where another one begins. */
  cut(
    { log, partition }: PartitionOf,
    end: bigint,
    kind: ManifestKind = "manifests",
  ): BlockPart {
    const part = {
      kind,
      range: { log, partition, start: this.#rows.block, end },
      rows: this.#rows,
      deadLetters: this.#letters,
    };
    this.#rows = new BlockRows(this.#schema, end);
    this.#letters = [];
    this.#inputBytes = 0;
    return part;
  }

  /** Takes note of a part that was stored. */
  stored({ files, letters }: EncodedPart): void {
    this.#files.push(...files);
    this.#letterFiles.push(...letters);
  }

  /** The manifest of the block, which ends before the offset `end`; all its parts are stored. */
  manifest({ log, partition }: PartitionOf, end: bigint): Manifest {
    return {
      log,
      partition,
      start: this.start,
      end,
      records: this.#records,
      events: this.#events,
      deadLetters: this.#deadLetters,
      eventMs: this.#eventMs,
      appendMs: this.#appendMs,
      files: this.#files,
      letters: this.#letterFiles,
    };
  }
}

/** Rows `[firstRow, endRow)` of a chunk. */
export interface RowRange {
  readonly firstRow: number;
  readonly endRow: number;
}

/**
 * Adds rows to a block, part by part.
 *
 * @param faults of the whole chunk.
 * @param cut called where the part at hand ends, with the offset before which it does: stores it.
 */
export async function addRows(
  open: OpenBlock,
  columns: Columns,
  { firstRow, endRow }: RowRange,
  faults: readonly DecodeFault[],
  cut: (end: bigint) => Promise<void>,
): Promise<void> {
  let row = open.add(columns, firstRow, endRow, faults);
  while (row < endRow) {
    await cut(columns.from + BigInt(columns.offsetDelta[row]));
    row = open.add(columns, row, endRow, faults);
  }
}
