import { withRoom } from "../std/bytes.ts";

const encoder = new TextEncoder();

/** Scratch beyond this size is given back after a chunk. */
const KEEP_BYTES = 4 << 20;

/**
 * Texts that do not stand in a chunk's bytes as they are (they had escapes, or came through the
 * fallback), as UTF-8, behind each other. At the end of a chunk they are put behind its bytes.
 */
export class TextOverflow {
  /** How many bytes are in use. */
  length = 0;
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);

  /** The bytes in use are `[0, length)`; replaced when the scratch grows. */
  get view(): DataView {
    return this.#view;
  }

  /** Puts the UTF-8 of `text` (well-formed) behind the others; it starts at the `length` before. */
  add(text: string): void {
    const needed = this.length + text.length * 3;
    if (needed > this.#bytes.length) this.#replace(withRoom(this.#bytes, needed));
    this.length += encoder.encodeInto(text, this.#bytes.subarray(this.length)).written;
  }

  /**
   * @returns `chunkBytes` itself when there is no overflow; else a copy, in the same kind of memory,
   * with the overflow behind it. Empties the overflow.
   */
  joinTo(chunkBytes: Uint8Array): Uint8Array {
    if (this.length === 0) return chunkBytes;
    const size = chunkBytes.length + this.length;
    const shared = chunkBytes.buffer instanceof SharedArrayBuffer;
    const joined = new Uint8Array(shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size));
    joined.set(chunkBytes);
    joined.set(this.#bytes.subarray(0, this.length), chunkBytes.length);
    this.length = 0;
    if (this.#bytes.length > KEEP_BYTES) this.#replace(new Uint8Array(1024));
    return joined;
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
