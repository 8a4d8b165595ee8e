/**
 * The 128-bit identity of an event: MurmurHash3 x86_128 by Austin Appleby (public domain,
 * https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp). It is not cryptographic:
 * a producer can forge two ids that collide, and harms its own events only.
 */

const C1 = 0x239b961b;
const C2 = 0xab0e9789 | 0;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93 | 0;

/** Mixes one block of four words into the four lanes at `at`. */
function mixBlock(
  lanes: Uint32Array,
  at: number,
  k1: number,
  k2: number,
  k3: number,
  k4: number,
): void {
  let h1 = lanes[at] | 0;
  let h2 = lanes[at + 1] | 0;
  let h3 = lanes[at + 2] | 0;
  let h4 = lanes[at + 3] | 0;
  k1 = Math.imul(k1, C1);
  h1 ^= Math.imul((k1 << 15) | (k1 >>> 17), C2);
  h1 = (((h1 << 19) | (h1 >>> 13)) + h2) | 0;
  h1 = (Math.imul(h1, 5) + 0x561ccd1b) | 0;
  k2 = Math.imul(k2, C2);
  h2 ^= Math.imul((k2 << 16) | (k2 >>> 16), C3);
  h2 = (((h2 << 17) | (h2 >>> 15)) + h3) | 0;
  h2 = (Math.imul(h2, 5) + 0x0bcaa747) | 0;
  k3 = Math.imul(k3, C3);
  h3 ^= Math.imul((k3 << 17) | (k3 >>> 15), C4);
  h3 = (((h3 << 15) | (h3 >>> 17)) + h4) | 0;
  h3 = (Math.imul(h3, 5) + 0x96cd1c35) | 0;
  k4 = Math.imul(k4, C4);
  h4 ^= Math.imul((k4 << 18) | (k4 >>> 14), C1);
  h4 = (((h4 << 13) | (h4 >>> 19)) + h1) | 0;
  h4 = (Math.imul(h4, 5) + 0x32ac3b17) | 0;
  lanes[at] = h1;
  lanes[at + 1] = h2;
  lanes[at + 2] = h3;
  lanes[at + 3] = h4;
}

/** Mixes the last, incomplete block: up to 15 bytes, padded with zeros. */
function mixTail(
  lanes: Uint32Array,
  at: number,
  k1: number,
  k2: number,
  k3: number,
  k4: number,
): void {
  k4 = Math.imul(k4, C4);
  lanes[at + 3] ^= Math.imul((k4 << 18) | (k4 >>> 14), C1);
  k3 = Math.imul(k3, C3);
  lanes[at + 2] ^= Math.imul((k3 << 17) | (k3 >>> 15), C4);
  k2 = Math.imul(k2, C2);
  lanes[at + 1] ^= Math.imul((k2 << 16) | (k2 >>> 16), C3);
  k1 = Math.imul(k1, C1);
  lanes[at] ^= Math.imul((k1 << 15) | (k1 >>> 17), C2);
}

function avalanche(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Finishes the four lanes for a message of `lengthBytes`. */
function finish(lanes: Uint32Array, at: number, lengthBytes: number): void {
  let h1 = lanes[at] ^ lengthBytes;
  let h2 = lanes[at + 1] ^ lengthBytes;
  let h3 = lanes[at + 2] ^ lengthBytes;
  let h4 = lanes[at + 3] ^ lengthBytes;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = avalanche((h2 + h1) | 0);
  h3 = avalanche((h3 + h1) | 0);
  h4 = avalanche((h4 + h1) | 0);
  h1 = avalanche(h1);
  h1 = (h1 + h2 + h3 + h4) | 0;
  lanes[at] = h1;
  lanes[at + 1] = h2 + h1;
  lanes[at + 2] = h3 + h1;
  lanes[at + 3] = h4 + h1;
}

/** The little-endian word at `p`, of which only the bytes before `end` count. */
function wordBefore(view: DataView, p: number, end: number): number {
  if (p + 4 <= end) return view.getInt32(p, true);
  let word = 0;
  for (let shift = 0; p < end; p++, shift += 8) word |= view.getUint8(p) << shift;
  return word;
}

/**
 * MurmurHash3 x86_128 of the bytes `[start, end)` of `view`, written to `lanes[at..at + 3]`.
 *
 * @example
 * ```ts
 * import { murmur128 } from "./identity.ts";
 * const lanes = new Uint32Array(4);
 * murmur128(new DataView(new TextEncoder().encode("hello").buffer), 0, 5, 0, lanes, 0);
 * if (lanes[0] !== 0x2362f9de) throw new Error(lanes[0].toString(16));
 * ```
 */
export function murmur128(
  view: DataView,
  start: number,
  end: number,
  seed: number,
  lanes: Uint32Array,
  at: number,
): void {
  lanes.fill(seed, at, at + 4);
  let p = start;
  for (; p + 16 <= end; p += 16) mixWords(view, p, end, lanes, at);
  mixTail(
    lanes,
    at,
    wordBefore(view, p, end),
    wordBefore(view, p + 4, end),
    wordBefore(view, p + 8, end),
    wordBefore(view, p + 12, end),
  );
  finish(lanes, at, end - start);
}

/** Mixes the 16 bytes at `p`, those from `end` on taken as zeros. */
function mixWords(view: DataView, p: number, end: number, lanes: Uint32Array, at: number): void {
  mixBlock(
    lanes,
    at,
    wordBefore(view, p, end),
    wordBefore(view, p + 4, end),
    wordBefore(view, p + 8, end),
    wordBefore(view, p + 12, end),
  );
}

/**
 * The identity of an event, written to `lanes[at..at + 3]`; lane `at` is never 0, so that 0 can mark
 * an empty slot of a table.
 *
 * It is {@link murmur128} (seed 0) of the id's bytes, padded with zeros to whole blocks of 16, and
 * one more block of four words: the low and the high half of the milliseconds, the nanoseconds, and
 * the length of the id (so that padding cannot be mistaken for text).
 *
 * @param view holds the id's UTF-8 at `[start, end)`.
 * @param eventMs the event time, whole milliseconds since 1970 UTC.
 * @param eventNs the nanoseconds within that millisecond.
 * @example
 * ```ts
 * import { hashIdentity } from "./identity.ts";
 * const id = new DataView(new TextEncoder().encode("e-1").buffer);
 * const lanes = new Uint32Array(8);
 * hashIdentity(id, 0, 3, 1_700_000_000_000, 0, lanes, 0);
 * hashIdentity(id, 0, 3, 1_700_000_000_000, 1, lanes, 4);
 * if (lanes[0] === lanes[4] || lanes[0] === 0) throw new Error("unexpected");
 * ```
 */
export function hashIdentity(
  view: DataView,
  start: number,
  end: number,
  eventMs: number,
  eventNs: number,
  lanes: Uint32Array,
  at: number,
): void {
  lanes[at] =
    lanes[at + 1] =
    lanes[at + 2] =
    lanes[at + 3] =
      0;
  let p = start;
  for (; p < end; p += 16) mixWords(view, p, end, lanes, at);
  mixBlock(lanes, at, eventMs | 0, (eventMs / 4294967296) | 0, eventNs, end - start);
  finish(lanes, at, p - start + 16);
  if (lanes[at] === 0) lanes[at] = 1;
}
