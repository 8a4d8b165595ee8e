import type { DatabaseSync } from "node:sqlite";
import { type PartitionState, transact } from "./sqlite_file.ts";

/** How much one step does before others have their turn. */
const TRIM_STEP_CHUNKS = 256, VACUUM_STEP_PAGES = 256;
/** Free pages that stay in the file for the next appends, so that a steady log is not rewritten. */
const SPARE_PAGES = 512;

/**
 * Forgets some stored chunks wholly below `below`, and moves the partition's start.
 *
 * @returns whether there may be more.
 */
export function trimStep(
  database: DatabaseSync,
  partition: number,
  state: PartitionState,
  below: bigint,
): boolean {
  const next = database.prepare(
    `SELECT first_offset + record_count AS next_offset FROM chunk WHERE partition = ?
     ORDER BY first_offset LIMIT ${TRIM_STEP_CHUNKS}`,
  ).all(partition).map((row) => row.next_offset as number);
  const gone = next.filter((offset) => BigInt(offset) <= below);
  if (gone.length === 0) return false;
  const start = gone[gone.length - 1];
  transact(database, () => {
    database.prepare("DELETE FROM chunk WHERE partition = ? AND first_offset < ?")
      .run(partition, start);
    // All that is left of the partition when none of its chunks is.
    database.prepare(
      "UPDATE partition SET start_offset = ?, last_append_ms = ? WHERE partition = ?",
    ).run(start, state.lastAppendMs, partition);
  });
  state.start = start;
  return gone.length === TRIM_STEP_CHUNKS;
}

/**
 * Gives some free pages back to the disk.
 *
 * @returns whether there are more.
 */
export function vacuumStep(database: DatabaseSync): boolean {
  const free = database.prepare("PRAGMA freelist_count").get()!.freelist_count as number;
  if (free <= SPARE_PAGES) return false;
  const pages = Math.min(VACUUM_STEP_PAGES, free - SPARE_PAGES);
  database.prepare(`PRAGMA incremental_vacuum(${pages})`).all();
  return free - pages > SPARE_PAGES;
}
