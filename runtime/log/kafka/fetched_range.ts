/** What one fetch returned of a partition, handed out in chunks. */
import type { Buffer } from "node:buffer";
import { type RecordChunk, RecordKind } from "../../ports/ports.ts";
import { type BatchRange, type BatchSource, readBatches, RecordWalk } from "./record_batches.ts";
import type { AbortedTransaction } from "./requests.ts";

/** The one header of a tick; its key and its value are empty. Every other record is an event's. */
export const TICK_HEADER = { name: "twofold-tick", value: "1" } as const;
const TICK_NAME = new TextEncoder().encode(TICK_HEADER.name);
const TICK_VALUE = new TextEncoder().encode(TICK_HEADER.value);
const MOST_DELTA = 0xffff_ffffn;

/** Records of a partition in `[from, to)`. */
export class FetchedRange {
  readonly partition: number;
  /** Where the fetch stood. */
  readonly from: bigint;
  /** Where the next fetch continues; `from` where nothing came. */
  readonly to: bigint;
  readonly #range: BatchRange;

  /** @throws TwofoldError as {@link readBatches} does. */
  constructor(
    source: BatchSource,
    from: bigint,
    records: Buffer,
    aborted: readonly AbortedTransaction[],
  ) {
    this.partition = source.partition;
    this.from = from;
    this.#range = readBatches(source, records, aborted);
    const last = this.#range.batches.at(-1);
    this.to = last !== undefined && last.lastOffset >= from ? last.lastOffset + 1n : from;
  }

  /** Whether a reader at `position` finds something here. */
  holds(position: bigint): boolean {
    return position >= this.from && position < this.to;
  }

  /**
   * The chunk from `position` on.
   *
   * @param position within `[from, to]`.
   */
  chunkAt(position: bigint, maxRecords: number, maxBytes: number): RecordChunk {
    const { bytes, batches } = this.#range;
    const rows = new Rows(Math.min(maxRecords, countFrom(this.#range, position)), maxBytes);
    let to = this.to;
    for (const batch of batches) {
      if (batch.lastOffset < position) continue;
      const full = takeBatch(rows, bytes, batch, position);
      if (full === null) continue;
      to = full;
      break;
    }
    return { partition: this.partition, from: position, to, bytes, ...rows.done() };
  }
}

/** An upper bound of the records from a position on. */
function countFrom({ batches }: BatchRange, position: bigint): number {
  return batches.reduce((n, { lastOffset, count }) => lastOffset < position ? n : n + count, 0);
}

type Batch = BatchRange["batches"][number];

/** @returns null when all of the batch was taken, else the offset of the first record left out. */
function takeBatch(rows: Rows, bytes: Uint8Array, batch: Batch, position: bigint): bigint | null {
  const walk = new RecordWalk(bytes, batch.start);
  for (let i = 0; i < batch.count; i++) {
    walk.next();
    const delta = batch.baseOffset + BigInt(walk.offsetDelta) - position;
    if (delta < 0n) continue;
    if (delta > MOST_DELTA || !rows.take(Number(delta), walk, batch)) return position + delta;
  }
  return null;
}

/** Whether a record without a value is a tick as Twofold writes it. */
function isTick(walk: RecordWalk): boolean {
  return walk.keyStart === walk.keyEnd && walk.hasOnlyHeader(TICK_NAME, TICK_VALUE);
}

/** The columns of a chunk while they are filled. */
class Rows {
  readonly #offsetDelta: Uint32Array;
  readonly #appendMs: Float64Array;
  readonly #kind: Uint8Array;
  readonly #valueStart: Uint32Array;
  readonly #valueEnd: Uint32Array;
  readonly #maxBytes: number;
  #count = 0;
  #bytes = 0;

  constructor(capacity: number, maxBytes: number) {
    this.#offsetDelta = new Uint32Array(capacity);
    this.#appendMs = new Float64Array(capacity);
    this.#kind = new Uint8Array(capacity);
    this.#valueStart = new Uint32Array(capacity);
    this.#valueEnd = new Uint32Array(capacity);
    this.#maxBytes = maxBytes;
  }

  /** Takes the record that a walk is at. @returns false when there is no room. */
  take(delta: number, walk: RecordWalk, { baseMs, appendMs }: Batch): boolean {
    const i = this.#count;
    const sizeBytes = walk.valueEnd - walk.valueStart;
    const fits = i < this.#kind.length && (i === 0 || this.#bytes + sizeBytes <= this.#maxBytes);
    if (!fits) return false;
    this.#offsetDelta[i] = delta;
    this.#appendMs[i] = appendMs ?? baseMs + walk.timeDelta;
    this.#valueStart[i] = walk.valueStart;
    this.#valueEnd[i] = walk.valueEnd;
    if (sizeBytes === 0 && isTick(walk)) this.#kind[i] = RecordKind.tick;
    this.#bytes += sizeBytes;
    this.#count++;
    return true;
  }

  done() {
    const count = this.#count;
    return {
      count,
      offsetDelta: this.#offsetDelta.subarray(0, count),
      appendMs: this.#appendMs.subarray(0, count),
      kind: this.#kind.subarray(0, count),
      valueStart: this.#valueStart.subarray(0, count),
      valueEnd: this.#valueEnd.subarray(0, count),
    };
  }
}
