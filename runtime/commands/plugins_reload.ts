import type { Config } from "../settings/config.ts";
import type { ReloadAnswer } from "../ports/services.ts";
import { openTarget } from "./open_target.ts";
import type { World } from "./world.ts";

/** Loads the plugins' files again; returns the exit code: 1 where a plugin was refused. */
export async function pluginsReloadCommand(
  { json }: { readonly json: boolean },
  config: Config,
  world: World,
): Promise<number> {
  const target = await openTarget(config, world, { start: false });
  try {
    const answer = await target.reloadPlugins();
    const lines = reloadLines(answer).map((line) => `${line}\n`).join("");
    world.out.write(json ? `${JSON.stringify(answer, null, 2)}\n` : lines);
    return answer.refused.length > 0 ? 1 : 0;
  } finally {
    await target.close();
  }
}

/**
 * What was changed, a line for each plugin.
 *
 * @example
 * ```ts
 * import { reloadLines } from "./plugins_reload.ts";
 * const answer = { added: ["stars"], changed: [], removed: [], refused: [] };
 * if (reloadLines(answer)[0] !== "Plugin stars is new: it is being built.") throw new Error("no");
 * ```
 */
export function reloadLines({ added, changed, removed, refused }: ReloadAnswer): string[] {
  const lines = [
    ...added.map((name) => `Plugin ${name} is new: it is being built.`),
    ...changed.map((name) => `Plugin ${name} changed.`),
    ...removed.map((name) => `Plugin ${name} was removed.`),
    ...refused.map(({ plugin, file, faults }) =>
      `Plugin ${plugin} was not loaded: ${faults.join("; ")}. Correct ${file}.`
    ),
  ];
  return lines.length === 0 ? ["No plugin changed."] : lines;
}
