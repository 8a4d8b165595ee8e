import type { TimeOf } from "./event_times.ts";
import type { FileFormat } from "./file_formats.ts";
import { countLines, type RowBlock, rowBlocks } from "./row_blocks.ts";
import type { SourceChunk } from "./source.ts";

/** Options of {@link fileChunks}. */
export interface FileChunkOptions {
  /** The most rows of a chunk. Default 40,000. */
  readonly chunkEvents?: number;
  /** Given when chunks are to be told by event time. */
  readonly byTime?: {
    /** The field of the event time, where the format does not say. */
    readonly field: string;
    /** The longest stretch of event time of a chunk, in milliseconds. */
    readonly spanMs: number;
  };
}

/** Rows of a chunk where nothing else is said: each chunk waits for the disk once. */
export const CHUNK_EVENTS = 40_000;

const LINE_FEED = 0x0a;
const SPACES = [0x20, 0x09, 0x0a, 0x0d];

/**
 * Cuts a file's rows into chunks that can be sent one by one. The rows pass as they are, because
 * whether they are events is the ingest's to say; a CSV header goes before each chunk.
 *
 * @param stream the file's bytes in pieces.
 */
export async function* fileChunks(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
  format: FileFormat,
  options: FileChunkOptions = {},
): AsyncGenerator<SourceChunk> {
  const cutter = new ChunkCutter(format, options);
  for await (const block of rowBlocks(stream, format.headed)) yield* cutter.cut(block);
}

class ChunkCutter {
  readonly #chunkEvents: number;
  readonly #spanMs: number;
  readonly #timeOf: TimeOf | null;
  readonly #wantsHeader: boolean;
  #header: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** The greatest event time so far: going back in time never waits. */
  #greatestMs: number | null = null;

  constructor(format: FileFormat, options: FileChunkOptions) {
    const { chunkEvents = CHUNK_EVENTS, byTime } = options;
    this.#chunkEvents = chunkEvents;
    this.#spanMs = byTime?.spanMs ?? Infinity;
    this.#timeOf = byTime ? format.timeOf(byTime.field) : null;
    this.#wantsHeader = format.headed;
  }

  *cut(block: RowBlock): Generator<SourceChunk> {
    const { bytes, ends } = block;
    let faults = block.long.map((row) => ({ ...row, field: "" }));
    let [start, line, events] = [0, block.line, 0];
    let eventMs = this.#greatestMs;
    const chunk = (end: number): SourceChunk => {
      const taken = this.#chunk(block, { start, end, line, events, eventMs, faults });
      line += countLines(bytes.subarray(start, end));
      [start, events, faults] = [end, 0, []];
      return taken;
    };
    for (let row = 0; row < ends.length; row++) {
      const [rowStart, rowEnd] = [ends[row - 1] ?? 0, ends[row]];
      if (isBlank(bytes, rowStart, rowEnd)) continue;
      if (this.#wantsHeader && this.#header.length === 0) {
        this.#header = bytes.slice(rowStart, rowEnd);
        line += countLines(bytes.subarray(start, rowEnd));
        this.#timeOf?.(bytes, rowStart, rowEnd);
        start = rowEnd;
        continue;
      }
      this.#sees(this.#timeOf?.(bytes, rowStart, rowEnd) ?? null);
      const isFar = (this.#greatestMs ?? 0) - (eventMs ?? -Infinity) > this.#spanMs;
      if (events > 0 && (events === this.#chunkEvents || isFar)) yield chunk(rowStart);
      if (events === 0) eventMs = this.#greatestMs;
      events++;
    }
    if (start < bytes.length || faults.length > 0) yield chunk(bytes.length);
  }

  #sees(ms: number | null): void {
    if (ms !== null && ms > (this.#greatestMs ?? -Infinity)) this.#greatestMs = ms;
  }

  #chunk(
    { bytes, position }: RowBlock,
    { start, end, line, events, eventMs, faults }:
      & Pick<SourceChunk, "events" | "eventMs" | "faults">
      & { readonly start: number; readonly end: number; readonly line: number },
  ): SourceChunk {
    const rows = bytes.subarray(start, end);
    const isOpen = end > start && bytes[end - 1] !== LINE_FEED;
    const firstLine = line - countLines(this.#header);
    return {
      bytes: this.#withHeader(rows),
      ...{ events, eventMs, faults },
      position: position - (bytes.length - end),
      lineOf: (of) => firstLine + of - 1,
      openLine: isOpen ? line + countLines(rows) : null,
    };
  }

  #withHeader(rows: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (this.#header.length === 0 || rows.length === 0) return rows;
    const whole = new Uint8Array(this.#header.length + rows.length);
    whole.set(this.#header);
    whole.set(rows, this.#header.length);
    return whole;
  }
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (!SPACES.includes(bytes[i])) return false;
  return true;
}
