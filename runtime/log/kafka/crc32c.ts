/** CRC-32C, the checksum of Kafka's record batches. Node.js's `zlib.crc32` is another polynomial. */

/** Castagnoli's polynomial, its bits reversed. */
const POLYNOMIAL = 0x82f63b78;
/** Bytes taken at once, with a table for each. */
const SLICES = 8;

const TABLES = makeTables();

/**
 * The checksum of bytes `[from, to)`.
 *
 * Eight bytes at a time by eight tables ("slicing"): three times as fast as one by one.
 *
 * @returns an unsigned 32-bit number.
 * @see https://datatracker.ietf.org/doc/html/rfc3720#appendix-B.4
 * @example
 * ```ts
 * import { crc32c } from "./crc32c.ts";
 * const bytes = new TextEncoder().encode("123456789");
 * if (crc32c(bytes, 0, 9) !== 0xe3069283) throw new Error("unexpected");
 * ```
 */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  const tables = TABLES;
  let crc = -1, at = from;
  for (; at + SLICES <= to; at += SLICES) {
    crc = tables[1792 | (crc ^ bytes[at]) & 0xff] ^
      tables[1536 | (crc >>> 8 ^ bytes[at + 1]) & 0xff] ^
      tables[1280 | (crc >>> 16 ^ bytes[at + 2]) & 0xff] ^
      tables[1024 | crc >>> 24 ^ bytes[at + 3]] ^
      tables[768 | bytes[at + 4]] ^
      tables[512 | bytes[at + 5]] ^
      tables[256 | bytes[at + 6]] ^
      tables[bytes[at + 7]];
  }
  for (; at < to; at++) crc = tables[(crc ^ bytes[at]) & 0xff] ^ crc >>> 8;
  return ~crc >>> 0;
}

/** Table `n` holds what a byte adds that `n` other bytes follow. */
function makeTables(): Int32Array {
  const tables = new Int32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256];
    tables[i] = before >>> 8 ^ tables[before & 0xff];
  }
  return tables;
}
