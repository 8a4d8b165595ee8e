/** What a chart says of one bucket. */
import { type Line, type Lines, localOf } from "./chart.ts";
import { type ChartCursor, endOf } from "./chart_cursor.ts";
import { bucketText } from "./figures.ts";
import { valueText } from "./units.ts";

/** The figures of a bucket. */
export interface Reading {
  /** The time of the bucket. */
  readonly time: string;
  readonly isOpen: boolean;
  readonly entries: readonly {
    readonly label: string;
    /** A colour's name in the style sheet. */
    readonly colour: string;
    readonly dashed: boolean;
    readonly value: string;
    /** Its share of the total; null for lines that are not parts of one. */
    readonly share: string | null;
  }[];
}

/**
 * Reads the bucket at the cursor: keys by value, the greatest first; a whole before its parts. Lines
 * that are switched off are left out.
 *
 * @returns null without lines, without a cursor, and where there is no such bucket.
 */
export function readingOf(all: Lines | null, cursor: ChartCursor | null): Reading | null {
  if (all === null || cursor === null || cursor.index >= all.time.length) return null;
  const { time, offsets, open, lines } = all;
  const { index, shown } = cursor;
  const read = lines.filter((_, i) => shown[i] ?? true);
  const valueOf = ({ values }: Line) => values[index] ?? -Infinity;
  const ordered = lines.some(({ shares }) => shares !== null)
    ? read.toReversed()
    : read.toSorted((a, b) => valueOf(b) - valueOf(a));
  const endOffset = offsets[index + 1] ?? offsets[index] ?? 0;
  return {
    time: bucketText(localOf(all, time[index]), endOf(all, index) + endOffset),
    isOpen: time[index] === open,
    entries: ordered.map(({ label, colour, dashed, values, unit, shares }) => ({
      label,
      colour,
      dashed,
      value: valueText(values[index], unit),
      share: shares?.[index] == null ? null : valueText(shares[index], "share"),
    })),
  };
}

/** A reading as a sentence, to be read aloud. */
export function readingText({ time, isOpen, entries }: Reading): string {
  const figures = entries.map(({ label, value, share }) =>
    `${label} ${value}${share === null ? "" : `, ${share}`}`
  );
  return `${time}${isOpen ? ", still filling" : ""}: ${figures.join("; ")}`;
}
