import type { PluginStep, RunContext } from "./run_context.ts";

/** Rows below the cut: the archive may hold later blocks, and a log that the cut does not know. */
export const belowCut = "offset < {cut:Map(String, Array(UInt64))}[log][partition + 1]";

/** The archive's rows of a step's days; a full run names no days, because it takes all. */
export function archiveSql(context: RunContext, step: Pick<PluginStep, "full" | "days">): string {
  return context.archive.relation(step.full ? null : step.days);
}
