/** Rows as CSV (RFC 4180): a header, CRLF, quotes where they are needed. */

/** Rows and their columns. */
export interface Table {
  readonly columns: readonly { readonly name: string }[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Writes a table as CSV. Null is an empty cell; a list's texts have `|` between.
 *
 * @example
 * ```ts
 * import { csvOf } from "./csv.ts";
 * const text = csvOf({ columns: [{ name: "a" }], rows: [{ a: 'x"y' }, { a: null }] });
 * if (text !== 'a\r\n"x""y"\r\n\r\n') throw new Error(text);
 * ```
 */
export function csvOf({ columns, rows }: Table): string {
  const names = columns.map((column) => column.name);
  const lines = [names.map(cell), ...rows.map((row) => names.map((name) => cell(row[name])))];
  return lines.map((cells) => `${cells.join(",")}\r\n`).join("");
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
