import type { SpeedLayer } from "../ports/services.ts";
import type { PluginTables } from "../sql/tables.ts";
import { ReplacedError } from "../std/errors.ts";

/**
 * A speed layer as it computes one plugin. Once that is replaced, each method throws a
 * {@link ReplacedError}, whatever runs under the plugin's name by then.
 *
 * @param plugins those that the layer computes now; the list changes.
 */
export function speedOfPlugin(
  layer: SpeedLayer,
  plugins: readonly PluginTables[],
  tables: PluginTables,
): SpeedLayer {
  const now = () => {
    if (plugins.includes(tables)) return layer;
    throw new ReplacedError(
      `Cannot answer plugin "${tables.plugin.name}": it was loaded again meanwhile; ask again`,
    );
  };
  const still = async <Value>(asked: Promise<Value>) => {
    const value = await asked;
    now();
    return value;
  };
  return {
    frontier: (plugin) => now().frontier(plugin),
    start: (plugin) => now().start(plugin),
    reached: (plugin, target, signal) => still(now().reached(plugin, target, signal)),
    fresh: () => layer.fresh(),
    recent: (plugin, cut) => now().recent(plugin, cut),
    wholeWindows: (plugin) => still(now().wholeWindows(plugin)),
  };
}
