import type { Reading } from "../model/reading.ts";
import type { PluginTables } from "../sql/tables.ts";

/** A plugin as the batch layer computes it. */
export interface BatchPlugin {
  readonly tables: PluginTables;
  readonly batchSql: string;
}

/** A plugin's part of a run. */
export interface PluginStep {
  readonly plugin: BatchPlugin;
  /** The published run that this one builds on; 0 when there is none. */
  readonly base: number;
  /** The last full run at the base. */
  readonly baseFullRun: number;
  readonly full: boolean;
  /** Event days to recompute, ascending. */
  readonly days: readonly string[];
  /** What it reads for them; null where the archive could not be asked, which the step finds out. */
  readonly reads: Reading | null;
  /** Other days, of runs that are published, which wait for their comparison; ascending. */
  readonly waiting: readonly string[];
}

/** How a part computes its days. */
export const modeOf = ({ full }: PluginStep) => full ? "full" : "incremental";
