import type { Config } from "../settings/config.ts";
import { openTarget } from "./open_target.ts";
import type { World } from "./world.ts";

/** Removes the tables and relations that no metric answers from; returns the exit code. */
export async function pluginsPruneCommand(
  { json }: { readonly json: boolean },
  config: Config,
  world: World,
): Promise<number> {
  const target = await openTarget(config, world, { start: false });
  try {
    const removed = await target.prunePlugins();
    world.out.write(json ? `${JSON.stringify({ removed }, null, 2)}\n` : prunedText(removed));
    return 0;
  } finally {
    await target.close();
  }
}

function prunedText(removed: readonly string[]): string {
  if (removed.length === 0) return "Nothing to remove.\n";
  const names = removed.map((name) => `  ${name}\n`).join("");
  const many = removed.length === 1
    ? "1 table or relation"
    : `${removed.length} tables and relations`;
  return `Removed ${many}:\n${names}`;
}
