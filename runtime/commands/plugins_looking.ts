/** `plugins list` and `plugins inspect`. */
import type { Config } from "../settings/config.ts";
import type { InspectedPlugin } from "./target.ts";
import type { PluginStatus } from "../ports/services.ts";
import { openTarget } from "./open_target.ts";
import { table } from "./table.ts";
import { grouped } from "./text.ts";
import type { World } from "./world.ts";

/** Lists the plugins with their wanted and answering generations; returns the exit code. */
export async function pluginsListCommand(
  { json }: { readonly json: boolean },
  config: Config,
  world: World,
): Promise<number> {
  const target = await openTarget(config, world, { start: false });
  try {
    const { plugins } = await target.status();
    world.out.write(json ? `${JSON.stringify({ plugins }, null, 2)}\n` : listText(plugins));
    return 0;
  } finally {
    await target.close();
  }
}

/** Shows all of one plugin; returns the exit code. */
export async function pluginsInspectCommand(
  name: string,
  { json }: { readonly json: boolean },
  config: Config,
  world: World,
): Promise<number> {
  const target = await openTarget(config, world, { start: false });
  try {
    const plugin = await target.plugin(name);
    world.out.write(json ? `${JSON.stringify(plugin, null, 2)}\n` : inspectedText(plugin));
    return 0;
  } finally {
    await target.close();
  }
}

function listText(plugins: readonly PluginStatus[]): string {
  if (plugins.length === 0) return "There are no plugins.\n";
  const rows = plugins.map((status) => [
    status.plugin,
    status.topic || "–",
    status.state,
    status.generation || "–",
    status.answering || "–",
    builtText(status),
    status.run === null ? "–" : grouped(status.run),
  ]);
  const headings = ["plugin", "topic", "state", "generation", "answering", "built", "run"];
  return table(headings, rows);
}

const builtText = ({ rebuilding, state }: PluginStatus) =>
  state === "refused" ? "–" : `${Math.floor((rebuilding ?? 1) * 100)}%`;

function inspectedText(
  { plugin, file, batch_sql: sql, relations, status }: InspectedPlugin,
): string {
  const lines = [
    ["file", file],
    ["topic", status.topic || "unknown"],
    ["state", status.error === null ? status.state : `${status.state}: ${status.error}`],
    ["generation", status.generation || "none"],
    ["answering", status.answering || "none"],
    ["built", builtText(status)],
    ["run", status.run === null ? "none" : grouped(status.run)],
    ["relations", Object.values(relations).filter((name) => name !== "").join(", ") || "none"],
  ];
  const shown = lines.map(([what, value]) => `  ${what.padEnd(12)}${value}\n`).join("");
  return `${plugin}\n${shown}${sql === "" ? "" : `\n${sql.trimEnd()}\n`}`;
}
