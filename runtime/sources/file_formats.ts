/** The formats that a file can be in, and how one is recognised. */
import { UserError } from "../std/errors.ts";
import { generalFormats, type RowFormat } from "../row_format.ts";
import { csvTime, instantOf, jsonTime, type TimeOf } from "./event_times.ts";
import { ParsedRows, saysYes } from "./parsed_rows.ts";

/** A format that a file can be in. */
export interface FileFormat {
  readonly name: string;
  /** What its rows look like. */
  readonly summary: string;
  /**
   * Whether a file is in this format, by its first line that is not blank. Without it, a file is in
   * the format only where it is asked for.
   */
  readonly matches?: (line: string) => boolean;
  /** Whether it is CSV: a header goes before each chunk, and quotes may hold line feeds. */
  readonly headed: boolean;
  /**
   * Reads event times.
   *
   * @param field of the event time, where the format does not say.
   */
  readonly timeOf: (field: string) => TimeOf;
}

/** What a file is taken for that is in no known format. */
export const ndjson: FileFormat = {
  name: "ndjson",
  summary: generalFormats.ndjson,
  matches: (line) => /^\{./.test(line),
  headed: false,
  timeOf: jsonTime,
};

const csv: FileFormat = {
  name: "csv",
  summary: generalFormats.csv,
  matches: (line) => /^[^[<{].*,/.test(line),
  headed: true,
  timeOf: csvTime,
};

/** The formats of files, those first that a line may match more closely. */
export const fileFormats = (declared: readonly RowFormat[]): readonly FileFormat[] => [
  ...declared.map(fileFormat),
  ndjson,
  csv,
];

const fileFormat = (format: RowFormat): FileFormat => ({
  name: format.name,
  summary: format.summary,
  headed: false,
  matches: format.matches && ((line) => saysYes(format, "matches", line)),
  timeOf: () => parsedTime(format),
});

function parsedTime(format: RowFormat): TimeOf {
  const rows = new ParsedRows(format);
  return (bytes, start, end) => {
    const event = rows.parse(bytes, start, end);
    // A fault has none.
    return instantOf((event as Readonly<Record<string, unknown>>)[format.source.eventTime]);
  };
}

/** Bytes at a file's beginning that tell its format. */
export const HEAD_BYTES = 4096;

const SIGNATURES: readonly (readonly [start: readonly number[], what: string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], "a zip file; unpack it first (unzip)"],
  [[0x50, 0x41, 0x52, 0x31], "a Parquet file"],
  [[0xff, 0xfe], "text in UTF-16; convert it to UTF-8"],
  [[0xfe, 0xff], "text in UTF-16; convert it to UTF-8"],
];

/** What the first line of a file is, or what a file is instead. */
type Beginning =
  | { readonly line: string; readonly number: number }
  | { readonly line: null; readonly other: string };

function beginningOf(head: Uint8Array): Beginning {
  const signed = SIGNATURES.find(([start]) => start.every((byte, i) => head[i] === byte));
  if (signed) return { line: null, other: signed[1] };
  if (head.includes(0)) return { line: null, other: "a binary file" };
  const lines = new TextDecoder().decode(head).split("\n");
  const index = lines.findIndex((line) => line.trim() !== "");
  if (index === -1) return { line: null, other: "blank lines only" };
  return { line: lines[index].replace(/^\ufeff/, "").trimEnd(), number: index + 1 };
}

/** The first line that is not blank; null where a file has none, or is no text. */
export const firstLine = (head: Uint8Array): string | null => beginningOf(head).line;

/**
 * The format of a file, by its first line.
 *
 * @param head the file's first {@link HEAD_BYTES}, fewer only when it ends before.
 */
export function recogniseFormat(
  head: Uint8Array,
  formats: readonly FileFormat[],
): FileFormat | null {
  const line = firstLine(head);
  return line === null ? null : formats.find(({ matches }) => matches?.(line)) ?? null;
}

/**
 * Refuses a file whose first line is not of the wanted format.
 *
 * @param head as for {@link recogniseFormat}.
 * @throws {UserError} naming the file, the line and what it looks like.
 */
export function checkFormat(
  wanted: FileFormat,
  name: string,
  head: Uint8Array,
  formats: readonly FileFormat[],
): void {
  const beginning = beginningOf(head);
  const { line } = beginning;
  if (line !== null && (wanted.matches?.(line) ?? true)) return;
  const [number, got] = line === null
    ? [1, beginning.other]
    : [beginning.number, whatElse(line, recogniseFormat(head, formats))];
  throw new UserError(
    `Cannot replay "${name}": expected ${words(wanted)}, line ${number} looks like ${got}`,
    { field: "format" },
  );
}

const words = ({ name, summary }: FileFormat) => `${summary} (${name})`;

function whatElse(line: string, format: FileFormat | null): string {
  if (line === "{") return "JSON over several lines; write one event per line";
  if (line.startsWith("[")) return "a JSON array; write one event per line";
  if (line.startsWith("<")) return "XML or HTML";
  return format === null ? "something else" : `${words(format)}: pass --format ${format.name}`;
}
