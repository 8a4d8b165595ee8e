/** Columns that tables of earlier builds lack: no migration knows the names of these tables. */
import type { Warehouse } from "../ports/ports.ts";
import { firstBlockColumn } from "../speed/ledger.ts";
import { rowsHashColumn } from "../sql/tables.ts";

/** By how the names of the tables begin. */
const added = { state_speed_: rowsHashColumn, state_ledger_: firstBlockColumn };

/**
 * Adds the columns to the tables that lack them. Processes may do so at once. Rows that are there, and
 * those that a process of an earlier build still writes, have the column's default.
 */
export async function addColumns(warehouse: Warehouse): Promise<void> {
  for (const [prefix, column] of Object.entries(added)) {
    // On a cluster a statement changes a table and the parts of it that the servers hold.
    const lacking = await warehouse.query<{ table: string }>(
      `SELECT table FROM system.columns
WHERE database = currentDatabase() AND startsWith(table, {prefix:String}) AND NOT endsWith(table, '_local')
GROUP BY table HAVING NOT has(groupArray(name), {name:String}) ORDER BY table`,
      { params: { prefix, name: column.split(" ")[0] } },
    );
    for (const { table } of lacking) {
      await warehouse.command(`ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${column}`);
    }
  }
}
