/** A catalog in the warehouse, for SQL: a table per version and a view that shows the newest. */
import { type Catalog, type CatalogField, catalogType } from "../catalog.ts";
import type { Warehouse } from "../ports.ts";
import { RowBinaryWriter } from "../row_binary.ts";
import type { CatalogVersion } from "./catalog_store.ts";

const tableOf = (catalog: Catalog, number: number) => `catalog_${catalog.name}_${number}`;

/** Fills the table of a version unless it is there, and lets the view show it. */
export async function showVersion(
  warehouse: Warehouse,
  catalog: Catalog,
  { number, rows }: CatalogVersion,
): Promise<void> {
  const table = tableOf(catalog, number);
  const columns = Object.entries(catalog.columns);
  const declared = columns.map(([name, field]) => `${name} ${catalogType(field)}`).join(", ");
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
    { params: { pattern: `^catalog_${catalog.name}_[0-9]+$` } },
  );
  for (const { name } of found) {
    const other = Number(name.slice(`catalog_${catalog.name}_`.length));
    if (other < number) await warehouse.command(`DROP TABLE IF EXISTS ${name}`);
  }
}

function write(writer: RowBinaryWriter, field: CatalogField, value: unknown): void {
  if (field.nullable) {
    writer.u8(value === null ? 1 : 0);
    if (value === null) return;
  }
  switch (field.kind) {
    case "uint32":
      return writer.u32(value as number);
    case "boolean":
      return writer.u8(value ? 1 : 0);
    case "list": {
      const each = value as readonly string[];
      writer.varint(each.length);
      for (const text of each) writer.text(text);
      return;
    }
    default:
      return writer.text(value as string);
  }
}
