import { ExternalError } from "../std/errors.ts";
import type { ObjectStore } from "../ports/ports.ts";
import type { BlockRange } from "./archive_names.ts";

/** Where a range begins whose end is to be decided. */
export type RangeStart = Omit<BlockRange, "end">;

/**
 * Reads where the range that begins at `start` ends, if that was decided.
 *
 * @param name of the claim.
 * @throws {ExternalError} not retriable, when the object is not a claim.
 */
export async function readClaim(
  store: ObjectStore,
  name: string,
  { log, partition, start }: RangeStart,
): Promise<BlockRange | null> {
  const bytes = await store.get(name);
  if (bytes === null) return null;
  const match = /^\{"end":"([0-9]{1,20})"\}\n$/.exec(new TextDecoder().decode(bytes));
  const end = match ? BigInt(match[1]) : start;
  if (end > start) return { log, partition, start, end };
  throw new ExternalError(
    `Cannot read claim "${name}": wanted {"end":"<an offset above ${start}>"}`,
    { retriable: false },
  );
}

/**
 * Decides where the range that begins at `range.start` ends, unless that was decided. A claim is
 * never removed: a process that wakes up years later still finds the same range.
 *
 * @param name of the claim.
 * @returns the range that was decided, by this call or before.
 */
export async function claimRange(
  store: ObjectStore,
  name: string,
  range: BlockRange,
): Promise<BlockRange> {
  const bytes = new TextEncoder().encode(`{"end":"${range.end}"}\n`);
  if (await store.put(name, bytes, { ifAbsent: true })) return range;
  return (await readClaim(store, name, range))!;
}
