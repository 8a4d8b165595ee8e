/**
 * Removes batch rows that nobody can read any more. A reader binds a pointer and may hold it for the
 * longest allowed query, so rows go only when the oldest run that may still be held, and every later
 * one, takes newer rows in their place. Pointers that nobody holds go too, some at a time: first a
 * row raises the floor, with a row for each number below it that was never published, so that what
 * readers know of skipped runs stays the same.
 */
import type { QueryParams, Warehouse } from "../ports/ports.ts";
import { BatchLevel, computedRows, type PluginTables } from "../sql/tables.ts";
import { floorRows, pointerColumns } from "./pointer_rows.ts";

/** Options of {@link purge}. */
export interface PurgeOptions {
  /** Milliseconds since 1970 UTC. */
  readonly nowMs: number;
  /** The longest that a reader may hold a pointer, in milliseconds. */
  readonly maxQueryMs: number;
  /** Look for rows of runs that never published, which reads the run of every row. */
  readonly orphans: boolean;
}

interface PublishedRun {
  readonly run: number;
  readonly fullRun: number;
  readonly publishedMs: number;
}

/** What a table says of its runs. */
interface Runs {
  /** The published runs whose pointers are there, ascending. */
  readonly published: readonly PublishedRun[];
  /** Numbers below the floor that were never published. */
  readonly skipped: readonly number[];
  /** Pointers of lower runs may be gone; 0 while none ever was removed. */
  readonly floor: number;
}

/** Pointers that nobody holds are removed once there are so many of them. */
const POINTERS_AT_ONCE = 64;

/**
 * Removes what can go from one batch table. Called after each publication; cheap when nothing can.
 *
 * @returns whether a statement that removes rows was run.
 */
export async function purge(
  warehouse: Warehouse,
  tables: PluginTables,
  options: PurgeOptions,
): Promise<boolean> {
  const runs = await readRuns(warehouse, tables);
  const held = oldestHeld(runs.published, options);
  const conditions: string[] = [];
  const skipped = held === null ? [] : skippedBelow(runs, held);
  if (held && await hasSuperseded(warehouse, tables, held)) {
    conditions.push(...supersededConditions(tables));
  }
  // The one before stays too: speed rows are kept from its cut on.
  const before = held === null ? 0 : runs.published.indexOf(held) - 1;
  const floor = before >= POINTERS_AT_ONCE ? runs.published[before].run : 0;
  if (floor > 0) {
    await raiseFloor(warehouse, tables, floor, skipped.filter((run) => run < floor));
    conditions.push(...belowFloorConditions);
  }
  const orphans = options.orphans ? await orphanRuns(warehouse, tables, runs) : [];
  if (orphans.length > 0) conditions.push(`${computedRows} AND run IN {orphans:Array(UInt64)}`);
  if (conditions.length === 0) return false;
  await remove(warehouse, tables, conditions.map((condition) => `(${condition})`).join(" OR "), {
    held: held?.run ?? 0,
    held_full_run: held?.fullRun ?? 0,
    floor,
    skipped,
    orphans,
  });
  return true;
}

/** Removes the rows of a run that has ended without publishing. */
export async function removeRun(
  warehouse: Warehouse,
  tables: PluginTables,
  run: number,
): Promise<void> {
  await remove(warehouse, tables, `${computedRows} AND run = {run:UInt64}`, { run });
}

/**
 * Removes rows that nobody reads. The engine does so in its own time: waiting takes seconds, and
 * what the conditions select does not depend on how much of it is gone already.
 */
async function remove(
  warehouse: Warehouse,
  { batch }: PluginTables,
  where: string,
  params: QueryParams,
): Promise<void> {
  await warehouse.command(`DELETE FROM ${batch} WHERE ${where}`, {
    params,
    settings: { lightweight_deletes_sync: 0 },
  });
}

async function readRuns(warehouse: Warehouse, tables: PluginTables): Promise<Runs> {
  const { pointer, skipped, floor } = BatchLevel;
  // One scan: a floor is seen with the rows that were written with it.
  const rows = await warehouse.query<
    Record<"level" | "run" | "full_run" | "seconds", number | string>
  >(
    `SELECT level, run, max(full_run) AS full_run, min(toUnixTimestamp(bucket)) AS seconds
FROM ${tables.batch} WHERE level IN (${pointer}, ${skipped}, ${floor})
GROUP BY level, run ORDER BY run`,
  );
  const of = (level: number) => rows.filter((row) => Number(row.level) === level);
  return {
    published: of(pointer).map((row) => ({
      run: Number(row.run),
      fullRun: Number(row.full_run),
      publishedMs: Number(row.seconds) * 1000,
    })),
    skipped: of(skipped).map(({ run }) => Number(run)),
    floor: Number(of(floor).at(-1)?.run ?? 0),
  };
}

