const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

/** The partitions of a new log where no setting gives their number. */
export const DEFAULT_PARTITIONS = 4;

/**
 * The 32-bit hash that Kafka's Java client takes of a key.
 *
 * @param bytes holds the key in `[start, end)`.
 * @returns a signed 32-bit integer.
 * @see https://github.com/apache/kafka `org.apache.kafka.common.utils.Utils.murmur2`
 * @example
 * ```ts
 * import { murmur2 } from "./partitioner.ts";
 * const key = new TextEncoder().encode("foobar");
 * if (murmur2(key, 0, key.length) !== -790332482) throw new Error("unexpected");
 * ```
 */
export function murmur2(bytes: Uint8Array, start: number, end: number): number {
  let hash = SEED ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    let word = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
    word = Math.imul(word, MIX);
    word = Math.imul(word ^ word >>> 24, MIX);
    hash = Math.imul(hash, MIX) ^ word;
  }
  const rest = end - at;
  if (rest > 2) hash ^= bytes[at + 2] << 16;
  if (rest > 1) hash ^= bytes[at + 1] << 8;
  if (rest > 0) hash = Math.imul(hash ^ bytes[at], MIX);
  hash = Math.imul(hash ^ hash >>> 13, MIX);
  return hash ^ hash >>> 15;
}

/**
 * The partition of a key, the one that Kafka's default partitioner chooses, so that a topic can move
 * between logs. An empty key is a key as any other.
 *
 * @param bytes holds the key in `[start, end)`.
 * @param partitions how many there are, at least 1.
 * @returns `[0, partitions)`.
 * @example
 * ```ts
 * import { partitionOf } from "./partitioner.ts";
 * const key = new TextEncoder().encode("21");
 * if (partitionOf(key, 0, key.length, 4) !== 0) throw new Error("unexpected");
 * ```
 */
export function partitionOf(
  bytes: Uint8Array,
  start: number,
  end: number,
  partitions: number,
): number {
  return (murmur2(bytes, start, end) & 0x7fffffff) % partitions;
}
