/**
 * Decompresses zstd (RFC 8878) block by block. The package decompresses; what it leaves out is done
 * here: no block is held with the next, a window is bounded before it is allocated, and a frame's
 * checksum is compared. (The runtime's own decompressor reads one frame only, takes a file that is
 * cut off for whole, and ends the process on data that are broken.)
 */
import { Decompress } from "fzstd";
import xxhash from "xxhash-wasm";
import { ByteReader } from "./byte_reader.ts";

const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const DICTIONARY_BYTES = [0, 1, 2, 4];
const CONTENT_BYTES = [0, 2, 4, 8];
const BLOCK = { raw: 0, repeated: 1, compressed: 2 } as const;
const MAX_BLOCK_BYTES = 2 ** 17;

/**
 * The contents of all frames.
 *
 * @param maxWindowBytes the most memory that a frame may ask for.
 * @throws {RangeError} saying in words what is wrong with the data.
 */
export async function* zstd(
  stream: AsyncIterable<Uint8Array>,
  maxWindowBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const input = new ByteReader(stream);
  try {
    while (true) {
      const start = await input.take(4);
      if (start.length === 0 && input.position > 0) return;
      if (start.length < 4) throw new RangeError("the data end early");
      const magic = unsigned(start);
      if (magic === FRAME) yield* frame(start.slice(), input, maxWindowBytes);
      else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) await skip(input);
      else throw new RangeError("no frame begins there");
    }
  } finally {
    await input.close();
  }
}

async function skip(input: ByteReader): Promise<void> {
  for (let left = unsigned(await exactly(input, 4)); left > 0; left -= MAX_BLOCK_BYTES) {
    await exactly(input, Math.min(left, MAX_BLOCK_BYTES));
  }
}

async function* frame(
  magic: Uint8Array,
  input: ByteReader,
  maxWindowBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { head, windowBytes, hasChecksum } = await frameHead(input);
  if (windowBytes > maxWindowBytes) {
    throw new RangeError(
      `its window must be at most ${maxWindowBytes} bytes, got ${windowBytes}`,
    );
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const decompressor = new Decompress((part) => parts.push(part as Uint8Array<ArrayBuffer>));
  const hash = (await xxhash()).create64();
  const push = function* (bytes: Uint8Array, last = false) {
    decompressor.push(bytes, last);
    for (const part of parts.splice(0)) {
      if (part.length === 0) continue;
      if (hasChecksum) hash.update(part);
      yield part;
    }
  };
  yield* push(magic);
  yield* push(head);
  for (let last = false; !last;) {
    const blockHead = (await exactly(input, 3)).slice();
    const word = unsigned(blockHead);
    last = (word & 1) === 1;
    const type = (word >> 1) & 3;
    const size = word >> 3;
    if (type > BLOCK.compressed || size > MAX_BLOCK_BYTES) {
      throw new RangeError("a block is broken");
    }
    yield* push(blockHead);
    const block = (await exactly(input, type === BLOCK.repeated ? 1 : size)).slice();
    yield* push(block, last && !hasChecksum);
  }
  if (!hasChecksum) return;
  const checksum = (await exactly(input, 4)).slice();
  yield* push(checksum, true);
  if (Number(hash.digest() & 0xffffffffn) !== unsigned(checksum)) {
    throw new RangeError("the checksum is not that of the data");
  }
}

async function frameHead(input: ByteReader) {
  const [descriptor] = await exactly(input, 1);
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionaryBytes = DICTIONARY_BYTES[descriptor & 3];
  const contentBytes = CONTENT_BYTES[descriptor >> 6] || (isSingle ? 1 : 0);
  const rest = await exactly(input, (isSingle ? 0 : 1) + dictionaryBytes + contentBytes);
  if (rest.subarray(isSingle ? 0 : 1).subarray(0, dictionaryBytes).some((byte) => byte !== 0)) {
    throw new RangeError("it was compressed with a dictionary");
  }
  const content = unsigned(rest.subarray(rest.length - contentBytes));
  // A content of two bytes is stored less 256, which makes no window too large.
  const windowBytes = isSingle ? content : 2 ** (10 + (rest[0] >> 3)) * (1 + (rest[0] & 7) / 8);
  const head = new Uint8Array([descriptor, ...rest]);
  return { head, windowBytes, hasChecksum: (descriptor & 4) !== 0 };
}

async function exactly(input: ByteReader, count: number): Promise<Uint8Array> {
  const taken = await input.take(count);
  if (taken.length < count) throw new RangeError("the data end early");
  return taken;
}

/** A little-endian whole number. */
function unsigned(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
