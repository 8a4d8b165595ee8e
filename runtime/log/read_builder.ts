import type { RecordChunk } from "../ports/ports.ts";
import { type PackedValues } from "./chunk_codec.ts";

/** A stored chunk, or what of it is read. */
export interface StoredChunk {
  readonly firstOffset: number;
  readonly appendMs: number;
  /** One of `RecordKind`. */
  readonly kind: number;
  readonly values: PackedValues;
}

/** A reader that gets this many records out of one stored chunk is not given more: no copying. */
const ENOUGH_RECORDS = 2048;

/** Puts together what one read returns, from stored chunks that follow each other without a gap. */
export class ReadBuilder {
  readonly #partition: number;
  readonly #from: number;
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  readonly #parts: StoredChunk[] = [];
  #records = 0;
  #bytes = 0;

  constructor(partition: number, from: number, maxRecords: number, maxBytes: number) {
    this.#partition = partition;
    this.#from = from;
    this.#maxRecords = maxRecords;
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes of a stored chunk what lies at or after the position and has room.
   *
   * @returns whether the next stored chunk is wanted.
   */
  take(stored: StoredChunk): boolean {
    const { count, bounds } = stored.values;
    const skip = this.#from + this.#records - stored.firstOffset;
    const room = Math.min(count - skip, this.#maxRecords - this.#records);
    const taken = this.#fitting(bounds, skip, room);
    if (taken > 0) {
      this.#parts.push({ ...stored, values: slice(stored.values, skip, skip + taken) });
      this.#records += taken;
      this.#bytes += bounds[skip + taken] - bounds[skip];
    }
    const whole = skip + taken === count;
    return whole && this.#records < Math.min(this.#maxRecords, ENOUGH_RECORDS);
  }

  /** @returns the chunk, empty when nothing was taken. */
  build(): RecordChunk {
    const { bytes, bounds } = this.#parts.length === 1 ? this.#parts[0].values : this.#join();
    const count = this.#records;
    const offsetDelta = new Uint32Array(count);
    for (let i = 0; i < count; i++) offsetDelta[i] = i;
    const appendMs = new Float64Array(count);
    const kind = new Uint8Array(count);
    let at = 0;
    for (const part of this.#parts) {
      const end = at + part.values.count;
      appendMs.fill(part.appendMs, at, end);
      if (part.kind !== 0) kind.fill(part.kind, at, end);
      at = end;
    }
    return {
      partition: this.#partition,
      from: BigInt(this.#from),
      to: BigInt(this.#from + count),
      count,
      offsetDelta,
      appendMs,
      kind,
      bytes,
      valueStart: bounds.subarray(0, count),
      valueEnd: bounds.subarray(1, count + 1),
    };
  }

  /** How many of `room` values from `skip` on fit; at least one when nothing was taken yet. */
  #fitting(bounds: Uint32Array, skip: number, room: number): number {
    const limit = bounds[skip] + this.#maxBytes - this.#bytes;
    if (bounds[skip + room] <= limit) return room;
    let fits = 0, tooMany = room;
    while (tooMany - fits > 1) {
      const middle = (fits + tooMany) >>> 1;
      if (bounds[skip + middle] <= limit) fits = middle;
      else tooMany = middle;
    }
    return fits === 0 && this.#records === 0 ? 1 : fits;
  }

  #join(): PackedValues {
    const bytes = new Uint8Array(this.#bytes);
    const bounds = new Uint32Array(this.#records + 1);
    let record = 0, at = 0;
    for (const { values } of this.#parts) {
      const first = values.bounds[0];
      for (let i = 0; i < values.count; i++) bounds[record + i] = values.bounds[i] - first + at;
      const last = values.bounds[values.count];
      bytes.set(values.bytes.subarray(first, last), at);
      record += values.count;
      at += last - first;
    }
    bounds[record] = at;
    return { count: record, bytes, bounds };
  }
}

function slice(values: PackedValues, from: number, to: number): PackedValues {
  if (from === 0 && to === values.count) return values;
  return { count: to - from, bytes: values.bytes, bounds: values.bounds.subarray(from, to + 1) };
}
