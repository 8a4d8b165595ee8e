/** Rows as CSV, with a header. */
import { csvLine } from "../../runtime/std/csv.ts";

/** Rows and their columns. */
export interface Table {
  readonly columns: readonly { readonly name: string }[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Writes a table as CSV. Null is an empty cell, `""` where it is the only one; a list's texts have
 * `|` between.
 *
 * @example
 * ```ts
 * import { csvOf } from "./csv.ts";
 * const text = csvOf({ columns: [{ name: "a" }], rows: [{ a: 'x"y' }, { a: null }] });
 * if (text !== 'a\r\n"x""y"\r\n""\r\n') throw new Error(text);
 * ```
 */
export function csvOf({ columns, rows }: Table): string {
  const names = columns.map((column) => column.name);
  return csvLine(names) + rows.map((row) => csvLine(names.map((name) => row[name]))).join("");
}
