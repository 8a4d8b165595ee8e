import type { Plugin } from "../plugin.ts";
import type { Warehouse } from "../ports/ports.ts";
import { tablesOf } from "../sql/tables.ts";

/**
 * The generation that the relations in the warehouse show, where no row in `live_generations` says
 * so: builds without that table kept no declaration. Null where there is none, or where its tables
 * have other keys or measures than the plugin, so that its declaration cannot stand for them.
 */
export async function shownGeneration(
  warehouse: Pick<Warehouse, "query">,
  plugin: Plugin,
): Promise<string | null> {
  const views = await warehouse.query<{ as_select: string }>(
    `SELECT as_select FROM system.tables
WHERE database = currentDatabase() AND position(as_select, {table:String}) > 0`,
    { params: { table: `state_batch_${plugin.name}_v` } },
  );
  const table = new RegExp(`\\bstate_batch_${plugin.name}_(v\\d+_[0-9a-f]{8})\\b`);
  const generation = views.map(({ as_select }) => table.exec(as_select)?.[1]).find(Boolean);
  if (generation === undefined) return null;
  const columns = await warehouse.query<{ name: string; type: string }>(
    `SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}`,
    { params: { table: tablesOf(plugin, generation).batch } },
  );
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const own = [...plugin.keyColumns, ...plugin.measureColumns];
  // What else the table has is the same for every plugin.
  const same = own.every(({ name, sqlType }) => types.get(name) === sqlType) &&
    columns.length === own.length + FIXED_COLUMNS;
  return same ? generation : null;
}

/** level, run, bucket, day_rows, full_run, cut. */
const FIXED_COLUMNS = 6;
