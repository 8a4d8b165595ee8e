/**
 * The parts of Kafka's protocol that kafkajs does not speak: Metadata 12, which tells a topic's id,
 * and Fetch 13, which asks by that id, so that a topic made again is never taken for the old one.
 * Both are "flexible": lengths are unsigned varints of the length + 1, structures end with tags.
 *
 * @see https://kafka.apache.org/protocol.html
 */
import { Buffer } from "node:buffer";

/** Writes a request's body. */
export class WireWriter {
  #bytes = Buffer.alloc(256);
  #at = 0;

  /** What was written. */
  done(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  int8(value: number): this {
    this.#at = this.#room(1).writeInt8(value, this.#at);
    return this;
  }

  int32(value: number): this {
    this.#at = this.#room(4).writeInt32BE(value, this.#at);
    return this;
  }

  int64(value: bigint): this {
    this.#at = this.#room(8).writeBigInt64BE(value, this.#at);
    return this;
  }

  /** 16 bytes, from 32 hex digits. */
  uuid(hex: string): this {
    this.#at += this.#room(16).write(hex, this.#at, "hex");
    return this;
  }

  varint(value: number): this {
    this.#room(5);
    for (; value > 0x7f; value >>>= 7) this.#bytes[this.#at++] = value & 0x7f | 0x80;
    this.#bytes[this.#at++] = value;
    return this;
  }

  text(value: string): this {
    const bytes = Buffer.from(value);
    this.varint(bytes.length + 1).#room(bytes.length);
    this.#at += bytes.copy(this.#bytes, this.#at);
    return this;
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.varint(items.length + 1);
    for (const item of items) write(item);
    return this;
  }

  /** No tags: the end of a structure. */
  end(): this {
    return this.varint(0);
  }

  #room(sizeBytes: number): Buffer {
    const needed = this.#at + sizeBytes;
    if (needed > this.#bytes.length) {
      const bytes = Buffer.alloc(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(bytes);
      this.#bytes = bytes;
    }
    return this.#bytes;
  }
}

/** Reads a response's body. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  bool(): boolean {
    return this.#bytes.readInt8(this.#move(1)) !== 0;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#move(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#move(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#move(8));
  }

  uuid(): string {
    const at = this.#move(16);
    return this.#bytes.toString("hex", at, at + 16);
  }

  varint(): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = this.#bytes[this.#move(1)];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  /** A length-prefixed text; null where there is none. */
  text(): string | null {
    return this.bytes()?.toString() ?? null;
  }

  /** A view of length-prefixed bytes; null where there are none. */
  bytes(): Buffer | null {
    const length = this.varint() - 1;
    if (length < 0) return null;
    const at = this.#move(length);
    return this.#bytes.subarray(at, at + length);
  }

  array<T>(read: () => T): T[] {
    const length = Math.max(0, this.varint() - 1);
    return Array.from({ length }, read);
  }

  /** Passes the tags at the end of a structure over. */
  end(): void {
    for (let tags = this.varint(); tags > 0; tags--) {
      this.varint();
      this.#move(this.varint());
    }
  }

  #move(sizeBytes: number): number {
    const at = this.#at;
    this.#at += sizeBytes;
    return at;
  }
}
