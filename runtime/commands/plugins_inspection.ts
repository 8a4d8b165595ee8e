/** `plugins list` and `plugins inspect`. */
import type { InspectedPlugin } from "./target.ts";
import { sizeText } from "../model/reading.ts";
import type { PluginStatus } from "../ports/services.ts";
import { ask, type Invocation } from "./invocation.ts";
import { table } from "./table.ts";
import { counted, grouped } from "./text.ts";

/** Lists the plugins with their wanted and answering generations; returns the exit code. */
export async function pluginsListCommand(invocation: Invocation): Promise<number> {
  await ask(
    invocation,
    async (target) => ({ plugins: (await target.status()).plugins }),
    ({ plugins }) => listText(plugins),
  );
  return 0;
}

/** Shows all of one plugin; returns the exit code. */
export async function pluginsInspectCommand(invocation: Invocation): Promise<number> {
  await ask(invocation, (target) => target.plugin(invocation.positionals[0]), inspectedText);
  return 0;
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
  state === "refused" || state === "paused" ? "–" : `${Math.floor((rebuilding ?? 1) * 100)}%`;

function underWayText({ under_way: work }: PluginStatus["batch"]): string {
  if (work === null) return "none";
  const { run, days, daysDone, events, bytes } = work;
  const reads = events === null || bytes === null
    ? ""
    : `; reads ${counted(events, "event")}, ${sizeText(bytes)}`;
  return `run ${grouped(run)}, ${grouped(daysDone)} of ${counted(days, "day")}${reads}`;
}

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
    ["under way", underWayText(status.batch)],
    ["relations", Object.values(relations).filter((name) => name !== "").join(", ") || "none"],
  ];
  const shown = lines.map(([what, value]) => `  ${what.padEnd(12)}${value}\n`).join("");
  return `${plugin}\n${shown}${sql === "" ? "" : `\n${sql.trimEnd()}\n`}`;
}
