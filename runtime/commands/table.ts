/** Rows under headings, for people. */
import stringWidth from "string-width";
import type { Terminal } from "./world.ts";

/** Spaces before each line, and between columns. */
const INDENT = 2, GAP = 2;
/** Where there is too little room for all, no column is cut below this width. */
const LEAST_WIDTH = 8;
const NUMBER = /^(-?[\d,.]+( s|%)?|–)$/;

/** Where a table is written. */
export type TableTerminal = Pick<Terminal, "tty" | "columns">;

/** Options of {@link Table}. */
export interface TableOptions {
  readonly headings: readonly string[];
  /** Which columns are set to the right; default: those whose first rows look like numbers. */
  readonly right?: readonly boolean[];
  /** Where a person watches, wide texts are cut to its width; default: nothing is cut. */
  readonly terminal?: TableTerminal;
}

/** A table that is written part by part: its first rows say how wide the columns are. */
export class Table {
  readonly #options: TableOptions;
  #right: readonly boolean[] = [];
  #widths: readonly number[] | null = null;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /** The text of some rows; before the first, of the headings. */
  text(rows: readonly (readonly string[])[]): string {
    const shown = rows.map((row) => row.map(plain));
    if (this.#widths !== null) return shown.map((row) => this.#line(row)).join("");
    const { headings, right } = this.#options;
    this.#right = right ??
      headings.map((_, i) => shown.length > 0 && shown.every((row) => NUMBER.test(row[i])));
    this.#widths = this.#fitted([headings, ...shown]);
    return [headings, ...shown].map((row) => this.#line(row)).join("");
  }

  #line(cells: readonly string[]): string {
    const { terminal } = this.#options;
    const padded = cells.map((cell, i) => {
      const width = this.#widths![i];
      const text = terminal?.tty ? cut(cell, width) : cell;
      const space = " ".repeat(Math.max(0, width - stringWidth(text)));
      return this.#right[i] ? space + text : text + space;
    });
    return `${" ".repeat(INDENT)}${padded.join(" ".repeat(GAP))}`.trimEnd() + "\n";
  }

  /** As wide as the rows need; where that is more than there is, the widest texts give way. */
  #fitted(rows: readonly (readonly string[])[]): number[] {
    const { headings, terminal } = this.#options;
    const widths = headings.map((_, i) => Math.max(...rows.map((row) => stringWidth(row[i]))));
    if (!terminal?.tty) return widths;
    const room = terminal.columns - INDENT - GAP * (widths.length - 1);
    let over = widths.reduce((sum, width) => sum + width, -room);
    while (over > 0) {
      const texts = widths.map((width, i) => this.#right[i] ? 0 : width);
      const widest = texts.indexOf(Math.max(...texts));
      if (texts[widest] <= LEAST_WIDTH) break;
      widths[widest]--;
      over--;
    }
    return widths;
  }
}

/**
 * Rows under headings, columns as wide as they need; what looks like a number is set to the right.
 *
 * @example
 * ```ts
 * import { table } from "./table.ts";
 * const text = table(["plugin", "rows"], [["ratings", "1,204"], ["views", "7"]]);
 * if (text !== "  plugin    rows\n  ratings  1,204\n  views        7\n") throw new Error(text);
 * ```
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  terminal?: TableTerminal,
): string {
  return new Table({ headings, terminal }).text(rows);
}

/**
 * A text whose control characters are written out: what a producer sent cannot move the cursor, turn
 * the direction of what follows or end the line.
 */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** A text of at most so many cells; what is left out is told by `…`. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  let used = 1;
  for (const { segment } of characters.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    kept += segment;
  }
  return `${kept}…`;
}
