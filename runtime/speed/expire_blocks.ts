/** Removes speed rows that answers no longer need. */
import type { Clock } from "../std/clock.ts";
import type { Cut } from "../model/frontier.ts";
import type { EventLog, Warehouse } from "../ports/ports.ts";
import { type PluginTables, SpeedKind } from "../sql/tables.ts";
import { type LedgerFacts, ledgerTable } from "./ledger.ts";
import { partitionsOf } from "./resume.ts";
import type { TablePositions } from "./table_positions.ts";

/** What {@link expireBlocks} works on. */
export interface ExpiryOptions {
  readonly warehouse: Warehouse;
  readonly log: EventLog;
  readonly plugins: readonly PluginTables[];
  readonly ledger: LedgerFacts;
  readonly clock: Clock;
  /** Told of the first blocks that stay, before the others go. */
  readonly positions: TablePositions;
  /** Whether other processes read the tables too. */
  readonly shared: boolean;
}

/** Readers elsewhere know the first block as of this long ago at most. */
const TOLD_MS = 5000;

/**
 * Removes speed rows by whole blocks, whichever process wrote them: those below the cut whose records
 * the log took before `beforeMs`.
 *
 * @param cuts by batch table, which names plugin and generation, the cut before the published one.
 */
export async function expireBlocks(
  options: ExpiryOptions,
  cuts: ReadonlyMap<string, Cut>,
  beforeMs: number,
): Promise<void> {
  const { warehouse, log, ledger, plugins, positions } = options;
  for (const tables of plugins) {
    const { name } = tables.plugin;
    const cut = cuts.get(tables.batch)?.[log.id];
    if (cut === undefined) continue;
    const rows = await warehouse.query<{ partition: number; kept: number | null }>(
      `SELECT partition, minIf(block, last_append_ms >= {before:Int64}) AS young,
         countIf(last_append_ms >= {before:Int64}) AS young_count,
         max(block) AS newest, if(young_count > 0, least(young, newest), newest) AS kept
       FROM ${ledgerTable(ledger, log.id)} FINAL
       WHERE block <= arrayElement({cut:Array(UInt64)}, partition + 1) GROUP BY partition`,
      { params: { cut, before: beforeMs } },
    );
    const below = partitionsOf(log).map(() => 0n);
    for (const { partition, kept } of rows) {
      const block = BigInt(kept ?? 0);
      if (block > positions.of(name, partition).first) below[partition] = block;
    }
    if (below.some((block) => block > 0n)) await removeBelow(options, tables, below);
  }
}

/**
 * Removes the blocks below `below`, by partition. First tells readers, then removes: an answer never
 * claims windows that are going.
 */
async function removeBelow(
  { warehouse, log, clock, positions, shared }: ExpiryOptions,
  tables: PluginTables,
  below: readonly bigint[],
): Promise<void> {
  const { name } = tables.plugin;
  const remove = (where: string) =>
    warehouse.command(
      `DELETE FROM ${tables.speed(log.id)}
       WHERE block < arrayElement({below:Array(UInt64)}, partition + 1)${where}`,
      { params: { below } },
    );
  for (const [partition, first] of below.entries()) {
    if (first === 0n) continue;
    positions.note(name, partition, { ...positions.of(name, partition), first });
  }
  if (shared) {
    // Without its frontier row a block is no longer told of in any process.
    await remove(` AND kind = ${SpeedKind.frontier}`);
    await clock.sleep(TOLD_MS);
  }
  await remove("");
}
