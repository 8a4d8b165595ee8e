import type { SourceFault } from "./source.ts";

/** Whole lines of a stream. */
export interface LineBlock {
  /** Lines with their line feeds; only a stream's last may lack its own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The number of the first line, counted from 1. */
  readonly line: number;
  /** Bytes of the stream up to the end of this block. */
  readonly position: number;
  /** Lines that were too long, since the last block. */
  readonly faults: readonly SourceFault[];
}

/** The longest line that is read: as much as the ingest takes. */
export const MAX_LINE_BYTES = 2 ** 20;

const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Cuts a stream into blocks of whole lines, in memory bounded by {@link MAX_LINE_BYTES} and the
 * pieces of the stream. A longer line is left out and told. A byte order mark is left out.
 */
export async function* lineBlocks(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<LineBlock> {
  let kept: Uint8Array<ArrayBuffer>[] = [];
  let keptBytes = 0;
  let line = 1;
  let position = 0;
  let skipping = false;
  let faults: SourceFault[] = [];
  for await (let piece of stream) {
    if (position === 0 && BYTE_ORDER_MARK.every((byte, i) => piece[i] === byte)) {
      piece = piece.subarray(BYTE_ORDER_MARK.length);
      position += BYTE_ORDER_MARK.length;
    }
    position += piece.length;
    if (skipping) {
      const end = piece.indexOf(LINE_FEED);
      if (end === -1) continue;
      skipping = false;
      line++;
      piece = piece.subarray(end + 1);
    }
    const end = piece.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      const bytes = joined([...kept, piece.subarray(0, end)], keptBytes + end);
      yield { bytes, line, position: position - (piece.length - end), faults };
      line += countLines(bytes);
      [kept, keptBytes, faults] = [[], 0, []];
    }
    if (end < piece.length) kept.push(piece.subarray(end));
    keptBytes += piece.length - end;
    if (keptBytes > MAX_LINE_BYTES) {
      faults.push({ line, field: "", reason: `wanted at most 1 MiB, got a longer line` });
      [kept, keptBytes, skipping] = [[], 0, true];
    }
  }
  if (keptBytes > 0 || faults.length > 0) {
    yield { bytes: joined(kept, keptBytes), line, position, faults };
  }
}

function joined(
  parts: readonly Uint8Array<ArrayBuffer>[],
  sizeBytes: number,
): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** How many line feeds there are. */
export function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}
