import { UnreadableError } from "../std/errors.ts";
import type { ArchiveFile } from "../ports/ports.ts";
import type { RunContext } from "./run_context.ts";

/** Rows below the cut: the archive may hold later blocks, and a log that the cut does not know. */
export const belowCut = "offset < {cut:Map(String, Array(UInt64))}[log][partition + 1]";

/**
 * Checks the files of some days: before the first statement over them, and before their rows are
 * published. The engine passes over a file that is missing: one that is there at both ends was read.
 *
 * @returns the files that hold the days' rows.
 * @throws DamagedError when a file is not as its manifest says.
 */
export async function checkArchive(
  context: RunContext,
  days: readonly string[],
): Promise<readonly ArchiveFile[]> {
  return await context.archive.check(days);
}

/**
 * Looks at the archive again, so that {@link archiveSql} knows where compaction stands. Called before
 * the statements of each chunk of days: they may take long together. Which rows a statement sees
 * does not depend on it, as the cut stays what it is.
 */
export async function refreshArchive(context: RunContext, days: readonly string[]): Promise<void> {
  await context.archive.check(days, { sizes: false });
}

/**
 * Runs statements over some days. When the engine cannot read what they read, the days' files are
 * hashed again: this process may have hashed them before they were damaged.
 *
 * @throws DamagedError naming the file, where one is damaged; otherwise what `read` threw.
 */
export async function readingArchive<T>(
  context: RunContext,
  days: readonly string[],
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UnreadableError) await context.archive.check(days, { again: true });
    throw error;
  }
}

/** The archive's rows of some event days. */
export function archiveSql(context: RunContext, days: readonly string[]): string {
  return context.archive.relation(days);
}
