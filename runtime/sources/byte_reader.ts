import { concat } from "../std/bytes.ts";

/** Reads a stream in portions of chosen sizes. */
export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Bytes handed out so far. */
  position = 0;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#pieces = stream[Symbol.asyncIterator]();
  }

  /** The next `count` bytes, fewer where the stream ends before; the reader's until the next call. */
  async take(count: number): Promise<Uint8Array> {
    if (this.#piece.length - this.#at < count) await this.#collect(count);
    const taken = this.#piece.subarray(this.#at, this.#at + count);
    this.#at += taken.length;
    this.position += taken.length;
    return taken;
  }

  /** Tells the stream that nothing more is read. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #collect(count: number): Promise<void> {
    const parts: Uint8Array[] = [this.#piece.subarray(this.#at)];
    let length = parts[0].length;
    while (length < count) {
      const { done, value } = await this.#pieces.next();
      if (done) break;
      parts.push(value);
      length += value.length;
    }
    this.#at = 0;
    this.#piece = concat(parts.filter((part) => part.length > 0));
  }
}
