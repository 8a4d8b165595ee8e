/** A catalog in the warehouse, for SQL: a table per version and a view that shows the newest. */
import { createHash } from "node:crypto";
import { type Catalog, type CatalogField, catalogType } from "../catalog.ts";
import type { Warehouse } from "../ports.ts";
import { RowBinaryWriter } from "../row_binary.ts";
import type { CatalogVersion } from "./catalog_store.ts";

/**
 * By the declared columns, too: a process with another declaration keeps a table of its own. And by
 * when it was put: numbers begin again where the store was lost.
 */
function tableOf(
  catalog: Catalog,
  { number, updated }: CatalogVersion,
  declared: string,
): string {
  const of = createHash("sha256").update(`${updated} ${declared}`).digest("hex").slice(0, 8);
  return `catalog_${catalog.name}_${number}_${of}`;
}

/** Fills the table of a version unless it is there, and lets the view show it. */
export async function showVersion(
  warehouse: Warehouse,
  catalog: Catalog,
  version: CatalogVersion,
): Promise<void> {
  const { number, rows } = version;
  const columns = Object.entries(catalog.columns);
  const declared = columns.map(([name, field]) => `${name} ${catalogType(field)}`).join(", ");
  const table = tableOf(catalog, version, declared);
  const [{ there }] = await warehouse.query<{ there: number }>(
    "SELECT count() AS there FROM system.tables WHERE database = currentDatabase() " +
      "AND name = {table:String} AND total_rows = {rows:UInt64}",
    { params: { table, rows: rows.length } },
  );
  if (!Number(there)) {
    await warehouse.command(
      `CREATE OR REPLACE TABLE ${table} (${declared}) ENGINE = MergeTree ORDER BY ${catalog.key}`,
    );
    const writer = new RowBinaryWriter();
    for (const row of rows) {
      for (const [name, field] of columns) write(writer, field, row[name]);
    }
    await warehouse.insert(
      `${table} (${columns.map(([name]) => name).join(", ")})`,
      writer.finish(),
    );
  }
  await warehouse.command(`CREATE OR REPLACE VIEW ${catalog.name} AS SELECT * FROM ${table}`);
  await dropOthers(warehouse, catalog, number);
}

/** A statement that is under way keeps the table that it reads. */
async function dropOthers(warehouse: Warehouse, catalog: Catalog, number: number): Promise<void> {
  const found = await warehouse.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() " +
      "AND match(name, {pattern:String})",
    { params: { pattern: `^catalog_${catalog.name}_[0-9]+(_[0-9a-f]{8})?$` } },
  );
  for (const { name } of found) {
    const other = parseInt(name.slice(`catalog_${catalog.name}_`.length));
    if (other < number) await warehouse.command(`DROP TABLE IF EXISTS ${name}`);
  }
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
