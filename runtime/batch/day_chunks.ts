/**
 * Chunks of days. Whatever a run groups by lies within one event day (an identity has one instant, a
 * bucket is at most a day), so days can be computed one after another: hash tables stay small enough
 * to be fast and to fit in memory, whatever the length of the history.
 */
import type { ArchiveFile } from "../ports/ports.ts";

/** Memory that the grouping of one event may take, in bytes, with its key and its set. */
const BYTES_PER_ROW = 1024;

/** A reader of more days than these reads the files of all days. */
const MAX_DAYS = 365;

/** How many rows the archive's files hold of each day: what a chunk will cost. */
export function countRowsByDay(files: readonly ArchiveFile[]): ReadonlyMap<string, number> {
  const rowsByDay = new Map<string, number>();
  for (const { day, rows } of files) rowsByDay.set(day, (rowsByDay.get(day) ?? 0) + rows);
  return rowsByDay;
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
