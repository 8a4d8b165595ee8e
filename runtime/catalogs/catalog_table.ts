/** A catalog in the warehouse, for SQL: a table per version and a view that shows the newest. */
import { createHash } from "node:crypto";
import { type Catalog, type CatalogField, catalogType } from "../catalog.ts";
import type { Warehouse } from "../ports/ports.ts";
import { RowBinaryWriter } from "../std/row_binary.ts";
import type { CatalogRow } from "./catalog_rows.ts";
import type { CatalogVersion } from "./catalog_store.ts";

/**
 * Lets the view show a version, from a table that has its rows. A process that finds none fills one
 * of its own: no row is in a table twice where two processes show a version at the same time. A table
 * that the view does not show, or whose process died meanwhile, goes with the older versions.
 */
export async function showVersion(
  warehouse: Warehouse,
  catalog: Catalog,
  { number, rows }: CatalogVersion,
): Promise<void> {
  const columns = Object.entries(catalog.columns);
  const declared = columns.map(([name, field]) => `${name} ${catalogType(field)}`).join(", ");
  const bytes = rowsOf(catalog, rows);
  // By what is in it: a process with another declaration keeps a table of its own, and numbers
  // begin again where the store was lost.
  const hash = createHash("sha256").update(`${declared}\n`).update(bytes).digest("hex").slice(0, 8);
  const prefix = `catalog_${catalog.name}_${number}_${hash}_`;
  const table = await filledTable(warehouse, prefix, rows.length) ??
    await fillTable(warehouse, catalog, prefix, declared, bytes);
  await warehouse.command(`CREATE OR REPLACE VIEW ${catalog.name} AS SELECT * FROM ${table}`);
  await dropOthers(warehouse, catalog, number);
}

async function filledTable(
  warehouse: Warehouse,
  prefix: string,
  rows: number,
): Promise<string | null> {
  const found = await warehouse.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() " +
      "AND match(name, {pattern:String}) ORDER BY name",
    { params: { pattern: `^${prefix}[0-9a-f]{8}$` } },
  );
  for (const { name } of found) {
    const [{ count }] = await warehouse.query(`SELECT count() AS count FROM ${name}`);
    if (Number(count) === rows) return name;
  }
  return null;
}

async function fillTable(
  warehouse: Warehouse,
  { key, columns }: Catalog,
  prefix: string,
  declared: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const table = prefix + crypto.randomUUID().slice(0, 8);
  await warehouse.command(`CREATE TABLE ${table} (${declared}) ENGINE = MergeTree ORDER BY ${key}`);
  await warehouse.insert(`${table} (${Object.keys(columns).join(", ")})`, bytes);
  return table;
}

/** A statement that is under way keeps the table that it reads. */
async function dropOthers(warehouse: Warehouse, catalog: Catalog, number: number): Promise<void> {
  const found = await warehouse.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() " +
      "AND match(name, {pattern:String})",
    { params: { pattern: `^catalog_${catalog.name}_[0-9]+(_[0-9a-f]{8}){0,2}$` } },
  );
  for (const { name } of found) {
    const other = parseInt(name.slice(`catalog_${catalog.name}_`.length));
    if (other < number) await warehouse.command(`DROP TABLE IF EXISTS ${name}`);
  }
}

function rowsOf(catalog: Catalog, rows: readonly CatalogRow[]): Uint8Array<ArrayBuffer> {
  const columns = Object.entries(catalog.columns);
  const writer = new RowBinaryWriter();
  for (const row of rows) {
    for (const [name, field] of columns) write(writer, field, row[name]);
  }
  return writer.finish();
}

function write(writer: RowBinaryWriter, field: CatalogField, value: unknown): void {
  if (field.nullable) {
    writer.u8(value === null ? 1 : 0);
    if (value === null) return;
  }
  // A column that has come since has no values: it shows what its type has without one.
  switch (field.kind) {
    case "uint32":
      return writer.u32(Number(value ?? 0));
    case "boolean":
      return writer.u8(value ? 1 : 0);
    case "list": {
      const each = (value ?? []) as readonly string[];
      writer.varint(each.length);
      for (const text of each) writer.text(text);
      return;
    }
    default:
      return writer.text(String(value ?? ""));
  }
}
