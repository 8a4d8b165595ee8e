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
