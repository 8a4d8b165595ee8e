import { withoutMark } from "../decode/byte_order_mark.ts";
import { CsvFraming } from "../decode/csv_framing.ts";
import type { FramingScan } from "../decode/framing.ts";
import { LineFraming } from "../decode/line_splitter.ts";
import { concat } from "../std/bytes.ts";
import { MAX_VALUE_BYTES } from "../decode/value_limit.ts";

/** A row that was too long and is left out. */
export interface LongRow {
  /** The line on which it starts, from 1. */
  readonly line: number;
  readonly reason: string;
}

/** Whole rows of a stream. */
export interface RowBlock {
  /** Rows with their line feeds; only a stream's last may lack its own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each row ends in `bytes`, behind its line feed. */
  readonly ends: readonly number[];
  /** The number of the first line, counted from 1. */
  readonly line: number;
  /** Bytes of the stream up to the end of this block, without a byte order mark. */
  readonly position: number;
  /** Rows that were too long, since the last block. */
  readonly long: readonly LongRow[];
}

const LINE_FEED = 0x0a;

/**
 * Cuts a stream into blocks of whole rows, in memory bounded by the longest row and the pieces of the
 * stream. A row that is longer than the ingest takes is left out and told. A byte order mark is left
 * out.
 *
 * @param quoted whether a line feed within quotes belongs to its row, as in CSV.
 */
export async function* rowBlocks(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
  quoted = false,
): AsyncGenerator<RowBlock> {
  const framing = quoted ? new CsvFraming(MAX_VALUE_BYTES) : new LineFraming();
  let kept: Uint8Array<ArrayBuffer>[] = [];
  let keptBytes = 0;
  let line = 1;
  let position = 0;
  let skipping = false;
  let long: LongRow[] = [];
  for await (let piece of withoutMark(stream)) {
    position += piece.length;
    let ends = rowEnds(framing, piece);
    if (skipping) {
      const end = ends[0] ?? piece.length;
      line += countLines(piece.subarray(0, end));
      if (ends.length === 0) continue;
      skipping = false;
      piece = piece.subarray(end);
      ends = ends.slice(1).map((at) => at - end);
    }
    const end = ends.at(-1) ?? 0;
    if (end > 0) {
      const bytes = concat([...kept, piece.subarray(0, end)]);
      const before = keptBytes;
      ends = ends.map((at) => at + before);
      yield { bytes, ends, line, position: position - (piece.length - end), long };
      line += countLines(bytes);
      [kept, keptBytes, long] = [[], 0, []];
    }
    if (end < piece.length) kept.push(piece.subarray(end));
    keptBytes += piece.length - end;
    if (keptBytes > MAX_VALUE_BYTES) {
      long.push({ line, reason: "expected at most 1 MiB, got a longer line; it was not sent" });
      line += kept.reduce((sum, part) => sum + countLines(part), 0);
      [kept, keptBytes, skipping] = [[], 0, true];
    }
  }
  if (keptBytes > 0 || long.length > 0) {
    const ends = keptBytes > 0 ? [keptBytes] : [];
    yield { bytes: concat(kept), ends, line, position, long };
  }
}

function rowEnds(framing: FramingScan, piece: Uint8Array): number[] {
  const ends: number[] = [];
  framing.scan(piece, 0, piece.length, {
    begin: () => {},
    finish: (at) => void ends.push(at + 1),
  });
  return ends;
}

/** How many line feeds there are. */
export function countLines(bytes: Uint8Array): number {
  let lines = 0;
  // A search costs more than this where lines are short, and they may be empty.
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === LINE_FEED) lines++;
  return lines;
}
