/** Batch runs as pages list them. */
import type { ListedRun } from "../(_parts)/listed_run.ts";
import type { BatchLayer } from "../../runtime/ports/services.ts";
import { newestRuns } from "../api/newest_runs.ts";

/** See {@link newestRuns}. */
export async function listedRuns(
  layers: Iterable<BatchLayer>,
  limit: number,
  before: number | null = null,
): Promise<ListedRun[]> {
  return (await newestRuns(layers, limit, before)).map(({ cut: _, ...run }) => run);
}
