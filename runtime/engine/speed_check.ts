/** Looks for damage in a speed table: rows that its flushes wrote and that are not there. */
import type { Warehouse } from "../ports/ports.ts";
import type { SpeedLayer } from "../ports/services.ts";
import { type PluginTables, pointerSql, rowHashSql, SpeedKind } from "../sql/tables.ts";
import { DamagedError } from "../std/errors.ts";
import { type BrokenBlock, brokenBlockSql, foundTwice, gapBehind } from "./block_chain.ts";
import { onEveryServer } from "./warehouse_check.ts";

/** A generation's tables, and what this process knows of its speed rows. */
export interface CheckedPlugin {
  readonly tables: PluginTables;
  readonly speed: Pick<SpeedLayer, "frontier" | "start">;
}

/** How {@link checkSpeed} looks. */
export interface SpeedCheckOptions {
  /** Whether to read only the blocks from the published cut on, as merged answers do. */
  readonly fast: boolean;
  /** Whether other processes remove speed rows, too. */
  readonly shared: boolean;
}

/** Up to where a speed table has counted a partition. */
export interface SpeedEnd {
  readonly table: string;
  readonly partition: number;
  readonly end: bigint;
}

/** The blocks that a table has of a partition, by their frontier rows. */
interface Extent {
  readonly partition: number;
  readonly first: bigint;
  readonly end: bigint;
  /** Whether a block begins at the published cut. */
  readonly atCut: boolean;
}

/**
 * Compares a speed table with what its flushes wrote. In each partition the rows begin and end where
 * this process knows that they do, and a block begins at the published cut. Each block has a frontier
 * row, begins where the one before ends, and has rows whose hashes add up to the sum in the frontier
 * row. Frontier rows of earlier builds have no sum, which is 0 and is not compared.
 *
 * @returns at most one fault, and where the partitions end.
 */
export async function checkSpeed(
  warehouse: Warehouse,
  { tables, speed }: CheckedPlugin,
  logId: string,
  options: SpeedCheckOptions,
): Promise<{ faults: DamagedError[]; ends: SpeedEnd[] }> {
  const { name } = tables.plugin;
  const table = tables.speed(logId);
  // Before the table is read: what was acknowledged by then is in it.
  const [start, written] = [speed.start(name), speed.frontier(name)].map((at) => at[logId] ?? []);
  const pointers = await warehouse.query<{ cut: Record<string, (number | string)[]> }>(
    pointerSql(tables),
  );
  const cut = (pointers[0]?.cut[logId] ?? []).map(BigInt);
  const extents = await extentsOf(warehouse, table, cut);
  // Afterwards: a process takes note of what it is about to remove.
  const kept = options.shared ? null : speed.start(name)[logId] ?? [];
  const damage = extentDamage(extents, { cut, start, written, kept }) ??
    await blockDamage(warehouse, tables, table, cut, options);
  return {
    faults: damage === null ? [] : [new DamagedError(`table ${table}`, damage)],
    ends: extents.map(({ partition, end }) => ({ table, partition, end })),
  };
}

async function extentsOf(
  warehouse: Warehouse,
  table: string,
  cut: readonly bigint[],
): Promise<Extent[]> {
  const rows = await warehouse.query<
    { partition: number; first: number | string; end: number | string; at_cut: number | string }
  >(
    `SELECT partition, min(block) AS first, max(version) AS end,
  countIf(block = arrayElement({cut:Array(UInt64)}, partition + 1)) AS at_cut
FROM ${table} WHERE kind = ${SpeedKind.frontier} GROUP BY partition ORDER BY partition`,
    { params: { cut } },
  );
  return rows.map(({ partition, first, end, at_cut: atCut }) => ({
    partition,
    first: BigInt(first),
    end: BigInt(end),
    atCut: Number(atCut) > 0,
  }));
}

interface KnownRows {
  /** Up to where the published run covers the log. */
  readonly cut: readonly bigint[];
  /** Where the rows begin that answers are made of. */
  readonly start: readonly bigint[];
  /** Up to where they were written. */
  readonly written: readonly bigint[];
  /** Where they still begin; null where another process may just have removed some. */
  readonly kept: readonly bigint[] | null;
}

function extentDamage(
  extents: readonly Extent[],
  { cut, start, written, kept }: KnownRows,
): string | null {
  for (const [partition, reached] of written.entries()) {
    if (reached === 0n) continue;
    const nothing = { first: 0n, end: 0n, atCut: false };
    const { first, end, atCut } = extents.find((of) => of.partition === partition) ?? nothing;
    const missing = `rows of partition ${partition} are missing`;
    const from = cut[partition] ?? 0n;
    // Of a metric that has fallen behind the cut, all rows may have been removed.
    if (end < reached && reached > from) {
      return `the newest ${missing}: they reached offset ${reached} and end at ${end}; a restart ` +
        "alone counts them again";
    }
    if (kept !== null && end > 0n && first > kept[partition]) {
      return `the oldest ${missing}: they began at offset ${kept[partition]} and begin at ${first}`;
    }
    if (start[partition] <= from && from <= end && !atCut) {
      return `${missing}: no block begins at offset ${from}, from which on answers read them`;
    }
  }
  return null;
}

async function blockDamage(
  warehouse: Warehouse,
  tables: PluginTables,
  table: string,
  cut: readonly bigint[],
  { fast }: SpeedCheckOptions,
): Promise<string | null> {
  const { row, frontier } = SpeedKind;
  const isAnswered = "block >= arrayElement({cut:Array(UInt64)}, partition + 1)";
  const blocks = `SELECT *, minIf(block, flushes > 0) OVER (PARTITION BY partition) AS first,
    flushes > 0 AND (told = 0 OR told = held) AS whole
  FROM (
    SELECT partition, block, countIf(kind = ${frontier}) AS flushes,
      maxIf(version, kind = ${frontier}) AS reached, maxIf(_rows_hash, kind = ${frontier}) AS told,
      toUInt32(sumIf(${rowHashSql(tables.plugin)}, kind = ${row})) AS held
    FROM ${table} FINAL WHERE ${fast ? isAnswered : "1"} GROUP BY partition, block
  )`;
  // Blocks that are removed lose their rows bit by bit, and their frontier rows not last.
  const removals = `SELECT count() FROM ${onEveryServer(warehouse, "system.mutations")}
WHERE database = {database:String} AND table IN ({tables:Array(String)}) AND NOT is_done`;
  const sql = brokenBlockSql(blocks, `${isAnswered} OR (block >= first AND (${removals}) = 0)`);
  const params = { cut, database: warehouse.database, tables: [table, `${table}_local`] };
  const broken = await foundTwice(async () =>
    (await warehouse.query<BrokenBlock>(`${sql}\nSETTINGS max_threads = 1`, { params }))[0]
  );
  if (broken === undefined) return null;
  return gapBehind(broken) ??
    `the rows of partition ${broken.partition}, block ${broken.block}, are not those that its ` +
      "flushes wrote: rows are missing or changed";
}
