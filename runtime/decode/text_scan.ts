const QUOTE = 0x22, BACKSLASH = 0x5c;

/**
 * Finds the end of a JSON string that holds no escapes, four bytes at a time where they are ASCII.
 *
 * @param p the position after the opening quote.
 * @returns the position of the closing quote; −1 where the text has a backslash, a control character
 * or bytes that are not UTF-8, or does not end before `end`.
 * @example
 * ```ts
 * import { scanText } from "./text_scan.ts";
 * const bytes = new TextEncoder().encode('"Amélie",');
 * const at = scanText(bytes, new DataView(bytes.buffer), 1, bytes.length);
 * if (at !== 8) throw new Error(String(at));
 * ```
 */
export function scanText(bytes: Uint8Array, view: DataView, p: number, end: number): number {
  for (;;) {
    // The high bit of each byte tells: below 0x20, a quote, a backslash, or not ASCII. A borrow can
    // only come from a byte that tells already, so a clean word is always clean.
    while (p + 4 <= end) {
      const word = view.getInt32(p, true);
      const quotes = (word ^ 0x22222222) - 0x01010101;
      const backslashes = (word ^ 0x5c5c5c5c) - 0x01010101;
      if (((word | (word - 0x20202020) | quotes | backslashes) & 0x80808080) !== 0) break;
      p += 4;
    }
    for (;;) {
      if (p >= end) return -1;
      const byte = bytes[p];
      if (byte === QUOTE) return p;
      if (byte < 0x20 || byte === BACKSLASH) return -1;
      if (byte >= 0x80) break;
      p++;
    }
    const length = sequenceLength(bytes, p, end);
    if (length === 0) return -1;
    p += length;
  }
}

/** @returns the bytes of the UTF-8 sequence at `p` (2 to 4), or 0 where it is not well-formed. */
function sequenceLength(bytes: Uint8Array, p: number, end: number): number {
  const lead = bytes[p];
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || p + length > end) return 0;
  // The second byte's range also excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const greatest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[p + 1];
  if (second < least || second > greatest) return 0;
  for (let i = 2; i < length; i++) if ((bytes[p + i] & 0xc0) !== 0x80) return 0;
  return length;
}
