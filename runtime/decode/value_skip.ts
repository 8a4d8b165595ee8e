import { scanText } from "./text_scan.ts";

/** @returns the first position from `p` on, up to `end`, that holds no white space of JSON. */
export function skipSpace(bytes: Uint8Array, p: number, end: number): number {
  for (; p < end; p++) {
    const byte = bytes[p];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
  }
  return p;
}

/**
 * Passes over the value of a field that the schema does not declare.
 *
 * @returns the position behind it, or −1 where it is nested, has escapes or is not JSON.
 */
export function skipScalar(bytes: Uint8Array, view: DataView, p: number, end: number): number {
  const byte = bytes[p];
  if (byte === 0x22) {
    const textEnd = scanText(bytes, view, p + 1, end);
    return textEnd < 0 ? -1 : textEnd + 1;
  }
  if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return skipNumber(bytes, p, end);
  if (byte === 0x6e) return skipWord(bytes, p, end, NULL);
  if (byte === 0x74) return skipWord(bytes, p, end, TRUE);
  if (byte === 0x66) return skipWord(bytes, p, end, FALSE);
  return -1;
}

const encoder = new TextEncoder();
const NULL = encoder.encode("null");
const TRUE = encoder.encode("true");
const FALSE = encoder.encode("false");

function skipWord(bytes: Uint8Array, p: number, end: number, word: Uint8Array): number {
  if (p + word.length > end) return -1;
  for (let i = 0; i < word.length; i++) if (bytes[p + i] !== word[i]) return -1;
  return p + word.length;
}

function skipNumber(bytes: Uint8Array, p: number, end: number): number {
  if (bytes[p] === 0x2d) p++;
  const start = p;
  p = skipDigits(bytes, p, end);
  if (p === start || (p > start + 1 && bytes[start] === 0x30)) return -1;
  if (bytes[p] === 0x2e) {
    const from = ++p;
    p = skipDigits(bytes, p, end);
    if (p === from) return -1;
  }
  if (bytes[p] === 0x65 || bytes[p] === 0x45) {
    p++;
    if (bytes[p] === 0x2b || bytes[p] === 0x2d) p++;
    const from = p;
    p = skipDigits(bytes, p, end);
    if (p === from) return -1;
  }
  return p;
}

function skipDigits(bytes: Uint8Array, p: number, end: number): number {
  while (p < end && bytes[p] >= 0x30 && bytes[p] <= 0x39) p++;
  return p;
}
