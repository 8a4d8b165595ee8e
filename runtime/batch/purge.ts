/**
 * Removes batch rows that nobody can read any more. A reader binds a pointer and may hold it for the
 * longest allowed query, so rows go only when the oldest run that may still be held, and every later
 * one, takes newer rows in their place. Pointers stay: they are few and say which runs count.
 */
import type { QueryParams, Warehouse } from "../ports.ts";
import { BatchLevel, type PluginTables } from "../tables.ts";

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
  const published = await publishedRuns(warehouse, tables);
  const held = oldestHeld(published, options);
  const conditions = held && await hasSuperseded(warehouse, tables, held)
    ? supersededConditions(tables)
    : [];
  const orphans = options.orphans ? await orphanRuns(warehouse, tables, published) : [];
  if (orphans.length > 0) {
    conditions.push(`level >= ${BatchLevel.grain} AND run IN {orphans:Array(UInt64)}`);
  }
  if (conditions.length === 0) return false;
  await remove(warehouse, tables, conditions.map((condition) => `(${condition})`).join(" OR "), {
    held: held?.run ?? 0,
    held_full_run: held?.fullRun ?? 0,
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
  await remove(warehouse, tables, `level >= ${BatchLevel.grain} AND run = {run:UInt64}`, { run });
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

async function publishedRuns(
  warehouse: Warehouse,
  tables: PluginTables,
): Promise<PublishedRun[]> {
  const rows = await warehouse.query<Record<"run" | "full_run" | "seconds", number | string>>(
    `SELECT run, max(full_run) AS full_run, min(toUnixTimestamp(bucket)) AS seconds
FROM ${tables.batch} WHERE level = ${BatchLevel.pointer} GROUP BY run ORDER BY run`,
  );
  return rows.map((row) => ({
    run: Number(row.run),
    fullRun: Number(row.full_run),
    publishedMs: Number(row.seconds) * 1000,
  }));
}

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
  const pointers = `SELECT run FROM ${batch} WHERE level = ${BatchLevel.pointer}`;
  const newest = keys.length > 0
    ? `(${keys.join(", ")}, run) NOT IN (SELECT ${keys.join(", ")}, max(run) FROM ${batch}
    WHERE level = ${BatchLevel.all} AND run <= {held:UInt64} AND run IN (${pointers})
    GROUP BY ${keys.join(", ")})`
    : `run NOT IN (SELECT max(run) FROM ${batch}
    WHERE level = ${BatchLevel.all} AND run <= {held:UInt64} AND run IN (${pointers}))`;
  const older = "run < {held_full_run:UInt64}";
  const notTheLargest = `(${older} OR (toDate(bucket), run) NOT IN (${markers}))`;
  return [
    `level = ${BatchLevel.all} AND run <= {held:UInt64} AND (${older} OR ${newest})`,
    `level IN (${BatchLevel.marker}, ${BatchLevel.grain}, ${BatchLevel.day}) ` +
    `AND run <= {held:UInt64} AND ${notTheLargest}`,
  ];
}

/** Runs below the newest published one that have rows and no pointer: they can never get one. */
async function orphanRuns(
  warehouse: Warehouse,
  tables: PluginTables,
  published: readonly PublishedRun[],
): Promise<number[]> {
  const newest = published.at(-1)?.run ?? 0;
  const rows = await warehouse.query<{ run: number | string }>(
    `SELECT DISTINCT run FROM ${tables.batch}
WHERE level >= ${BatchLevel.grain} AND run < {newest:UInt64} AND run NOT IN (
  SELECT run FROM ${tables.batch} WHERE level = ${BatchLevel.pointer}
)`,
    { params: { newest } },
  );
  return rows.map((row) => Number(row.run));
}
