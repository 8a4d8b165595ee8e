/**
 * How records of one partition are stored as one blob: the values one after the other, zeros up to a
 * multiple of 4, then `count + 1` bounds (unsigned, 32 bits, little-endian; the first is 0): value
 * `i` is `[bounds[i], bounds[i + 1])`. So a stored blob is read without copying.
 */
import { crc32 } from "node:zlib";
import { withRoom } from "../std/bytes.ts";

/** The most records that one stored chunk takes: what a reader asks for by default. */
export const STORED_CHUNK_RECORDS = 8192;
/** A stored chunk takes no further record beyond this many bytes of values. */
export const STORED_CHUNK_BYTES = 1024 * 1024;

const BOUND_BYTES = 4;

/** Values of consecutive records, and where each begins and ends in `bytes`. */
export interface PackedValues {
  readonly count: number;
  readonly bytes: Uint8Array;
  /** `count + 1` bounds. */
  readonly bounds: Uint32Array;
}

/** Packs the values of one partition, in memory that is used again. */
export class ChunkPacker {
  #bytes = new Uint8Array(64 * 1024);
  readonly #bounds = new Uint32Array(STORED_CHUNK_RECORDS + 1);
  #count = 0;

  /** Values added since the last {@link ChunkPacker.clear}. */
  get count(): number {
    return this.#count;
  }

  /** Whether another value of this size belongs into the next chunk. */
  isFull(sizeBytes: number): boolean {
    return this.#count === STORED_CHUNK_RECORDS ||
      (this.#count > 0 && this.#bounds[this.#count] + sizeBytes > STORED_CHUNK_BYTES);
  }

  /** Adds the value in `[start, end)` of `source`; not when {@link ChunkPacker.isFull}. */
  add(source: Uint8Array, start: number, end: number): void {
    const at = this.#bounds[this.#count];
    const next = at + end - start;
    this.#bytes = withRoom(this.#bytes, next);
    this.#bytes.set(source.subarray(start, end), at);
    this.#bounds[++this.#count] = next;
  }

  /** @returns the stored form of what was added, valid until the next call. */
  pack(): Uint8Array {
    const boundsAt = aligned(this.#bounds[this.#count]);
    const sizeBytes = boundsAt + (this.#count + 1) * BOUND_BYTES;
    this.#bytes = withRoom(this.#bytes, sizeBytes);
    this.#bytes.fill(0, this.#bounds[this.#count], boundsAt);
    new Uint32Array(this.#bytes.buffer, boundsAt, this.#count + 1)
      .set(this.#bounds.subarray(0, this.#count + 1));
    return this.#bytes.subarray(0, sizeBytes);
  }

  /** Starts the next chunk. */
  clear(): void {
    this.#count = 0;
  }
}

/**
 * Reads a stored blob, without copying where its memory allows that.
 *
 * @param count how many records it holds.
 * @returns null when the blob cannot hold that many.
 */
export function unpackValues(blob: Uint8Array, count: number): PackedValues | null {
  const boundsAt = blob.length - (count + 1) * BOUND_BYTES;
  if (boundsAt < 0 || boundsAt % BOUND_BYTES !== 0) return null;
  const whole = blob.byteOffset % BOUND_BYTES === 0 ? blob : blob.slice();
  const bounds = new Uint32Array(whole.buffer, whole.byteOffset + boundsAt, count + 1);
  if (bounds[0] !== 0 || aligned(bounds[count]) !== boundsAt) return null;
  return { count, bytes: whole.subarray(0, bounds[count]), bounds };
}

/** What is stored of a chunk beside its values. */
export interface ChunkPlace {
  readonly partition: number;
  readonly firstOffset: number;
  readonly count: number;
  readonly appendMs: number;
  /** One of `RecordKind`. */
  readonly kind: number;
}

/**
 * The checksum that is stored with a chunk: CRC-32 of its place, as 64-bit floats, and its blob. It
 * finds a changed chunk and one that stands in another's place.
 */
export function chunkChecksum(place: ChunkPlace, blob: Uint8Array): number {
  const { partition, firstOffset, count, appendMs, kind } = place;
  const numbers = Float64Array.of(partition, firstOffset, count, appendMs, kind);
  return crc32(blob, crc32(new Uint8Array(numbers.buffer)));
}

function aligned(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BOUND_BYTES) * BOUND_BYTES;
}
