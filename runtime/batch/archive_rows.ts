import type { RunContext } from "./run_context.ts";

/** Rows below the cut: the archive may hold later blocks, and a log that the cut does not know. */
export const belowCut = "offset < {cut:Map(String, Array(UInt64))}[log][partition + 1]";

/** The archive's rows of some event days. */
export function archiveSql(context: RunContext, days: readonly string[]): string {
  return context.archive.relation(days);
}
