import { lineBlocks } from "./line_blocks.ts";
import { CHUNK_EVENTS, type SourceChunk, type SourceFault, type SourceOptions } from "./source.ts";

const LINE_FEED = 0x0a;

/**
 * Events of an NDJSON file, one per line. The lines pass as they are: whether they are events is the
 * ingest's to say, by the same rules as for any producer.
 *
 * @param stream the file's bytes in pieces.
 */
export async function* ndjsonFile(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { chunkEvents = CHUNK_EVENTS }: SourceOptions,
): AsyncGenerator<SourceChunk> {
  for await (const block of lineBlocks(stream)) {
    const { bytes, position } = block;
    let faults: readonly SourceFault[] = block.faults;
    let line = block.line;
    let start = 0;
    do {
      const { end, lines, events } = cut(bytes, start, chunkEvents);
      const firstLine = line;
      yield {
        bytes: bytes.subarray(start, end),
        events,
        position: position - (bytes.length - end),
        faults,
        lineOf: (of) => firstLine + of - 1,
      };
      [start, line, faults] = [end, line + lines, []];
    } while (start < bytes.length);
  }
}

/** Where `chunkEvents` lines from `start` on end, and how many of them are not blank. */
function cut(bytes: Uint8Array, start: number, chunkEvents: number) {
  let at = start;
  let lines = 0;
  let events = 0;
  while (at < bytes.length && events < chunkEvents) {
    const feed = bytes.indexOf(LINE_FEED, at);
    const end = feed === -1 ? bytes.length : feed;
    if (!isBlank(bytes, at, end)) events++;
    lines++;
    at = feed === -1 ? end : end + 1;
  }
  return { end: at, lines, events };
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    if (bytes[i] !== 0x20 && bytes[i] !== 0x09 && bytes[i] !== 0x0d) return false;
  }
  return true;
}
