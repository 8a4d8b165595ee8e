/** Chunks of a file on their way into the log, at a pace. */
import type { Clock } from "../std/clock.ts";

/** A line of a file that gave no event. */
export interface SourceFault {
  /** Counted from 1. */
  readonly line: number;
  /** The field at fault; empty when it is the whole line. */
  readonly field: string;
  /** Expected and actual value. */
  readonly reason: string;
}

/** A run of rows of a file. */
export interface SourceChunk {
  /** Rows in the file's format, whole in themselves; the caller's. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Rows in `bytes`, a header of the chunk's own left out; blank ones are not there. */
  readonly events: number;
  /** About how many bytes of the file, decompressed, are behind this chunk: for the progress. */
  readonly position: number;
  /** Lines of the file that were left out since the last chunk. */
  readonly faults: readonly SourceFault[];
  /** The greatest event time up to the chunk's first row, in milliseconds since 1970 UTC. */
  readonly eventMs: number | null;
  /** The file's last line, where this chunk ends in it and it has no line feed. */
  readonly openLine: number | null;
  /** The file's line of a line of `bytes`; both count from 1. */
  lineOf(line: number): number;
}

/** Timers take no more than 24 days. */
const LONGEST_SLEEP_MS = 3_600_000;

/** How fast a file is sent; at most one of the two. */
export interface Pace {
  /** Events per second; null for as fast as they are taken. */
  readonly rate: number | null;
  /** Event time that passes in a second; null where event time does not matter. */
  readonly speed: number | null;
}

/**
 * Lets chunks through at a pace, the first at once. By event time, a chunk waits until the time
 * between the first event and its own has passed; a jump back in time does not wait.
 */
export async function* paced(
  chunks: AsyncIterable<SourceChunk>,
  { rate, speed, clock, signal }: Pace & { readonly clock: Clock; readonly signal?: AbortSignal },
): AsyncGenerator<SourceChunk> {
  const startMs = clock.now();
  let firstEventMs: number | null = null;
  let sent = 0;
  for await (const chunk of chunks) {
    firstEventMs ??= chunk.eventMs;
    let dueMs = startMs;
    if (rate !== null) dueMs += sent * 1000 / rate;
    else if (speed !== null && firstEventMs !== null) {
      dueMs += (chunk.eventMs! - firstEventMs) / speed;
    }
    for (let waitMs; (waitMs = dueMs - clock.now()) > 0 && !signal?.aborted;) {
      await clock.sleep(Math.min(waitMs, LONGEST_SLEEP_MS), signal);
    }
    if (signal?.aborted) return;
    sent += chunk.events;
    yield chunk;
  }
}
