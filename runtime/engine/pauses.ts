/** The table `paused_metrics`: which metrics an operator has paused, for every process. */
import type { Warehouse } from "../ports/ports.ts";

/** Since when a metric is paused, and by whom. */
export interface Pause {
  readonly plugin: string;
  /** ISO 8601. */
  readonly at: string;
  readonly by: string;
}

/** The paused metrics, by plugin. */
export async function readPauses(
  warehouse: Pick<Warehouse, "query">,
): Promise<ReadonlyMap<string, Pause>> {
  const rows = await warehouse.query<Pause>(
    "SELECT plugin, at, changed_by AS by FROM paused_metrics FINAL WHERE paused = 1 ORDER BY plugin",
  );
  return new Map(rows.map((row) => [row.plugin, row]));
}

/** Pauses a metric, or resumes it. */
export async function writePause(
  warehouse: Pick<Warehouse, "command">,
  { plugin, at, by }: Pause,
  paused: boolean,
): Promise<void> {
  await warehouse.command(
    `INSERT INTO paused_metrics (plugin, paused, at, changed_by)
SELECT {plugin:String}, {paused:UInt8}, parseDateTime64BestEffort({at:String}, 3, 'UTC'), {by:String}`,
    { params: { plugin, paused: paused ? 1 : 0, at, by } },
  );
}
