import type { DatabaseSync, StatementSync } from "node:sqlite";
import { RecordKind, type RecordsToAppend } from "../ports/ports.ts";
import { chunkChecksum, ChunkPacker } from "./chunk_codec.ts";
import { partitionOf } from "./partitioner.ts";
import type { PartitionState } from "./sqlite_file.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * Stores records as chunks, within a transaction of the caller. Where the partitions stand is the
 * caller's too: `next` is moved on, and is worth nothing when the transaction fails.
 */
export class ChunkWriter {
  readonly #insert: StatementSync;
  readonly #packers: ChunkPacker[];

  constructor(database: DatabaseSync, partitions: number) {
    this.#insert = database.prepare(
      `INSERT INTO chunk (partition, first_offset, record_count, append_ms, kind, records, checksum)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#packers = Array.from({ length: partitions }, () => new ChunkPacker());
  }

  /** Adds records, each to the partition of its key; sets `ends` where it put some. */
  addRecords(records: RecordsToAppend, next: PartitionState[], ends: number[]): void {
    const { count, bytes, keyStart, keyEnd, valueStart, valueEnd } = records;
    const packers = this.#packers;
    for (let i = 0; i < count; i++) {
      const p = partitionOf(bytes, keyStart[i], keyEnd[i], packers.length);
      const packer = packers[p], start = valueStart[i], end = valueEnd[i];
      if (packer.isFull(end - start)) this.#flush(p, next[p], RecordKind.event);
      packer.add(bytes, start, end);
      ends[p] = next[p].end + packer.count;
    }
  }

  /** Adds a tick behind what the partition was given before. */
  addTick(partition: number, next: PartitionState[], ends: number[]): void {
    this.#flush(partition, next[partition], RecordKind.event);
    this.#packers[partition].add(NO_BYTES, 0, 0);
    this.#flush(partition, next[partition], RecordKind.tick);
    ends[partition] = next[partition].end;
  }

  /** Stores what is left; the caller commits next. */
  finish(next: PartitionState[]): void {
    next.forEach((state, partition) => this.#flush(partition, state, RecordKind.event));
  }

  /** Forgets what was added and not stored: the transaction failed. */
  discard(): void {
    for (const packer of this.#packers) packer.clear();
  }

  #flush(partition: number, state: PartitionState, kind: number): void {
    const packer = this.#packers[partition];
    const { count } = packer;
    if (count === 0) return;
    const { end: firstOffset, lastAppendMs: appendMs } = state;
    const blob = packer.pack();
    const checksum = chunkChecksum({ partition, firstOffset, count, appendMs, kind }, blob);
    this.#insert.run(partition, firstOffset, count, appendMs, kind, blob, checksum);
    state.end += count;
    packer.clear();
  }
}
