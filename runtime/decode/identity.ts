/**
 * The 128-bit identity of an event: MurmurHash3 x86_128 by Austin Appleby (public domain,
 * https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp). It is not cryptographic:
 * a producer can forge two ids that collide, and harms its own events only.
 */

const C1 = 0x239b961b;
const C2 = 0xab0e9789 | 0;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93 | 0;

function mixed(k: number, first: number, turn: number, second: number): number {
  k = Math.imul(k, first);
  return Math.imul((k << turn) | (k >>> (32 - turn)), second);
}

function avalanche(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The little-endian word at `p`, of which only the bytes before `end` count. */
function wordBefore(view: DataView, p: number, end: number): number {
  if (p + 4 <= end) return view.getInt32(p, true);
  let word = 0;
  for (let shift = 0; p < end; p++, shift += 8) word |= view.getUint8(p) << shift;
  return word;
}

/** What {@link hash128} hashes last; words passed as arguments would be boxed. */
const lastWords = new Int32Array(4);

/**
 * Hashes the bytes `[start, end)`, padded with zeros to whole blocks of 16, and behind them the four
 * {@link lastWords}: as one more block where `isBlock` is set, else as the tail of a message, where
 * words of 0 change nothing. One function, its state in local variables: this is a hot path.
 */
function hash128(
  view: DataView,
  start: number,
  end: number,
  seed: number,
  isBlock: boolean,
  lengthBytes: number,
  lanes: Uint32Array,
  at: number,
): void {
  let h1 = seed, h2 = seed, h3 = seed, h4 = seed;
  const stop = isBlock ? end + 16 : end;
  for (let p = start; p < stop; p += 16) {
    let k1: number, k2: number, k3: number, k4: number;
    if (p + 16 <= end) {
      k1 = view.getInt32(p, true);
      k2 = view.getInt32(p + 4, true);
      k3 = view.getInt32(p + 8, true);
      k4 = view.getInt32(p + 12, true);
    } else if (p < end) {
      k1 = wordBefore(view, p, end);
      k2 = wordBefore(view, p + 4, end);
      k3 = wordBefore(view, p + 8, end);
      k4 = wordBefore(view, p + 12, end);
    } else {
      k1 = lastWords[0];
      k2 = lastWords[1];
      k3 = lastWords[2];
      k4 = lastWords[3];
      p = stop;
    }
    k1 = Math.imul(k1, C1);
    h1 ^= Math.imul((k1 << 15) | (k1 >>> 17), C2);
    h1 = (Math.imul((((h1 << 19) | (h1 >>> 13)) + h2) | 0, 5) + 0x561ccd1b) | 0;
    k2 = Math.imul(k2, C2);
    h2 ^= Math.imul((k2 << 16) | (k2 >>> 16), C3);
    h2 = (Math.imul((((h2 << 17) | (h2 >>> 15)) + h3) | 0, 5) + 0x0bcaa747) | 0;
    k3 = Math.imul(k3, C3);
    h3 ^= Math.imul((k3 << 17) | (k3 >>> 15), C4);
    h3 = (Math.imul((((h3 << 15) | (h3 >>> 17)) + h4) | 0, 5) + 0x96cd1c35) | 0;
    k4 = Math.imul(k4, C4);
    h4 ^= Math.imul((k4 << 18) | (k4 >>> 14), C1);
    h4 = (Math.imul((((h4 << 13) | (h4 >>> 19)) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  if (!isBlock) {
    h1 ^= mixed(lastWords[0], C1, 15, C2);
    h2 ^= mixed(lastWords[1], C2, 16, C3);
    h3 ^= mixed(lastWords[2], C3, 17, C4);
    h4 ^= mixed(lastWords[3], C4, 18, C1);
  }
  h1 ^= lengthBytes;
  h2 ^= lengthBytes;
  h3 ^= lengthBytes;
  h4 ^= lengthBytes;
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

/**
 * MurmurHash3 x86_128 of the bytes `[start, end)` of `view`, written to `lanes[at..at + 3]`.
 *
 * @example
 * ```ts
 * import { murmur128 } from "./identity.ts";
 * const lanes = new Uint32Array(4);
 * murmur128(new DataView(new TextEncoder().encode("0").buffer), 0, 1, 0, lanes, 0);
 * if (lanes[0] !== 0x0ab2409e) throw new Error(lanes[0].toString(16));
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
  const tail = end - (end - start) % 16;
  for (let i = 0; i < 4; i++) lastWords[i] = wordBefore(view, tail + 4 * i, end);
  hash128(view, start, tail, seed, false, end - start, lanes, at);
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
  const idBytes = end - start;
  lastWords[0] = eventMs;
  lastWords[1] = eventMs * 2 ** -32;
  lastWords[2] = eventNs;
  lastWords[3] = idBytes;
  hash128(view, start, end, 0, true, ((idBytes + 15) & ~15) + 16, lanes, at);
  if (lanes[at] === 0) lanes[at] = 1;
}
