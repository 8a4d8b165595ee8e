import { withoutMark } from "../decode/byte_order_mark.ts";
import { type RecordBatch, RecordSplitter } from "../decode/line_splitter.ts";
import { EventWriter } from "./event_writer.ts";
import type { TimeOf } from "./event_times.ts";
import type { FileFormat } from "./file_formats.ts";
import type { SourceChunk, SourceFault } from "./source.ts";

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

const LINE_FEED = Uint8Array.of(0x0a);
const TOO_LONG = "expected at most 1 MiB, got a longer line; it was not sent";

/**
 * Cuts a file's rows into chunks that can be sent one by one, as the ingest cuts them. The rows pass
 * as they are, because whether they are events is the ingest's to say; a CSV header goes before each
 * chunk. Rows that have come are not held back for others.
 *
 * @param stream the file's bytes in pieces.
 */
export async function* fileChunks(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
  format: FileFormat,
  options: FileChunkOptions = {},
): AsyncGenerator<SourceChunk> {
  const splitter = new RecordSplitter(format.headed ? "csv" : "ndjson");
  const chunk = new OpenChunk(format, options);
  for await (const piece of withoutMark(stream)) {
    for (const batch of splitter.push(piece)) yield* chunk.add(batch);
    yield* chunk.take();
  }
  for (const batch of splitter.end()) yield* chunk.add(batch, true);
  yield* chunk.take();
}

/** The chunk that rows are added to. */
class OpenChunk {
  readonly #chunkEvents: number;
  readonly #spanMs: number;
  readonly #timeOf: TimeOf | null;
  readonly #wantsHeader: boolean;
  readonly #writer = new EventWriter();
  #header: Uint8Array | null = null;
  /** The greatest event time so far: going back in time never waits. */
  #greatestMs: number | null = null;
  #eventMs: number | null = null;
  /** By row, the line of the chunk and that of the file on which it starts. */
  #lines: (readonly [own: number, file: number])[] = [];
  #nextLine = 1;
  #position = 0;
  #faults: SourceFault[] = [];
  #openLine: number | null = null;

  constructor(format: FileFormat, options: FileChunkOptions) {
    const { chunkEvents = CHUNK_EVENTS, byTime } = options;
    this.#chunkEvents = chunkEvents;
    this.#spanMs = byTime?.spanMs ?? Infinity;
    this.#timeOf = byTime ? format.timeOf(byTime.field) : null;
    this.#wantsHeader = format.headed;
  }

  /** @param isOpen whether the file ends within the last row. */
  *add(batch: RecordBatch, isOpen = false): Generator<SourceChunk> {
    const { bytes, valueStart, valueEnd, line, count, oversize } = batch;
    this.#faults.push(...oversize.map(({ line }) => ({ line, field: "", reason: TOO_LONG })));
    for (let i = 0; i < count; i++) {
      const [start, end] = [valueStart[i], valueEnd[i]];
      const ms = this.#timeOf?.(bytes, start, end) ?? null;
      if (this.#wantsHeader && this.#header === null) {
        this.#header = bytes.slice(start, end);
        continue;
      }
      if (ms !== null && ms > (this.#greatestMs ?? -Infinity)) this.#greatestMs = ms;
      const isFar = (this.#greatestMs ?? 0) - (this.#eventMs ?? -Infinity) > this.#spanMs;
      if (isFar || this.#lines.length === this.#chunkEvents) yield* this.take();
      if (this.#lines.length === 0) this.#begin();
      this.#lines.push([this.#nextLine, line[i]]);
      this.#position += end - start + 1;
      this.#write(bytes, start, end);
    }
    if (isOpen && count > 0) this.#openLine = line[count - 1];
  }

  /** The chunk, where there is anything in it; the next one is empty. */
  *take(): Generator<SourceChunk> {
    const lines = this.#lines;
    if (lines.length === 0 && this.#faults.length === 0) return;
    yield {
      bytes: this.#writer.view().slice(),
      events: lines.length,
      position: this.#position,
      eventMs: this.#eventMs,
      faults: this.#faults,
      openLine: this.#openLine,
      lineOf: (line) => {
        const [own, file] = lines.findLast(([own]) => own <= line) ?? lines[0];
        return file + line - own;
      },
    };
    this.#writer.cut(0);
    [this.#lines, this.#faults, this.#nextLine] = [[], [], 1];
  }

  #begin(): void {
    this.#eventMs = this.#greatestMs;
    if (this.#header !== null) this.#write(this.#header, 0, this.#header.length);
  }

  #write(bytes: Uint8Array, start: number, end: number): void {
    this.#writer.raw(bytes, start, end);
    this.#writer.raw(LINE_FEED);
    this.#nextLine += 1 + (this.#wantsHeader ? countLines(bytes.subarray(start, end)) : 0);
  }
}

/** How many line feeds there are. */
export function countLines(bytes: Uint8Array): number {
  let lines = 0;
  // A search costs more than this where lines are short, and they may be empty.
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === LINE_FEED[0]) lines++;
  return lines;
}
