import { TwofoldError, UserError } from "../errors.ts";
import type { Warehouse } from "../ports.ts";
import { relationViews } from "../serving/relations.ts";
import type { PluginTables } from "../tables.ts";
import { clickHouseCode } from "../warehouse/warehouse_error.ts";

/**
 * Makes a plugin's relations, or makes them again as they are declared now. This is where the SQL of
 * `derive`, `by` and `columns` is read for the first time.
 *
 * @param logId the log that the speed layer follows.
 * @throws {UserError} naming relation and plugin, when the warehouse refuses the statement; what may
 * pass, such as a warehouse that is not reached, stays an ExternalError.
 */
export async function makeRelations(
  warehouse: Pick<Warehouse, "command">,
  tables: PluginTables,
  logId: string,
): Promise<void> {
  for (const { name, sql } of relationViews(tables, logId)) {
    try {
      await warehouse.command(sql);
    } catch (error) {
      throw refusalOf(error, `relation "${name}" of plugin "${tables.plugin.name}"`);
    }
  }
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
