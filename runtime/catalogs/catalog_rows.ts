/** Rows of a catalog: read and validated from what people send, all of them or none. */
import { parse } from "csv-parse/sync";
import type { Catalog, CatalogField } from "../catalog.ts";
import { UserError } from "../std/errors.ts";

/** A row: values by column. */
export type CatalogRow = Readonly<Record<string, unknown>>;

/** The formats that a catalog can be sent in. */
export type CatalogFormat = "ndjson" | "json-array" | "csv";

/** What separates the texts of a list in a cell of CSV. */
const LIST_SEPARATOR = "|";
/** The most rows of a catalog: it is kept in memory. */
export const MAX_ROWS = 500_000;

/**
 * Reads a catalog's rows, in the order of their keys; of rows with one key the last one stands.
 *
 * @throws {UserError} naming line, field, what was expected and what came.
 */
export function readRows(catalog: Catalog, text: string, format: CatalogFormat): CatalogRow[] {
  const rows = new Map<unknown, CatalogRow>();
  for (const { line, value } of recordsOf(catalog, text, format)) {
    const row = rowOf(catalog, value, line, format === "csv");
    rows.set(row[catalog.key], row);
    if (rows.size > MAX_ROWS) {
      throw faultAt(catalog, line, "", `expected at most ${MAX_ROWS} rows, got more`);
    }
  }
  return [...rows.values()].sort((a, b) => compareKeys(a[catalog.key], b[catalog.key]));
}

/**
 * Rows that were put under an earlier declaration, as this one has them: with its columns, and null
 * (no texts) where a row has no value that fits.
 *
 * @returns the rows, and the columns that have to have a value and lack one.
 */
export function declaredRows(
  { columns }: Catalog,
  rows: readonly CatalogRow[],
): { readonly rows: readonly CatalogRow[]; readonly missing: readonly string[] } {
  const missing = new Set<string>();
  const declared = rows.map((row) =>
    Object.fromEntries(
      Object.entries(columns).map(([name, field]) => {
        const value = own(row, name) ?? null;
        if (faultOf(field, value) === null) return [name, value ?? absent(field)];
        missing.add(name);
        return [name, absent(field)];
      }),
    )
  );
  return { rows: declared, missing: [...missing] };
}

/** Not `row[name]`: a column may be called "constructor", which every object inherits. */
const own = (row: CatalogRow, name: string) => Object.hasOwn(row, name) ? row[name] : undefined;

const absent = ({ kind }: CatalogField) => kind === "list" ? [] : null;

/** The order of keys. */
export function compareKeys(a: unknown, b: unknown): number {
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

function faultAt(catalog: Catalog, line: number, field: string, what: string): UserError {
  const where = field === "" ? `line ${line}` : `line ${line}, ${field}`;
  return new UserError(`Cannot put catalog "${catalog.name}": ${where}: ${what}`, {
    field: field || "body",
  });
}

interface RawRecord {
  /** Counted from 1; in a JSON array the element's number. */
  readonly line: number;
  readonly value: unknown;
}

function* recordsOf(catalog: Catalog, text: string, format: CatalogFormat): Generator<RawRecord> {
  if (format === "csv") return yield* csvRecords(catalog, text);
  if (format === "json-array") {
    const values = parsed(catalog, text, 1);
    if (!Array.isArray(values)) {
      throw faultAt(catalog, 1, "", `expected a JSON array, got ${shown(values)}`);
    }
    for (const [i, value] of values.entries()) yield { line: i + 1, value };
    return;
  }
  let line = 0;
  for (const each of text.split("\n")) {
    line++;
    if (each.trim() !== "") yield { line, value: parsed(catalog, each, line) };
  }
}

function parsed(catalog: Catalog, text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw faultAt(catalog, line, "", `expected JSON, got ${shown(text.slice(0, 40))}`);
  }
}

function* csvRecords(catalog: Catalog, text: string): Generator<RawRecord> {
  let records: { record: Record<string, string>; info: { lines: number } }[];
  try {
    records = parse(text, { columns: true, info: true, bom: true, skip_empty_lines: true });
  } catch (error) {
    const line = (error as { lines?: number }).lines ?? 1;
    throw faultAt(catalog, line, "", error instanceof Error ? error.message : String(error));
  }
  for (const { record, info } of records) yield { line: info.lines, value: record };
}

function rowOf(catalog: Catalog, value: unknown, line: number, cells: boolean): CatalogRow {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw faultAt(catalog, line, "", `expected a JSON object, got ${shown(value)}`);
  }
  const given = value as Record<string, unknown>;
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(catalog.columns, name));
  if (unknown !== undefined) {
    const names = Object.keys(catalog.columns).join(", ");
    throw faultAt(catalog, line, unknown, `there is no such column, expected ${names}`);
  }
  return Object.fromEntries(
    Object.entries(catalog.columns).map(([name, field]) => {
      const sent = own(given, name);
      const read = cells ? cellValue(field, sent as string | undefined) : sent ?? null;
      const wanted = faultOf(field, read) ?? listFaultOf(field, read);
      if (wanted !== null) {
        throw faultAt(catalog, line, name, `expected ${wanted}, got ${shown(sent)}`);
      }
      return [name, read ?? absent(field)];
    }),
  );
}

/** A cell of CSV as the JSON value that it stands for. */
function cellValue(field: CatalogField, cell: string | undefined): unknown {
  if (cell === undefined || cell === "") {
    return field.kind === "string" && !field.nullable ? "" : null;
  }
  switch (field.kind) {
    case "uint32":
      return /^\d{1,10}$/.test(cell) ? Number(cell) : cell;
    case "boolean":
      return cell === "true" ? true : cell === "false" ? false : cell;
    case "list":
      return cell.split(LIST_SEPARATOR);
    default:
      return cell;
  }
}

/** What a field wants, where a value is not that; else null. */
function faultOf(field: CatalogField, value: unknown): string | null {
  if (value === null) {
    return field.nullable || field.kind === "list" ? null : `${wants(field)}`;
  }
  switch (field.kind) {
    case "uint32":
      return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32
        ? null
        : wants(field);
    case "boolean":
      return typeof value === "boolean" ? null : wants(field);
    case "list":
      return Array.isArray(value) && value.every((each) => fits(each, field.maxBytes))
        ? null
        : wants(field);
    default:
      return fits(value, field.maxBytes!) ? null : wants(field);
  }
}

/** What a list's texts must be to be the same behind CSV: asked of what is put, not of what stands. */
function listFaultOf({ kind }: CatalogField, value: unknown): string | null {
  if (kind !== "list" || value === null) return null;
  return (value as string[]).every((text) => text !== "" && !text.includes(LIST_SEPARATOR))
    ? null
    : `texts that are not empty and have no ${LIST_SEPARATOR}`;
}

const encoder = new TextEncoder();
const fits = (value: unknown, maxBytes: number) =>
  typeof value === "string" && encoder.encode(value).length <= maxBytes;

function wants({ kind, nullable, ...field }: CatalogField): string {
  const what = {
    uint32: "a whole number in 0..4294967295",
    boolean: "true or false",
    list: `texts of at most ${(field as { maxBytes?: number }).maxBytes} bytes`,
  }[kind as string] ?? `a text of at most ${(field as { maxBytes?: number }).maxBytes} bytes`;
  return nullable ? `${what}, or null` : what;
}

function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
