import { TwofoldError, UserError } from "../std/errors.ts";
import type { Warehouse } from "../ports/ports.ts";
import {
  mergedRelation,
  refusingView,
  type RelationView,
  relationViews,
} from "../serving/relations.ts";
import type { PluginTables } from "../sql/tables.ts";
import { clickHouseCode } from "../warehouse/warehouse_error.ts";

/**
 * Makes a plugin's relations, or makes them again as they are declared now.
 *
 * @param logId the log that the speed layer follows.
 * @param as makes another view of each one. Default: as it is.
 * @throws {UserError} naming relation and plugin, when the warehouse refuses the statement; what may
 * pass, such as a warehouse that is not reached, stays an ExternalError.
 */
export async function makeRelations(
  warehouse: Pick<Warehouse, "command">,
  tables: PluginTables,
  logId: string,
  as: (view: RelationView) => RelationView = (view) => view,
): Promise<void> {
  for (const view of relationViews(tables, logId)) {
    const { name } = view;
    try {
      await warehouse.command(as(view).sql);
    } catch (error) {
      throw refusalOf(error, `relation "${name}" of plugin "${tables.plugin.name}"`);
    }
  }
}

/** Removes a relation, if it is there. */
export async function dropRelation(
  warehouse: Pick<Warehouse, "command">,
  name: string,
): Promise<void> {
  await warehouse.command(`DROP TABLE IF EXISTS ${name}`);
}

/** Only what the engine said of the statement is the declaration's fault. */
function refusalOf(error: unknown, made: string): unknown {
  const refused = error instanceof TwofoldError && !error.retriable &&
    clickHouseCode(error) !== null;
  if (!refused) return error;
  // The engine's own words, without what was being done.
  const words = error.message.replace(/^Cannot [^:]*: /, "");
  return new UserError(`Cannot make ${made}: ${words}`, { cause: error });
}

/** The names of all tables and relations. */
export async function relationsOf(warehouse: Pick<Warehouse, "query">): Promise<Set<string>> {
  const rows = await warehouse.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase()",
  );
  return new Set(rows.map(({ name }) => name));
}

/**
 * Makes the relations of a plugin of which no generation is complete: the merged one says so.
 *
 * @param known the names of all relations. Where the merged one is among them, it shows older tables,
 * and nothing is made.
 */
export async function refuseMerging(
  warehouse: Pick<Warehouse, "command">,
  tables: PluginTables,
  logId: string,
  known: ReadonlySet<string>,
): Promise<void> {
  const { plugin, generation } = tables;
  const merged = mergedRelation(plugin).name;
  if (known.has(merged)) return;
  const message = `relation ${merged} waits for generation ${generation} of plugin ` +
    `${plugin.name}: a batch run must cover the events below its speed rows`;
  await makeRelations(
    warehouse,
    tables,
    logId,
    (view) =>
      view.name === merged
        ? refusingView(view.name, view.select, { code: "rebuilding", message })
        : view,
  );
}
