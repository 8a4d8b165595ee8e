/** Batch runs of several topics. */
import type { BatchLayer, BatchRun } from "../../runtime/ports/services.ts";

/**
 * The newest runs, the newest first.
 *
 * @param before only runs with lower numbers; null: all.
 */
export async function newestRuns(
  layers: Iterable<BatchLayer>,
  limit: number,
  before: number | null = null,
): Promise<BatchRun[]> {
  const runs = await Promise.all([...layers].map((layer) => layer.history({ limit, before })));
  return runs.flat()
    .sort((a, b) => a.started < b.started ? 1 : a.started > b.started ? -1 : b.run - a.run)
    .slice(0, limit);
}
