import { ExternalError } from "../errors.ts";
import type { ObjectStore } from "../ports.ts";
import { type BlockRange, compactionClaimName } from "./archive_names.ts";

/** Where a compacted range begins. */
export type RangeStart = Omit<BlockRange, "end">;

/**
 * Reads where the range that begins at `start` ends, if that was decided.
 *
 * @throws {ExternalError} not retriable, when the object is not a claim.
 */
export async function readClaim(
  store: ObjectStore,
  topic: string,
  { log, partition, start }: RangeStart,
): Promise<BlockRange | null> {
  const name = compactionClaimName(topic, log, partition, start);
  const bytes = await store.get(name);
  if (bytes === null) return null;
  const match = /^\{"end":"([0-9]{1,20})"\}\n$/.exec(new TextDecoder().decode(bytes));
  const end = match ? BigInt(match[1]) : start;
  if (end > start) return { log, partition, start, end };
  throw new ExternalError(
    `Cannot read compaction claim "${name}": wanted {"end":"<an offset above ${start}>"}`,
    { retriable: false },
  );
}

/**
 * Decides where the range that begins at `range.start` ends, unless that was decided. A claim is
 * never removed: a compactor that wakes up years later still finds the same range.
 *
 * @returns the range that was decided, by this call or before.
 */
export async function claimRange(
  store: ObjectStore,
  topic: string,
  range: BlockRange,
): Promise<BlockRange> {
  const name = compactionClaimName(topic, range.log, range.partition, range.start);
  const bytes = new TextEncoder().encode(`{"end":"${range.end}"}\n`);
  if (await store.put(name, bytes, { ifAbsent: true })) return range;
  return (await readClaim(store, topic, range))!;
}
