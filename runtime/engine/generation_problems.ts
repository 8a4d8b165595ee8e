/** What is reported of generations that answer although another one is wanted, or none is. */
import type { ProblemReport } from "../model/problems.ts";
import type { PluginTables } from "../sql/tables.ts";
import type { LiveRow } from "./live_rows.ts";

/** A generation is being built; `live` answers meanwhile. */
export function rebuildingProblem(
  live: LiveRow | null,
  { plugin: { name }, generation }: PluginTables,
  waitsFor: string,
): ProblemReport {
  return {
    code: "rebuilding",
    subject: `plugin ${name}`,
    message: live === null
      ? `Generation ${generation} of plugin "${name}" is being built; it waits for ${waitsFor}`
      : `Generation ${live.generation} of plugin "${name}" answers while generation ` +
        `${generation} is being built, which waits for ${waitsFor}`,
    plugin: name,
  };
}

/** No process computes the generation that answers, and none builds the one of the loaded code. */
export function stoppedProblem(
  live: LiveRow,
  { plugin: { name }, generation }: PluginTables,
  frozenAt: string,
): ProblemReport {
  return {
    code: "generation_stopped",
    subject: `plugin ${name}`,
    message: `No process has computed generation ${live.generation} of plugin "${name}" since ` +
      `${frozenAt}: its answers lack the events after that. The code and the settings here make ` +
      `generation ${generation}, which no process builds. Start a process with the code and ` +
      "settings that are to count, or start this one again",
    plugin: name,
  };
}

/** A process answers for a plugin that a process without it has removed. */
export function removedProblem(plugin: string): ProblemReport {
  return {
    code: "plugin_removed",
    subject: `plugin ${plugin}`,
    message: `Plugin ${plugin} was removed by a process that started without it: its relations ` +
      "raise an error, and its answers lack new events of the partitions that such processes " +
      "read. Stop the processes that still have it, or start one with it to bring it back.",
    plugin,
  };
}
