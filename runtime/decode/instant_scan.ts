import { INSTANT_END_MS } from "../std/instant.ts";

const DAY_MS = 86_400_000;
const FIRST_YEAR = 1970;
const YEARS = 136;

/** The epoch day on which each month from 1970-01 on starts, and one more as the end. */
const monthStart = Int32Array.from(
  { length: YEARS * 12 + 1 },
  (_, month) => Date.UTC(FIRST_YEAR, month, 1) / DAY_MS,
);

/** Nanoseconds of one unit of the last digit, by how many digits a fraction has. */
const nanosOfUnit = Int32Array.from({ length: 10 }, (_, digits) => 10 ** (9 - digits));

/**
 * Reads the usual forms of an instant from bytes: `YYYY-MM-DDThh:mm:ss`, up to nine digits of
 * fraction, then `Z`, `±hh:mm` or nothing. A table of months serves in place of a calendar, so that
 * events of any order of days cost the same.
 *
 * @param p stands at the year's first digit; the closing quote is part of what is read.
 * @param eventMs, eventNs take the instant at `row`; only when the text was recognised.
 * @returns the position behind the closing quote, or −1 where the text is not of these forms or not
 * within 1970 to 2105: then `parseInstant` decides.
 * @example
 * ```ts
 * import { scanInstant } from "./instant_scan.ts";
 * const bytes = new TextEncoder().encode('2024-02-29T12:00:00.5Z"');
 * const ms = new Float64Array(1);
 * const behind = scanInstant(bytes, 0, bytes.length, ms, new Uint32Array(1), 0);
 * if (behind !== 23 || ms[0] !== Date.UTC(2024, 1, 29, 12, 0, 0, 500)) throw new Error("unexpected");
 * ```
 */
export function scanInstant(
  bytes: Uint8Array,
  p: number,
  end: number,
  eventMs: Float64Array,
  eventNs: Uint32Array,
  row: number,
): number {
  if (p + 20 > end) return -1;
  const y1 = bytes[p] - 48, y2 = bytes[p + 1] - 48, y3 = bytes[p + 2] - 48, y4 = bytes[p + 3] - 48;
  const o1 = bytes[p + 5] - 48, o2 = bytes[p + 6] - 48;
  const d1 = bytes[p + 8] - 48, d2 = bytes[p + 9] - 48;
  const h1 = bytes[p + 11] - 48, h2 = bytes[p + 12] - 48;
  const m1 = bytes[p + 14] - 48, m2 = bytes[p + 15] - 48;
  const s1 = bytes[p + 17] - 48, s2 = bytes[p + 18] - 48;
  // A sign bit is left where one of them is below 0 or above 9; the tens of hour, minute and second
  // are bounded by the ranges below.
  const bad = y1 | y2 | y3 | y4 | o1 | o2 | d1 | d2 | h1 | h2 | m1 | m2 | s1 | s2 |
    (9 - y1) | (9 - y2) | (9 - y3) | (9 - y4) | (9 - o1) | (9 - o2) | (9 - d1) | (9 - d2) |
    (9 - h1) | (9 - h2) | (9 - m1) | (9 - m2) | (9 - s1) | (9 - s2);
  const separator = bytes[p + 10];
  if (
    bad < 0 || bytes[p + 4] !== 0x2d || bytes[p + 7] !== 0x2d || bytes[p + 13] !== 0x3a ||
    bytes[p + 16] !== 0x3a || ((separator | 0x20) !== 0x74 && separator !== 0x20)
  ) return -1;
  const year = y1 * 1000 + y2 * 100 + y3 * 10 + y4 - FIRST_YEAR;
  const month = o1 * 10 + o2 - 1;
  const day = d1 * 10 + d2 - 1;
  const hour = h1 * 10 + h2;
  const minute = m1 * 10 + m2;
  const second = s1 * 10 + s2;
  if (year < 0 || year >= YEARS || month < 0 || month > 11) return -1;
  const monthAt = year * 12 + month;
  const epochDay = monthStart[monthAt] + day;
  if (day < 0 || epochDay >= monthStart[monthAt + 1]) return -1;
  if (hour > 23 || minute > 59 || second > 59) return -1;
  let ms = epochDay * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000;
  let ns = 0;
  p += 19;
  let next = bytes[p];
  if (next === 0x2e) {
    const from = p + 1;
    let nanos = 0;
    for (p = from; p < end; p++) {
      const digit = bytes[p] - 48;
      if (digit < 0 || digit > 9 || p - from === 9) break;
      nanos = nanos * 10 + digit;
    }
    if (p === from) return -1;
    nanos *= nanosOfUnit[p - from];
    const millis = (nanos / 1_000_000) | 0;
    ms += millis;
    ns = nanos - millis * 1_000_000;
    next = bytes[p];
  }
  if ((next | 0x20) === 0x7a) {
    p++;
  } else if (next === 0x2b || next === 0x2d) {
    const offsetMs = scanOffset(bytes, p + 1, end);
    if (offsetMs < 0) return -1;
    ms += next === 0x2b ? -offsetMs : offsetMs;
    if (ms < 0 || ms >= INSTANT_END_MS) return -1;
    p += 6;
  }
  if (p >= end || bytes[p] !== 0x22) return -1;
  eventMs[row] = ms;
  eventNs[row] = ns;
  return p + 1;
}

/** @returns the milliseconds of `hh:mm` at `p`, or −1. */
function scanOffset(bytes: Uint8Array, p: number, end: number): number {
  if (p + 5 > end || bytes[p + 2] !== 0x3a) return -1;
  const h1 = bytes[p] - 48, h2 = bytes[p + 1] - 48;
  const m1 = bytes[p + 3] - 48, m2 = bytes[p + 4] - 48;
  const bad = h1 | h2 | m1 | m2 | (9 - h1) | (9 - h2) | (9 - m1) | (9 - m2);
  const hour = h1 * 10 + h2;
  const minute = m1 * 10 + m2;
  if (bad < 0 || hour > 23 || minute > 59) return -1;
  return (hour * 60 + minute) * 60_000;
}
