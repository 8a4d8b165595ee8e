/**
 * Reads LZ4 frames. The JavaScript packages for it misread frames with block checksums, and native
 * ones are not there for every platform.
 *
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */
import { Buffer } from "node:buffer";
import { withRoom } from "../../std/bytes.ts";

const MAGIC = 0x184d2204;
const VERSION_BITS = 0xc0, VERSION = 0x40;
const BLOCK_CHECKSUM_BIT = 0x10, SIZE_BIT = 0x08, DICTIONARY_BIT = 0x01;
const STORED_BIT = 0x8000_0000;
const MIN_MATCH = 4;
/** A length of 4 bits that is all ones goes on in further bytes. */
const MORE = 15;

/**
 * Decompresses a frame. Checksums are passed over.
 *
 * @param options.maxOutputLength what may come out. Default: any number of bytes.
 * @throws RangeError when the bytes are no frame, end too early, or more comes out.
 */
export function readLz4Frame(
  bytes: Uint8Array,
  { maxOutputLength = Infinity }: { readonly maxOutputLength?: number } = {},
): Uint8Array {
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = frame[4];
  const known = frame.readUInt32LE(0) === MAGIC && (flags & VERSION_BITS) === VERSION &&
    (flags & DICTIONARY_BIT) === 0;
  if (!known) throw new RangeError("Cannot decompress: no LZ4 frame of version 1");
  const blockBytes = 1 << (8 + 2 * (frame[5] >> 4 & 7));
  const checksumBytes = (flags & BLOCK_CHECKSUM_BIT) !== 0 ? 4 : 0;
  const output = new Output();
  let at = 7 + ((flags & SIZE_BIT) !== 0 ? 8 : 0);
  while (true) {
    const size = frame.readUInt32LE(at);
    at += 4;
    if (size === 0) return output.done();
    const end = at + (size & ~STORED_BIT);
    if (end > frame.length) throw tooShort();
    output.reserve(blockBytes);
    if (size >= STORED_BIT) output.copyFrom(frame, at, end);
    else readBlock(frame, at, end, output);
    if (output.sizeBytes > maxOutputLength) {
      throw new RangeError(`Cannot decompress: more than ${maxOutputLength} bytes come out`);
    }
    at = end + checksumBytes;
  }
}

/** Blocks may refer to what the ones before gave. */
function readBlock(block: Uint8Array, from: number, end: number, output: Output): void {
  let at = from;
  const length = (bits: number) => {
    let total = bits;
    for (let byte = 255; bits === MORE && byte === 255;) {
      if (at >= end) throw tooShort();
      total += byte = block[at++];
    }
    return total;
  };
  while (at < end) {
    const token = block[at++];
    const literals = length(token >> 4);
    if (at + literals > end) throw tooShort();
    output.copyFrom(block, at, at += literals);
    if (at >= end) return; // the last sequence has no match
    const distance = block[at] | block[at + 1] << 8;
    at += 2;
    output.repeat(distance, length(token & MORE) + MIN_MATCH);
  }
}

/** Bytes that grow by blocks. */
class Output {
  #bytes = new Uint8Array(0);
  #used = 0;

  get sizeBytes(): number {
    return this.#used;
  }

  /** Makes room for a block. */
  reserve(sizeBytes: number): void {
    this.#bytes = withRoom(this.#bytes, this.#used + sizeBytes);
  }

  copyFrom(source: Uint8Array, start: number, end: number): void {
    this.#bytes.set(source.subarray(start, end), this.#used);
    this.#used += end - start;
  }

  /** Appends what lies `distance` bytes back, byte by byte, since it may overlap its copy. */
  repeat(distance: number, length: number): void {
    const from = this.#used - distance;
    if (distance === 0 || from < 0 || this.#used + length > this.#bytes.length) throw tooShort();
    for (let i = 0; i < length; i++) this.#bytes[this.#used++] = this.#bytes[from + i];
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }
}

function tooShort(): RangeError {
  return new RangeError("Cannot decompress: the LZ4 frame is damaged or cut off");
}
