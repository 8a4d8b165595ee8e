/** What a failed statement says about the disk. */

/** SQLite's result codes; an extended code keeps them in its lowest byte. */
const READONLY = 8, IOERR = 10, CORRUPT = 11, FULL = 13, CANTOPEN = 14, NOTADB = 26;

/** Whether SQLite had no room: it has undone the statement, and goes on when there is room again. */
export function outOfRoom(cause: unknown): boolean {
  return resultCode(cause) === FULL;
}

/** Whether the disk or the file is at fault, so that nothing more should be written to it. */
export function isDiskFault(cause: unknown): boolean {
  return [READONLY, IOERR, CORRUPT, CANTOPEN, NOTADB].includes(resultCode(cause));
}

/** Whether the file itself is damaged or of another kind. */
export function isDamage(cause: unknown): boolean {
  return [CORRUPT, NOTADB].includes(resultCode(cause));
}

function resultCode(cause: unknown): number {
  return ((cause as { errcode?: number } | null)?.errcode ?? 0) & 0xff;
}
