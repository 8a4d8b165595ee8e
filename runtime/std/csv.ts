/** Cells and lines of CSV (RFC 4180): CRLF, quotes where they are needed. */

/**
 * A line of CSV. Null is an empty cell, `""` where it is the only one: readers skip blank lines. A
 * list's texts have `|` between, as catalogs read them.
 *
 * @example
 * ```ts
 * import { csvLine } from "./csv.ts";
 * const line = csvLine(['x"y', null, ["a", "b"], 1]);
 * if (line !== '"x""y",,a|b,1\r\n') throw new Error(line);
 * ```
 */
export function csvLine(values: readonly unknown[]): string {
  const line = values.map(cell).join(",");
  return `${values.length === 1 && line === "" ? '""' : line}\r\n`;
}

/**
 * The last line of CSV that has fewer rows than there are: one cell that begins with `#`. A file that
 * was saved keeps it, while headers are lost.
 *
 * @param how how to get the others, such as `ask for them with after=abc`; null when there is no way.
 */
export function moreRowsLine(how: string | null): string {
  return csvLine([`# There are more rows${how === null ? "" : `: ${how}`}`]);
}

function cell(value: unknown): string {
  const text = value === null || value === undefined
    ? ""
    : Array.isArray(value)
    ? value.join("|")
    : typeof value === "object"
    ? JSON.stringify(value)
    : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
