/** How Kafka's producers compress batches. */
import { Buffer } from "node:buffer";
import { gunzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { CompressionCodecs } from "kafkajs";
import snappy from "snappyjs";
import { TwofoldError } from "../../std/errors.ts";
import { readLz4Frame } from "./lz4_frame.ts";

/** How appended records may be compressed; what others append may be snappy and lz4 too. */
export type CodecName = "none" | "gzip" | "zstd";

interface Codec {
  readonly name: string;
  /** @throws when more than `maxOutputLength` bytes would come out, or the bytes are not of it. */
  decompress(bytes: Uint8Array, options: { readonly maxOutputLength: number }): Uint8Array;
}

/**
 * What a batch may decompress to. Brokers bound a batch as it is stored; a megabyte of repetition
 * would come to gigabytes.
 */
const MAX_BATCH_BYTES = 256 * 2 ** 20;

/** By their numbers in a batch's attributes. */
const CODECS: readonly Codec[] = [
  { name: "none", decompress: (bytes) => bytes },
  { name: "gzip", decompress: (bytes, options) => gunzipSync(bytes, options) },
  { name: "snappy", decompress: readSnappy },
  { name: "lz4", decompress: readLz4Frame },
  { name: "zstd", decompress: (bytes, options) => zstdDecompressSync(bytes, options) },
];

/** The number of a codec, as kafkajs takes it. */
export function codecNumber(name: CodecName): number {
  return CODECS.findIndex((codec) => codec.name === name);
}

/**
 * Decompresses the records of a batch.
 *
 * @param codec its number in the batch's attributes.
 * @param maxBytes what may come out of them. Default 256 MiB.
 * @throws TwofoldError where there is no such codec, the bytes are not of it, or more comes out.
 */
export function decompress(
  codec: number,
  bytes: Uint8Array,
  maxBytes = MAX_BATCH_BYTES,
): Uint8Array {
  try {
    return CODECS[codec].decompress(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    const name = CODECS[codec]?.name ?? `codec ${codec}`;
    const why = `they must be ${name} of at most ${maxBytes} bytes when decompressed`;
    throw new TwofoldError(`Cannot decompress a batch of ${bytes.length} bytes: ${why}`, {
      fault: "external",
      cause,
    });
  }
}

/** Teaches kafkajs's producer zstd; gzip it brings. */
export function registerCodecs(): void {
  const number = codecNumber("zstd");
  CompressionCodecs[number as keyof typeof CompressionCodecs] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(zstdCompressSync(buffer)),
    decompress: (bytes: Buffer) => Promise.resolve(zstdDecompressSync(bytes)),
  });
}

/** How Java's clients begin; then come pieces, each behind its length in 32 bits. */
const XERIAL_MAGIC = Buffer.from("\x82SNAPPY\x00", "latin1");
const XERIAL_HEADER_BYTES = 16;

function readSnappy(
  bytes: Uint8Array,
  { maxOutputLength }: { readonly maxOutputLength: number },
): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!buffer.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    return snappy.uncompress(bytes, maxOutputLength);
  }
  const pieces: Uint8Array[] = [];
  let room = maxOutputLength;
  for (let at = XERIAL_HEADER_BYTES; at < buffer.length;) {
    const end = at + 4 + buffer.readInt32BE(at);
    const piece = snappy.uncompress(buffer.subarray(at + 4, end), room);
    pieces.push(piece);
    room -= piece.length;
    at = end;
  }
  return Buffer.concat(pieces);
}
