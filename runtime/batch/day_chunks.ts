/**
 * Chunks of days. Whatever a run groups by lies within one event day (an identity has one instant, a
 * bucket is at most a day), so days can be computed one after another: hash tables stay small enough
 * to be fast and to fit in memory, whatever the length of the history.
 */
import { archiveSql } from "./archive_rows.ts";
import { type RunContext, statement } from "./run_context.ts";

/** Memory that the grouping of one event may take, in bytes, with its key and its set. */
const BYTES_PER_ROW = 1024;

/** A reader of more days than these reads the files of all days. */
const MAX_DAYS = 365;

/** How many rows the archive holds of each day: what a chunk will cost. */
export async function countRowsByDay(
  context: RunContext,
  days: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (days.length < 2) return new Map();
  const rows = await context.warehouse.query<{ day: string; rows: number | string }>(
    `SELECT toString(toDate(event_time)) AS day, count() AS rows
FROM ${archiveSql(context, days)} GROUP BY day`,
    statement(context),
  );
  return new Map(rows.map((row) => [row.day, Number(row.rows)]));
}

/** Cuts days, in their order, into chunks whose rows fit in memory; a large day is one by itself. */
export function dayChunks(
  days: readonly string[],
  rowsByDay: ReadonlyMap<string, number>,
  memoryLimitBytes: number,
): string[][] {
  const most = memoryLimitBytes / BYTES_PER_ROW;
  const chunks: string[][] = [];
  let room = 0;
  for (const day of days) {
    const rows = rowsByDay.get(day) ?? 0;
    const chunk = chunks.at(-1);
    if (chunk && rows <= room && chunk.length < MAX_DAYS) {
      chunk.push(day);
      room -= rows;
    } else {
      chunks.push([day]);
      room = most - rows;
    }
  }
  return chunks;
}
