import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { TooLargeError, UserError } from "../std/errors.ts";
import type { BodyEncoding } from "../ports/services.ts";
import { countLines } from "./file_chunks.ts";
import { zstd } from "./zstd.ts";

/** Options of {@link decompress}. */
export interface DecompressOptions {
  /** What a person calls the data, such as the file's name in quotes. Default `the body`. */
  readonly name?: string;
  /** The most bytes that may come out. Default: any number. */
  readonly maxBytes?: number;
  /**
   * How many times as large as the data what comes out may be, beyond its first
   * {@link UNMEASURED_BYTES}. Default: any number.
   */
  readonly maxRatio?: number;
  /** zstd: the most memory that the data may ask for. Default 8 MiB, as RFC 9659 has it for HTTP. */
  readonly maxWindowBytes?: number;
}

const PIECE_BYTES = 2 ** 17;

/** So much may come out of data however small they are. */
export const UNMEASURED_BYTES = 2 ** 20;

/** How many bytes {@link encodingOf} needs. */
export const SIGNATURE_BYTES = 4;

/** The first byte of a skippable frame has any low digit. */
const SKIPPABLE_DIGIT = 0x0f;

/**
 * The compression of data, by their first {@link SIGNATURE_BYTES} bytes; null when they are not
 * compressed. zstd may begin with a skippable frame, as `pzstd` writes it.
 */
export function encodingOf(head: Uint8Array): BodyEncoding | null {
  const starts = (...start: number[]) => start.every((byte, i) => head[i] === byte);
  if (starts(0x1f, 0x8b)) return "gzip";
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  const skippable = (head[0] & ~SKIPPABLE_DIGIT) === 0x50 && starts(head[0], 0x2a, 0x4d, 0x18);
  return skippable ? "zstd" : null;
}

/**
 * Decompresses a stream piece by piece, no faster than it is read, in bounded memory. Data of several
 * members or frames are read to their end.
 *
 * @throws {UserError} when the data are broken or end early, telling how far they could be read.
 * @throws {TooLargeError} beyond `maxBytes` or `maxRatio`.
 */
export async function* decompress(
  stream: AsyncIterable<Uint8Array>,
  encoding: BodyEncoding | null,
  options: DecompressOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { name = "the body", maxBytes = Infinity, maxRatio = Infinity } = options;
  let read = 0;
  let made = 0;
  let line = 1;
  const counted = (async function* () {
    for await (const piece of stream) {
      read += piece.length;
      yield piece as Uint8Array<ArrayBuffer>;
    }
  })();
  try {
    for await (const piece of decompressed(counted, encoding, options.maxWindowBytes)) {
      made += piece.length;
      if (made > maxBytes) {
        throw new TooLargeError(`Cannot take ${name}: it must be at most ${maxBytes} bytes`);
      }
      if (encoding !== null && made > UNMEASURED_BYTES && made > read * maxRatio) {
        throw new TooLargeError(
          `Cannot take ${name}: beyond its first MiB it may decompress to at most ${maxRatio} times ` +
            `its size, got ${made} bytes from ${read}; send it less compressed, or uncompressed`,
        );
      }
      if (encoding !== null) line += countLines(piece);
      yield piece;
    }
  } catch (error) {
    if (encoding === null || !(error instanceof BrokenData)) throw error;
    throw new UserError(
      `Cannot decompress ${name}: ${error.message}, in the ${encoding} data about byte ${read}; ` +
        `what came out of them ends in line ${line}`,
      { field: "content-encoding", cause: error.cause },
    );
  }
}

/** The data are not what their encoding says. */
class BrokenData extends Error {}

function decompressed(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
  encoding: BodyEncoding | null,
  maxWindowBytes = 2 ** 23,
): AsyncIterable<Uint8Array<ArrayBuffer>> {
  if (encoding === null) return stream;
  return encoding === "gzip" ? gunzip(stream) : unzstd(stream, maxWindowBytes);
}

async function* gunzip(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const output = createGunzip({ chunkSize: PIECE_BYTES });
  pipeline(Readable.from(stream), output, () => {}); // the reader of the output gets the error
  try {
    for await (const piece of output) yield piece;
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && String(cause.code).startsWith("Z_"))) {
      throw cause;
    }
    const early = cause.code === "Z_BUF_ERROR";
    throw new BrokenData(early ? "the data end early" : cause.message, { cause });
  }
}

async function* unzstd(
  stream: AsyncIterable<Uint8Array>,
  maxWindowBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const faulty = new WeakSet<object>();
  // A fault of the stream itself, such as a connection that broke, stays what it is.
  const marked = (async function* () {
    try {
      yield* stream;
    } catch (error) {
      if (error instanceof Object) faulty.add(error);
      throw error;
    }
  })();
  try {
    yield* zstd(marked, maxWindowBytes);
  } catch (cause) {
    if (!(cause instanceof Error) || faulty.has(cause)) throw cause;
    throw new BrokenData(cause.message, { cause });
  }
}
