/** Two independent hashes of 32 bits, as ClickHouse computes them. */

const rotated = (x: number, bits: number) => (x << bits) | (x >>> (32 - bits));

const word = (bytes: Uint8Array, at: number) =>
  bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);

const [P1, P2, P3, P4, P5] = [2654435761, 2246822519, 3266489917, 668265263, 374761393];

/**
 * `xxHash32` with seed 0, after the specification of xxHash (github.com/Cyan4973/xxHash).
 *
 * @example
 * ```ts
 * import { xxHash32 } from "./hashes.ts";
 * if (xxHash32(new Uint8Array(0)) !== 0x02cc5d05) throw new Error("unexpected");
 * ```
 */
export function xxHash32(bytes: Uint8Array): number {
  const { length } = bytes;
  let at = 0;
  let hash = P5;
  if (length >= 16) {
    let [a, b, c, d] = [P1 + P2, P2, 0, -P1];
    const round = (lane: number, at: number) =>
      Math.imul(rotated((lane + Math.imul(word(bytes, at), P2)) | 0, 13), P1);
    for (; at <= length - 16; at += 16) {
      a = round(a, at);
      b = round(b, at + 4);
      c = round(c, at + 8);
      d = round(d, at + 12);
    }
    hash = rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18);
  }
  hash = (hash + length) | 0;
  for (; at <= length - 4; at += 4) {
    hash = Math.imul(rotated((hash + Math.imul(word(bytes, at), P3)) | 0, 17), P4);
  }
  for (; at < length; at++) {
    hash = Math.imul(rotated((hash + Math.imul(bytes[at], P5)) | 0, 11), P1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), P2);
  hash = Math.imul(hash ^ (hash >>> 13), P3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const mixed = (k: number) => Math.imul(rotated(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);

/**
 * `murmurHash3_32` with seed 0, after Austin Appleby's MurmurHash3_x86_32 (github.com/aappleby/smhasher).
 *
 * @param from the first byte. Default: that of the array.
 * @param to behind the last byte. Default: the array's end.
 * @example
 * ```ts
 * import { murmurHash3 } from "./hashes.ts";
 * if (murmurHash3(new TextEncoder().encode("hello")) !== 0x248bfa47) throw new Error("unexpected");
 * ```
 */
export function murmurHash3(bytes: Uint8Array, from = 0, to = bytes.length): number {
  const whole = from + ((to - from) & ~3);
  let hash = 0;
  for (let at = from; at < whole; at += 4) {
    hash = (Math.imul(rotated(hash ^ mixed(word(bytes, at)), 13), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let at = to - 1; at >= whole; at--) rest = (rest << 8) | bytes[at];
  if (to > whole) hash ^= mixed(rest);
  hash ^= to - from;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
