/** Looks for damage in ClickHouse's tables, by ClickHouse's own checksums. */
import { DamagedError } from "../std/errors.ts";
import type { StatementOptions, Warehouse } from "../ports/ports.ts";

/** A table that keeps rows. */
export interface StoredTable {
  readonly name: string;
  readonly sizeBytes: number;
}

/** The tables of the database. */
export async function storedTables(warehouse: Warehouse): Promise<StoredTable[]> {
  const rows = await warehouse.query<{ name: string; bytes: number | string | null }>(
    `SELECT name, total_bytes AS bytes FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name`,
  );
  return rows.map(({ name, bytes }) => ({ name, sizeBytes: Number(bytes ?? 0) }));
}

/**
 * Parts that ClickHouse could not load and set aside: their rows are missing from every answer.
 *
 * @returns a fault per part.
 */
export async function detachedParts(warehouse: Warehouse): Promise<DamagedError[]> {
  const rows = await warehouse.query<{ table: string; name: string }>(
    `SELECT table, name FROM system.detached_parts
WHERE database = currentDatabase() AND startsWith(reason, 'broken') ORDER BY table, name`,
  );
  return rows.map(({ table, name }) =>
    new DamagedError(
      `table ${table}, part ${name}`,
      "ClickHouse could not read the part and set it aside",
    )
  );
}

/** Reads every byte of a table and compares checksums; returns a fault per part. */
export async function checkTable(
  warehouse: Warehouse,
  { name }: StoredTable,
  options: StatementOptions = {},
): Promise<DamagedError[]> {
  const rows = await warehouse.query<{ part_path: string; is_passed: number; message: string }>(
    `CHECK TABLE ${name}`,
    { ...options, settings: { check_query_single_value_result: 0 } },
  );
  return rows.filter(({ is_passed: passed }) => passed !== 1).map(({ part_path: part, message }) =>
    new DamagedError(`table ${name}, part ${part}`, message.replace(/^Code: \d+\. /, ""))
  );
}
