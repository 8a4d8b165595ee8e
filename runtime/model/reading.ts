/** What a batch run reads of the archive for one plugin, known before it starts. */
export interface Reading {
  /** Event days that it recomputes. */
  readonly days: number;
  /** Files that hold them. */
  readonly files: number;
  /** Events in the files, repeats included. */
  readonly events: number;
  /** Size of the files. */
  readonly bytes: number;
}

/**
 * A reading in words.
 *
 * @example
 * ```ts
 * import { readingWords } from "./reading.ts";
 * const words = readingWords({ days: 1, files: 2, events: 1200, bytes: 4096 });
 * if (words !== "1,200 events of 1 day in 2 files, 4 KiB") throw new Error(words);
 * ```
 */
export function readingWords({ days, files, events, bytes }: Reading): string {
  return `${counted(events, "event")} of ${counted(days, "day")} in ${counted(files, "file")}, ` +
    sizeText(bytes);
}

const counted = (count: number, noun: string) =>
  `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A count of bytes as text, with its greatest unit: `4 KiB`, `1.5 MiB`. */
export function sizeText(bytes: number): string {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const size = bytes / 1024 ** step;
  return `${size.toLocaleString("en", { maximumFractionDigits: 1 })} ${UNITS[step]}`;
}
