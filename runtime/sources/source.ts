/** What the file formats have in common: chunks of NDJSON on their way into the log. */
import { UserError } from "../errors.ts";
import type { Clock } from "../clock.ts";

/** A line of a file that gave no event. */
export interface SourceFault {
  /** Counted from 1. */
  readonly line: number;
  /** The field at fault; empty when it is the whole line. */
  readonly field: string;
  /** What was wanted and what came. */
  readonly reason: string;
}

/** A run of events of a file. */
export interface SourceChunk {
  /** NDJSON; the caller's. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Lines in `bytes` that are not blank. */
  readonly events: number;
  /** Bytes of the file that are behind this chunk: for the progress. */
  readonly position: number;
  /** Lines of the file that were left out since the last chunk. */
  readonly faults: readonly SourceFault[];
  /** The file's line of a line of `bytes`; both count from 1. */
  lineOf(line: number): number;
}

/** Options of every file format. */
export interface SourceOptions {
  /** The file's name, for messages. */
  readonly name: string;
  /** The most events of a chunk. Default 40,000. */
  readonly chunkEvents?: number;
}

/** Events of a chunk where nothing else is said: each waits for the disk once. */
export const CHUNK_EVENTS = 40_000;

/** The formats that a file can be in. */
export const fileFormats = ["ndjson", "movielens"] as const;
export type FileFormat = typeof fileFormats[number];

/** Bytes at a file's beginning that tell its format. */
export const HEAD_BYTES = 4096;

const SIGNATURES: readonly (readonly [start: readonly number[], what: string])[] = [
  [[0x1f, 0x8b], "a gzip file; unpack it first (gunzip)"],
  [[0x50, 0x4b, 0x03, 0x04], "a zip file; unpack it first (unzip)"],
  [[0x28, 0xb5, 0x2f, 0xfd], "a zstd file; unpack it first (unzstd)"],
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
  const text = new TextDecoder().decode(head).trimStart();
  const line = text.split("\n", 1)[0].trimEnd();
  if (text === "") return null;
  if (line === "{") return { other: "JSON over several lines; write one event per line" };
  if (line.startsWith("{")) return { format: "ndjson" };
  if (line.startsWith("[")) return { other: "a JSON array; write one event per line" };
  if (line.split("::").length === 4) return { format: "movielens" };
  if (line.startsWith("<")) return { other: "XML or HTML" };
  if (line.includes(",")) return { other: "a CSV file" };
  return null;
}

/** What a format looks like, in words. */
const WANTED: Readonly<Record<FileFormat, string>> = {
  ndjson: "one JSON object per line (ndjson)",
  movielens: "lines user::movie::rating::seconds (movielens)",
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

/**
 * Lets chunks through at `rate` events per second, the first at once.
 *
 * @param rate events per second, or null for as fast as they are taken.
 */
export async function* paced(
  chunks: AsyncIterable<SourceChunk>,
  { rate, clock, signal }: { rate: number | null; clock: Clock; signal?: AbortSignal },
): AsyncGenerator<SourceChunk> {
  const startMs = clock.now();
  let sent = 0;
  for await (const chunk of chunks) {
    if (rate !== null) {
      const waitMs = startMs + sent * 1000 / rate - clock.now();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
    }
    if (signal?.aborted) return;
    sent += chunk.events;
    yield chunk;
  }
}