/** The numbers from the full run of `held` up to it that were never published, ascending. */
function skippedBelow({ published, skipped, floor }: Runs, held: PublishedRun): number[] {
  const pointers = new Set(published.map(({ run }) => run));
  const numbers = skipped.filter((run) => run >= held.fullRun && run < held.run);
  for (let run = Math.max(floor, held.fullRun); run < held.run; run++) {
    if (!pointers.has(run)) numbers.push(run);
  }
  return numbers;
}

async function raiseFloor(
  warehouse: Warehouse,
  tables: PluginTables,
  floor: number,
  skipped: readonly number[],
): Promise<void> {
  await warehouse.insert(
    `${tables.batch} (${pointerColumns.join(", ")})`,
    floorRows(floor, skipped),
    { settings: { async_insert: 0, insert_deduplicate: 0 } },
  );
}

/** What a new floor makes superfluous. */
const belowFloorConditions = [
  `level IN (${BatchLevel.pointer}, ${BatchLevel.floor}) AND run < {floor:UInt64}`,
  `level = ${BatchLevel.skipped} AND run < {held_full_run:UInt64}`,
];

/** The oldest run that readers may hold: at least the one before the newest is always kept. */
function oldestHeld(
  published: readonly PublishedRun[],
  { nowMs, maxQueryMs }: PurgeOptions,
): PublishedRun | null {
  for (let i = published.length - 2; i >= 0; i--) {
    // Publication times are whole seconds: a second more is never too early.
    const released = published[i].publishedMs + 1000 + maxQueryMs;
    // Readers left run i - 1 when run i was published.
    if (released <= nowMs) return published[i];
  }
  return null;
}

/** The markers tell cheaply whether any day, at the oldest held run, has older rows too. */
async function hasSuperseded(
  warehouse: Warehouse,
  tables: PluginTables,
  held: PublishedRun,
): Promise<boolean> {
  const rows = await warehouse.query(
    `SELECT toDate(bucket) AS day FROM ${tables.batch}
WHERE level = ${BatchLevel.marker} AND run <= {held:UInt64}
GROUP BY day HAVING min(run) < max(run) OR min(run) < {held_full_run:UInt64} LIMIT 1`,
    { params: { held: held.run, held_full_run: held.fullRun } },
  );
  return rows.length > 0;
}

/**
 * Rows that run `held` does not read: of the days, those of all but the largest run; of the keys,
 * all but the newest row; and everything from before its full run.
 */
function supersededConditions({ batch, plugin }: PluginTables): string[] {
  const keys = plugin.keyColumns.map((key) => key.name);
  const markers = `SELECT toDate(bucket), max(run) FROM ${batch}
    WHERE level = ${BatchLevel.marker} AND run <= {held:UInt64} GROUP BY toDate(bucket)`;
  const counts = "run NOT IN {skipped:Array(UInt64)}";
  const newest = keys.length > 0
    ? `(${keys.join(", ")}, run) NOT IN (SELECT ${keys.join(", ")}, max(run) FROM ${batch}
    WHERE level = ${BatchLevel.all} AND run <= {held:UInt64} AND ${counts}
    GROUP BY ${keys.join(", ")})`
    : `run NOT IN (SELECT max(run) FROM ${batch}
    WHERE level = ${BatchLevel.all} AND run <= {held:UInt64} AND ${counts})`;
  const older = "run < {held_full_run:UInt64}";
  const notTheLargest = `(${older} OR (toDate(bucket), run) NOT IN (${markers}))`;
  return [
    `level = ${BatchLevel.all} AND run <= {held:UInt64} AND (${older} OR ${newest})`,
    `level IN (${BatchLevel.marker}, ${BatchLevel.grain}, ${BatchLevel.day}) ` +
    `AND run <= {held:UInt64} AND ${notTheLargest}`,
  ];
}

/** Runs below the newest published one that have rows and never had a pointer, nor can get one. */
async function orphanRuns(
  warehouse: Warehouse,
  tables: PluginTables,
  { published, skipped, floor }: Runs,
): Promise<number[]> {
  const newest = published.at(-1)?.run ?? 0;
  const rows = await warehouse.query<{ run: number | string }>(
    `SELECT DISTINCT run FROM ${tables.batch} WHERE ${computedRows} AND run < {newest:UInt64}`,
    { params: { newest } },
  );
  const pointers = new Set(published.map(({ run }) => run));
  const below = new Set(skipped);
  return rows.map((row) => Number(row.run))
    .filter((run) => !pointers.has(run) && (run >= floor || below.has(run)));
}
