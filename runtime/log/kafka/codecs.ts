/** How Kafka's producers compress batches. */
import { Buffer } from "node:buffer";
import { gunzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { CompressionCodecs } from "kafkajs";
import snappy from "snappyjs";
import { TwofoldError } from "../../errors.ts";
import { readLz4Frame } from "./lz4_frame.ts";

/** How appended records may be compressed; what others append may be snappy and lz4 too. */
export type CodecName = "none" | "gzip" | "zstd";

interface Codec {
  readonly name: string;
  decompress(bytes: Uint8Array): Uint8Array;
}

/** By their numbers in a batch's attributes. */
const CODECS: readonly Codec[] = [
  { name: "none", decompress: (bytes) => bytes },
  { name: "gzip", decompress: (bytes) => gunzipSync(bytes) },
  { name: "snappy", decompress: readSnappy },
  { name: "lz4", decompress: readLz4Frame },
  { name: "zstd", decompress: (bytes) => zstdDecompressSync(bytes) },
];

/** The number of a codec, as kafkajs takes it. */
export function codecNumber(name: CodecName): number {
  return CODECS.findIndex((codec) => codec.name === name);
}

/**
 * Decompresses the records of a batch.
 *
 * @param codec its number in the batch's attributes.
 * @throws TwofoldError where there is no such codec or the bytes are not of it.
 */
export function decompress(codec: number, bytes: Uint8Array): Uint8Array {
  try {
    return CODECS[codec].decompress(bytes);
  } catch (cause) {
    const name = CODECS[codec]?.name ?? `codec ${codec}`;
    throw new TwofoldError(`Cannot decompress records: they are no ${name}`, {
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

function readSnappy(bytes: Uint8Array): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!buffer.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    return snappy.uncompress(bytes);
  }
  const pieces: Uint8Array[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < buffer.length;) {
    const end = at + 4 + buffer.readInt32BE(at);
    pieces.push(snappy.uncompress(buffer.subarray(at + 4, end)));
    at = end;
  }
  return Buffer.concat(pieces);
}
