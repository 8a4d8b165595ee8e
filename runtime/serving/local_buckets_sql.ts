/**
 * The buckets of `local_buckets.ts` in SQL. A zone's offsets are bound, because the engine has a time
 * zone database of its own.
 */
import { grainSeconds } from "../plugin.ts";
import type { QueryParams } from "../ports/ports.ts";
import { bucketStartSql } from "../sql/tables.ts";
import { arrivals, followsClock, isUtc, type LocalBucket, stepsOf } from "./local_buckets.ts";

const { day } = grainSeconds;
const WEEK = 7 * day;

/** The start of the bucket that `column`, a DateTime, falls into, as a DateTime. */
export function localBucketSql(bucket: LocalBucket, column: string): string {
  const { unit, count, zone } = bucket;
  if (isOnUtcGrid(bucket)) return bucketStartSql(count, column);
  const instant = `toInt64(toUnixTimestamp(${column}))`;
  const since = `roundDown(toUnixTimestamp(${column}), {zone_from:Array(UInt32)})`;
  const offset = `transform(${since}, {zone_from:Array(UInt32)}, {zone_offset:Array(Int32)}, 0)`;
  const local = isUtc(zone) ? instant : `(${instant} + ${offset})`;
  if (followsClock(bucket)) {
    // No zone is a week off UTC: what is divided is positive.
    const past = `(${local} + ${above(count)}) % ${count}`;
    return dateTime(`greatest(toInt64(${since}), ${instant} - ${past})`);
  }
  const start = unit === "month" ? monthStartSql(count, local) : stepStartSql(bucket, local);
  if (isUtc(zone)) return dateTime(`greatest(0, ${start})`);
  const arrived = `roundDown(${start}, {zone_local:Array(Int64)})`;
  const ofArrival = (name: string) =>
    `transform(${arrived}, {zone_local:Array(Int64)}, {${name}:Array(Int64)}, 0)`;
  return dateTime(
    `greatest(${ofArrival("zone_arrival")}, ${start} - ${ofArrival("zone_arrival_offset")})`,
  );
}

/** The values that {@link localBucketSql} binds. */
export function localBucketParameters(bucket: LocalBucket): QueryParams {
  const { zone } = bucket;
  if (isUtc(zone) || isOnUtcGrid(bucket)) return {};
  const { local, from, offset } = arrivals(zone);
  return {
    zone_from: zone.fromSeconds,
    zone_offset: zone.offsetSeconds,
    ...(followsClock(bucket)
      ? {}
      : { zone_local: local, zone_arrival: from, zone_arrival_offset: offset }),
  };
}

/** Whether buckets begin at the multiples of their width since 1970 UTC. */
function isOnUtcGrid(bucket: LocalBucket): boolean {
  const { unit, count, zone: { fromSeconds, offsetSeconds } } = bucket;
  if (unit !== "second") return false;
  if (isUtc(bucket.zone)) return true;
  return followsClock(bucket) &&
    [...fromSeconds, ...offsetSeconds].every((seconds) => seconds % count === 0);
}

const dateTime = (seconds: string) => `toDateTime(${seconds}, 'UTC')`;

/** A multiple of `size` that no offset reaches. */
const above = (size: number) => Math.ceil(WEEK / size) * size;

function stepStartSql(bucket: LocalBucket, local: string): string {
  const { size, origin } = stepsOf(bucket);
  const shift = above(size) - origin;
  return `(intDiv(${local} + ${shift}, ${size}) * ${size} - ${shift})`;
}

/** Months are counted from 1970; of those that begin earlier, any start does: time begins with 1970. */
function monthStartSql(count: number, local: string): string {
  const date = `toDate32(toInt32(intDiv(${local} + ${WEEK}, ${day}) - 7))`;
  const months = `toYear(${date}) * 12 + toMonth(${date}) - 1 - ${1970 * 12}`;
  const first = `greatest(intDiv(${months} + ${count}, ${count}) * ${count} - ${count}, -12)`;
  const start = `makeDate32(1969 + intDiv(${first} + 12, 12), (${first} + 12) % 12 + 1, 1)`;
  return `toInt64(toInt32(${start})) * ${day}`;
}
