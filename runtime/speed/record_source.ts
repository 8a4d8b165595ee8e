import { type Columns, type DecodeFault } from "../model/columns.ts";
import { TwofoldError } from "../std/errors.ts";
import type { ArchivedRecords, Decoder, EventLog, RecordChunk } from "../ports/ports.ts";

/** Offsets `[from, to)` of a partition that are below the log's start. */
export interface TrimmedRange {
  readonly from: bigint;
  readonly to: bigint;
  /** Whether the archive gives them; else they are lost to the reader. */
  readonly archived: boolean;
}

/** What a {@link RecordSource} is made of. */
export interface SourceParts {
  readonly log: EventLog;
  readonly partition: number;
  readonly decoder: Decoder;
  /** What the log no longer holds. Default: nothing. */
  readonly archived?: ArchivedRecords;
  /** Told of what is read from elsewhere than the log, or from nowhere; once per range. */
  readonly onTrimmed?: (range: TrimmedRange) => void;
}

/**
 * Decoded records of one partition: from the log, and below the log's start, or below where the
 * archive decides, from the archive, which gives the same columns. The log takes over exactly there.
 */
export class RecordSource {
  readonly #parts: SourceParts;
  /** As of the last look; below it the archive is read. */
  #logStart: bigint;

  constructor(parts: SourceParts) {
    this.#parts = parts;
    this.#logStart = parts.archived?.decidesBelow(parts.partition) ?? 0n;
  }

  /** The lowest offset not below `from` from which on everything can be read. */
  async heldFrom(from: bigint): Promise<bigint> {
    const { log, partition, archived, onTrimmed } = this.#parts;
    const { start } = await log.bounds(partition);
    if (from >= start) return from;
    const held = await archived?.heldFrom(partition, from, start) ?? start;
    if (start > this.#logStart) this.#logStart = start;
    if (from < held) onTrimmed?.({ from, to: held, archived: false });
    if (held < start) onTrimmed?.({ from: held, to: start, archived: true });
    return held;
  }

  /**
   * Fills `columns` with what comes next from `from` on, below `end` (exclusive) where there is one.
   * At the end of the log `columns.to` is `from`.
   *
   * @returns the records that could not be decoded, by row.
   * @throws LogGapError when neither the log nor the archive holds the position.
   */
  async read(from: bigint, columns: Columns, end?: bigint): Promise<DecodeFault[]> {
    const { partition, archived } = this.#parts;
    if (from >= this.#logStart) {
      try {
        return await this.#readLog(from, columns, end);
      } catch (error) {
        // Retention may have run past the position since the last look.
        const mayPass = error instanceof TwofoldError && error.retriable;
        if (archived === undefined || mayPass) throw error;
        const held = await this.heldFrom(from);
        if (held > from || from >= this.#logStart) throw error;
      }
    }
    const to = end !== undefined && end < this.#logStart ? end : this.#logStart;
    return await archived!.read(partition, from, to, columns);
  }

  async #readLog(from: bigint, columns: Columns, end?: bigint): Promise<DecodeFault[]> {
    const { log, partition, decoder } = this.#parts;
    const room = end === undefined || end - from > BigInt(columns.capacity)
      ? columns.capacity
      : Number(end - from);
    const chunk = await log.read(partition, from, { maxRecords: room });
    if (chunk.from !== from) {
      throw new RangeError(
        `Cannot read partition ${partition}: expected ${from}, got ${chunk.from}`,
      );
    }
    // A read may run past the end over a gap or to the end of a stored chunk: cut it there.
    return decoder.decode(end === undefined ? chunk : before(chunk, end), columns);
  }
}

/** The part of a chunk that lies below `end`. */
function before(chunk: RecordChunk, end: bigint): RecordChunk {
  if (chunk.to <= end) return chunk;
  const endDelta = Number(end - chunk.from);
  let count = chunk.count;
  while (count > 0 && chunk.offsetDelta[count - 1] >= endDelta) count--;
  return { ...chunk, to: end, count };
}
