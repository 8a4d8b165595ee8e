import { eventColumns } from "../archive/archive_relation.ts";
import { checkBatchSql } from "../batch/check_sql.ts";
import { UserError } from "../std/errors.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { ProblemSink } from "../model/problems.ts";
import type { LoadedPlugin } from "./load_plugins.ts";

/** A plugin that does not run because its batch SQL was refused. */
export interface RefusedPlugin {
  readonly plugin: string;
  readonly topic: string;
  /** Why, and what to do. */
  readonly message: string;
}

/** Plugins that may run, and those that may not. */
export interface CheckedPlugins {
  readonly accepted: readonly LoadedPlugin[];
  readonly refused: readonly RefusedPlugin[];
}

/**
 * Checks the batch SQL of all plugins. One whose SQL is refused does not run, neither in the batch
 * layer nor in the speed layer, and is a problem until the process starts with other SQL; the other
 * plugins run.
 *
 * @throws {ExternalError} when the warehouse does not answer.
 */
export async function checkPlugins(
  warehouse: Pick<Warehouse, "query">,
  loaded: readonly LoadedPlugin[],
  problems: ProblemSink,
): Promise<CheckedPlugins> {
  const accepted: LoadedPlugin[] = [];
  const refused: RefusedPlugin[] = [];
  for (const one of loaded) {
    const { plugin, batchSql } = one;
    try {
      await checkBatchSql(warehouse, { plugin, batchSql, columns: eventColumns(plugin.source) });
      accepted.push(one);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const { name, source: { topic } } = plugin;
      const message = `Plugin ${name} does not run: ${error.message}. Mend it and start again.`;
      refused.push({ plugin: name, topic, message });
      problems.set({ code: "plugin_refused", subject: `plugin ${name}`, message, plugin: name });
    }
  }
  return { accepted, refused };
}
