/** The byte order mark that some programs put before UTF-8; it is no part of what follows. */
const MARK = new Uint8Array([0xef, 0xbb, 0xbf]);

/**
 * The length of the byte order mark at `start` of `bytes[start, end)`: 3, or 0 where there is none.
 *
 * @example
 * ```ts
 * import { markBytes } from "./byte_order_mark.ts";
 * const bytes = new TextEncoder().encode("\ufeff{}");
 * if (markBytes(bytes, 0, 5) !== 3 || markBytes(bytes, 3, 5) !== 0) throw new Error("unexpected");
 * ```
 */
export function markBytes(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < MARK.length) return 0;
  return MARK.every((byte, i) => bytes[start + i] === byte) ? MARK.length : 0;
}

/**
 * Passes on a stream of UTF-8 without the byte order mark at its beginning, however it is cut into
 * pieces.
 */
export async function* withoutMark<Piece extends Uint8Array>(
  stream: AsyncIterable<Piece>,
): AsyncGenerator<Piece> {
  /** Bytes of the mark that have come; they are held back until it is whole. */
  let matched = 0;
  let isBegun = false;
  for await (const piece of stream) {
    if (isBegun) {
      yield piece;
      continue;
    }
    const held = matched;
    let at = 0;
    while (at < piece.length && matched < MARK.length && piece[at] === MARK[matched]) {
      at++;
      matched++;
    }
    isBegun = matched === MARK.length || at < piece.length;
    if (!isBegun) continue;
    if (matched === MARK.length) yield piece.subarray(at) as Piece;
    else {
      if (held > 0) yield MARK.slice(0, held) as Piece;
      yield piece;
    }
  }
  if (!isBegun && matched > 0) yield MARK.slice(0, matched) as Piece;
}
