import { checkDeadLetters, checkLedger } from "../../../runtime/engine/ledger_check.ts";
import { checkSpeed } from "../../../runtime/engine/speed_check.ts";
import { type Cut, furthest } from "../../../runtime/model/frontier.ts";
import type { Warehouse } from "../../../runtime/ports/ports.ts";
import type { PluginTables } from "../../../runtime/sql/tables.ts";
import type { MemoryLog } from "../memory_log.ts";
import type { SpeedProcess } from "./speed_process.ts";

/** Where processes write. */
export interface WrittenTables {
  readonly warehouse: Warehouse;
  readonly log: MemoryLog;
  readonly tables: PluginTables;
  /** The ledger's. */
  readonly table: string;
}

/**
 * The first damage that a check of the tables finds against what the processes know to be written,
 * else null: whatever arrived, late or twice, no table may look damaged to those who wrote it.
 */
export async function damageOf(
  processes: readonly SpeedProcess[],
  { warehouse, log, tables, table }: WrittenTables,
): Promise<string | null> {
  const { id: logId, topic } = log;
  const furthestOf = (at: (process: SpeedProcess) => bigint[]) =>
    processes.map((process) => ({ [logId]: at(process) })).reduce<Cut>(furthest, {});
  const frontier = furthestOf(({ pipelines }) =>
    pipelines.map(({ plugins }) => plugins[0].acknowledged)
  );
  const start = furthestOf(({ pipelines }) => pipelines.map(() => 0n));
  const speed = { frontier: () => frontier, start: () => start };
  const counted = furthestOf(({ pipelines }) =>
    pipelines.map(({ ledger }) => ledger!.acknowledged)
  );
  const options = { fast: false, shared: false };
  const { faults } = await checkSpeed(warehouse, { tables, speed }, logId, options);
  faults.push(
    ...await checkLedger(warehouse, { table, written: counted[logId] }),
    ...await checkDeadLetters(warehouse, { topic, logId, table, decoding: "" }),
  );
  return faults[0]?.message ?? null;
}
