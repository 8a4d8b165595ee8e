import type { RecordsToAppend } from "../ports/ports.ts";
import { resized, withRoom } from "../std/bytes.ts";

/** Options of {@link AppendBuffer}. */
export interface AppendBufferOptions {
  /** Records to make room for at first. Default 1024. */
  readonly records?: number;
  /** Bytes of keys and values to make room for at first. Default 64 KiB. */
  readonly bytes?: number;
}

const encoder = new TextEncoder();
/** The most bytes that UTF-8 takes for one UTF-16 unit. */
const UTF8_BYTES_PER_UNIT = 3;

/**
 * Collects records to append, without an object per record. It may be given to `append()` itself and
 * reset once that has settled, or handed over with {@link AppendBuffer.take}.
 *
 * @example
 * ```ts
 * import { AppendBuffer } from "./append_buffer.ts";
 * const buffer = new AppendBuffer();
 * buffer.add("user-7", new TextEncoder().encode('{"user_id":7}'));
 * if (buffer.take().count !== 1 || buffer.count !== 0) throw new Error("unexpected");
 * ```
 */
export class AppendBuffer implements RecordsToAppend {
  bytes: Uint8Array;
  keyStart: Uint32Array;
  keyEnd: Uint32Array;
  valueStart: Uint32Array;
  valueEnd: Uint32Array;
  #count = 0;
  #used = 0;

  constructor(options: AppendBufferOptions = {}) {
    const records = options.records ?? 1024;
    this.bytes = new Uint8Array(options.bytes ?? 64 * 1024);
    this.keyStart = new Uint32Array(records);
    this.keyEnd = new Uint32Array(records);
    this.valueStart = new Uint32Array(records);
    this.valueEnd = new Uint32Array(records);
  }

  /** Records added since the last reset. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of keys and values added since the last reset. */
  get sizeBytes(): number {
    return this.#used;
  }

  /**
   * Adds a record by copying its bytes.
   *
   * @param key decides the partition; text is taken as UTF-8.
   * @param value holds the value in `[start, end)`; the whole of it by default.
   * @throws RangeError when the range lies outside `value`.
   */
  add(key: Uint8Array | string, value: Uint8Array, start = 0, end: number = value.length): void {
    if (!(start >= 0 && start <= end && end <= value.length)) {
      throw new RangeError(
        `Cannot add a record: its range must lie within ${value.length} bytes, got [${start}, ${end})`,
      );
    }
    const keyRoom = typeof key === "string" ? key.length * UTF8_BYTES_PER_UNIT : key.length;
    this.#reserve(keyRoom + end - start);
    const i = this.#count++;
    this.keyStart[i] = this.#used;
    this.#used = typeof key === "string" ? this.#addText(key) : this.#addBytes(key);
    this.keyEnd[i] = this.valueStart[i] = this.#used;
    this.bytes.set(
      start === 0 && end === value.length ? value : value.subarray(start, end),
      this.#used,
    );
    this.#used += end - start;
    this.valueEnd[i] = this.#used;
  }

  /** Hands over what was added and starts empty, with new memory. */
  take(): RecordsToAppend {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = this;
    const count = this.#count;
    const records = keyStart.length;
    this.bytes = new Uint8Array(bytes.length);
    this.keyStart = new Uint32Array(records);
    this.keyEnd = new Uint32Array(records);
    this.valueStart = new Uint32Array(records);
    this.valueEnd = new Uint32Array(records);
    this.reset();
    return { count, bytes, keyStart, keyEnd, valueStart, valueEnd };
  }

  /** Forgets what was added and keeps the memory; not while an append of it is under way. */
  reset(): void {
    this.#count = 0;
    this.#used = 0;
  }

  #addBytes(key: Uint8Array): number {
    this.bytes.set(key, this.#used);
    return this.#used + key.length;
  }

  #addText(key: string): number {
    const { bytes } = this;
    let at = this.#used;
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      if (unit > 0x7f) {
        return this.#used + encoder.encodeInto(key, bytes.subarray(this.#used)).written;
      }
      bytes[at++] = unit;
    }
    return at;
  }

  #reserve(sizeBytes: number): void {
    if (this.#count === this.keyStart.length) {
      const records = Math.max(this.#count * 2, 16);
      this.keyStart = resized(this.keyStart, records);
      this.keyEnd = resized(this.keyEnd, records);
      this.valueStart = resized(this.valueStart, records);
      this.valueEnd = resized(this.valueEnd, records);
    }
    this.bytes = withRoom(this.bytes, this.#used + sizeBytes);
  }
}
