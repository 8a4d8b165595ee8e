/** What the file formats have in common: recognising them, and chunks on their way into the log. */
import type { Clock } from "../std/clock.ts";
import { UserError } from "../std/errors.ts";
import { type EventFormat, eventFormats } from "../ports/services.ts";
import { MOVIELENS_HEADER } from "./movielens_rows.ts";

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
  /** Rows in `bytes` that are not blank, a header of the chunk's own left out. */
  readonly events: number;
  /** Bytes of the file, decompressed, that are behind this chunk: for the progress. */
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

/** A format that a file can be in. */
export type FileFormat = Exclude<EventFormat, "json-array">;

/** The formats that a file can be in. */
export const fileFormats: readonly FileFormat[] = eventFormats.filter((of) => of !== "json-array");

/** Bytes at a file's beginning that tell its format. */
export const HEAD_BYTES = 4096;

const SIGNATURES: readonly (readonly [start: readonly number[], what: string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], "a zip file; unpack it first (unzip)"],
  [[0x50, 0x41, 0x52, 0x31], "a Parquet file"],
  [[0xff, 0xfe], "text in UTF-16; convert it to UTF-8"],
  [[0xfe, 0xff], "text in UTF-16; convert it to UTF-8"],
];

/**
 * What a file looks like, by its first bytes.
 *
 * @returns a format that can be read, or in words what it is instead; null when nothing is known.
 */
export function recogniseFormat(
  head: Uint8Array,
): { readonly format: FileFormat } | { readonly other: string } | null {
  const signed = SIGNATURES.find(([start]) => start.every((byte, i) => head[i] === byte));
  if (signed) return { other: signed[1] };
  if (head.includes(0)) return { other: "a binary file" };
  const text = new TextDecoder().decode(head).replace(/^\s*\n/, "").replace(/^\ufeff/, "");
  const line = text.split("\n", 1)[0].trimEnd();
  if (text === "") return null;
  if (line === "{") return { other: "JSON over several lines; write one event per line" };
  if (line.startsWith("{")) return { format: "ndjson" };
  if (line.startsWith("[")) return { other: "a JSON array; write one event per line" };
  if (line.startsWith("<")) return { other: "XML or HTML" };
  if (line.split("::").length === 4) return { format: "movielens" };
  if (/^\d+\t\d+\t[\d.]+\t\d+$/.test(line)) return { format: "movielens-tab" };
  const isRatings = /^\d+,\d+,[\d.]+,\d+$/.test(line) || line === MOVIELENS_HEADER;
  if (isRatings) return { format: "movielens-csv" };
  return line.includes(",") ? { format: "csv" } : null;
}

/** What a format looks like, in words. */
const WANTED: Readonly<Record<FileFormat, string>> = {
  ndjson: "one JSON object per line (ndjson)",
  csv: "CSV with a header (csv)",
  movielens: "lines user::movie::rating::seconds (movielens)",
  "movielens-tab": "user, movie, rating and seconds between tabs (movielens-tab)",
  "movielens-csv": "user, movie, rating and seconds between commas (movielens-csv)",
};

/**
 * Says no to a file whose first line is not of the wanted format.
 *
 * @param head the file's first {@link HEAD_BYTES}, fewer only when it ends before.
 * @throws {UserError} naming the file, the line and what it looks like.
 */
export function checkFormat(format: FileFormat, name: string, head: Uint8Array): void {
  const found = recogniseFormat(head);
  if (found !== null && "format" in found && found.format === format) return;
  const line = firstLine(head);
  let got = "something else";
  if (found !== null && "other" in found) got = found.other;
  else if (found !== null) got = `${WANTED[found.format]}: pass --format ${found.format}`;
  else if (line === null) got = "blank lines only";
  throw new UserError(
    `Cannot replay "${name}": wanted ${WANTED[format]}, line ${line ?? 1} looks like ${got}`,
    { field: "format" },
  );
}

/** The number of the first line that is not blank. */
function firstLine(head: Uint8Array): number | null {
  const lines = new TextDecoder().decode(head).split("\n");
  const index = lines.findIndex((line) => line.trim() !== "");
  return index === -1 ? null : index + 1;
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
