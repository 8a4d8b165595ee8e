import { withRoom } from "./bytes.ts";

/** Writes rows in ClickHouse's RowBinary format into one growing buffer. */
export class RowBinaryWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;
  static readonly #encoder = new TextEncoder();

  /** @param capacityBytes room to start with. Default 64 KiB. */
  constructor(capacityBytes = 65_536) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written. */
  get lengthBytes(): number {
    return this.#length;
  }

  /** The buffer, whose first {@link lengthBytes} were written; the next write may replace it. */
  get buffer(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** What was written, as a view of the buffer. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  u64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, value, true);
    this.#length += 8;
  }

  /** A UInt64 as its low and its high 32 bits. */
  u64Halves(low: number, high: number): void {
    this.#reserve(8);
    this.#view.setUint32(this.#length, low, true);
    this.#view.setUint32(this.#length + 4, high, true);
    this.#length += 8;
  }

  /** A whole number within ±2⁵³ as Int64 or UInt64. */
  i64(value: number): void {
    this.#reserve(8);
    const high = Math.floor(value / 4_294_967_296);
    this.#view.setUint32(this.#length, value - high * 4_294_967_296, true);
    this.#view.setInt32(this.#length + 4, high, true);
    this.#length += 8;
  }

  varint(value: number): void {
    while (value >= 128) {
      this.u8((value & 127) | 128);
      value >>>= 7;
    }
    this.u8(value);
  }

  text(value: string): void {
    this.binary(RowBinaryWriter.#encoder.encode(value));
  }

  binary(value: Uint8Array): void {
    this.varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    this.#bytes = withRoom(this.#bytes, this.#length + bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }
}
