/** Looks for damage in a speed table: rows that its flushes wrote and that are not there. */
import { DamagedError } from "../std/errors.ts";
import type { Warehouse } from "../ports/ports.ts";
import { type PluginTables, pointerSql, SpeedKind } from "../sql/tables.ts";

/** The first block that is not whole. */
interface BrokenBlock {
  readonly partition: number;
  readonly block: number | string;
  /** Where its last flush says that it ends; 0 where no flush says so. */
  readonly reached: number | string;
  /** The start of the next block. */
  readonly following: number | string;
}

/**
 * Compares the rows of the blocks from the published cut on, which merged answers are made of, with
 * what their flushes wrote: each block has a frontier row, begins where the one before ends, and has
 * the sums of its frontier row. Rows below the cut may be on their way out.
 *
 * Frontier rows of earlier builds have no sums: all of them are 0, and are not compared.
 *
 * @returns at most one fault.
 */
export async function checkSpeed(
  warehouse: Warehouse,
  tables: PluginTables,
  logId: string,
): Promise<DamagedError[]> {
  const pointers = await warehouse.query<{ cut: Record<string, (number | string)[]> }>(
    pointerSql(tables),
  );
  const cut = pointers[0]?.cut[logId] ?? [];
  const table = tables.speed(logId);
  const [broken] = await warehouse.query<BrokenBlock>(brokenBlockSql(tables, table), {
    params: { cut: cut.map(BigInt) },
  });
  if (broken === undefined) return [];
  const { partition, block, reached, following } = broken;
  const damage = BigInt(following) > BigInt(reached)
    ? `rows of partition ${partition} are missing: of block ${block} up to offset ${reached}, of ` +
      `the next one from offset ${following} on`
    : `the rows of partition ${partition}, block ${block}, do not add up to what its last flush ` +
      "wrote: rows are missing or changed";
  return [new DamagedError(`table ${table}`, damage)];
}

function brokenBlockSql({ plugin }: PluginTables, table: string): string {
  const { row, frontier } = SpeedKind;
  const sums = plugin.measureColumns.filter(({ additive }) => additive).map(({ name }) => name);
  const ofBlock = sums.map((name, i) =>
    `sumIf(${name}, kind = ${row}) AS held${i}, sumIf(${name}, kind = ${frontier}) AS told${i},`
  );
  const any = (of: (i: number) => string) => sums.map((_, i) => of(i)).join(" OR ") || "0";
  const differ = `(${any((i) => `told${i} != 0`)}) AND (${any((i) => `told${i} != held${i}`)})`;
  return `SELECT partition, block, reached, following FROM (
  SELECT partition, block, countIf(kind = ${frontier}) AS flushes,
    maxIf(version, kind = ${frontier}) AS reached, ${ofBlock.join(" ")}
    leadInFrame(block) OVER (PARTITION BY partition ORDER BY block
      ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS following
  FROM ${table} FINAL WHERE block >= arrayElement({cut:Array(UInt64)}, partition + 1)
  GROUP BY partition, block
) WHERE flushes = 0 OR (following > 0 AND following != reached) OR (${differ})
ORDER BY partition, block LIMIT 1`;
}

/** Up to where a speed table has counted a partition. */
export interface SpeedEnd {
  readonly table: string;
  readonly partition: number;
  readonly end: bigint;
}

/** The speed table's frontiers, where it is there. */
export async function speedEnds(
  warehouse: Warehouse,
  tables: PluginTables,
  logId: string,
): Promise<SpeedEnd[]> {
  const table = tables.speed(logId);
  const exists = await warehouse.query(
    "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
    { params: { table } },
  );
  if (exists.length === 0) return [];
  const rows = await warehouse.query<{ partition: number; end: number | string }>(
    `SELECT partition, max(version) AS end FROM ${table}
WHERE kind = ${SpeedKind.frontier} GROUP BY partition`,
  );
  return rows.map(({ partition, end }) => ({ table, partition, end: BigInt(end) }));
}
