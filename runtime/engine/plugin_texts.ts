/** What the author of a plugin wrote, for pages and the API. */
import type { Plugin } from "../plugin.ts";
import type { PluginText } from "../ports/services.ts";
import { relationNames } from "../serving/relations.ts";
import type { LoadedPlugin } from "./load_plugins.ts";
import type { KnownRefused } from "./refused_plugins.ts";

/** The texts of a plugin that runs. */
export const textOf = ({ plugin, file, source, batchSql }: LoadedPlugin): PluginText => ({
  plugin: plugin.name,
  file,
  source,
  batch_sql: batchSql,
  relations: relationsOf(plugin),
});

/**
 * The texts of a plugin that does not run.
 *
 * @param shown the declaration whose relations show rows.
 */
export function refusedText(
  { name, file, source, declared }: KnownRefused,
  shown: Plugin | null,
): PluginText {
  const plugin = shown ?? declared?.plugin ?? null;
  const relations = plugin === null ? { speed: "", batch: "", merged: "" } : relationsOf(plugin);
  return { plugin: name, file, source, batch_sql: declared?.batchSql ?? "", relations };
}

function relationsOf(plugin: Plugin): PluginText["relations"] {
  const [speed, batch, merged] = relationNames(plugin);
  return { speed, batch, merged };
}
