import type { RunContext } from "./run_context.ts";

/** Rows below the cut: the archive may hold later blocks, and a log that the cut does not know. */
export const belowCut = "offset < {cut:Map(String, Array(UInt64))}[log][partition + 1]";

/**
 * Looks at the archive again, so that {@link archiveSql} knows where compaction stands. Called before
 * the statements of each chunk of days: they may take long together. Which rows a statement sees
 * does not depend on it, as the cut stays what it is.
 */
export async function refreshArchive(context: RunContext): Promise<void> {
  await context.archive.frontier();
}

/** The archive's rows of some event days. */
export function archiveSql(context: RunContext, days: readonly string[]): string {
  return context.archive.relation(days);
}
