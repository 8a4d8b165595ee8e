/**
 * Buckets by the clock and the calendar of a time zone, as this process computes them;
 * `local_buckets_sql.ts` is the same in SQL.
 *
 * Buckets of up to an hour follow the clock: one ends where the local time that it covers does, or
 * where the offset from UTC changes, so that a repeated hour is two buckets. Wider ones hold all
 * instants of their local time: a day has 23, 24 or 25 hours, and a date that a zone left out has no
 * bucket. A bucket is named by its first instant, and none begins before 1970 UTC.
 */
import type { ZoneOffsets } from "../expressions/time_zone.ts";
import { grainSeconds } from "../plugin.ts";

/** A bucket's width. A day is 86,400 seconds of local time; weeks begin on Monday. */
export interface Width {
  readonly unit: "second" | "week" | "month";
  readonly count: number;
}

/** A width in a time zone. */
export interface LocalBucket extends Width {
  readonly zone: ZoneOffsets;
}

/** The zone of questions that name none. */
export const utc: ZoneOffsets = { zone: "UTC", fromSeconds: [0], offsetSeconds: [0], digest: "" };

/** Whether a zone never leaves UTC. */
export const isUtc = ({ offsetSeconds }: ZoneOffsets): boolean => offsetSeconds.join() === "0";

const { minute, hour, day } = grainSeconds;
const WEEK = 7 * day;
/** The Monday before 1970-01-01, which was a Thursday, in seconds since 1970. */
export const FIRST_MONDAY = -3 * day;

const units: Readonly<Record<string, Width>> = {
  second: { unit: "second", count: 1 },
  minute: { unit: "second", count: minute },
  hour: { unit: "second", count: hour },
  day: { unit: "second", count: day },
  week: { unit: "week", count: 1 },
  month: { unit: "month", count: 1 },
};

/** The most months of a bucket: all from 1970 to 2105. */
export const MOST_MONTHS = 136 * 12;

/** Parses a width such as `hour`, `5minute` or `3month`; null for any other text. */
export function readWidth(text: string): Width | null {
  const match = /^([1-9]\d{0,9})?(second|minute|hour|day|week|month)$/.exec(text);
  if (match === null) return null;
  const { unit, count } = units[match[2]];
  const width = { unit, count: Number(match[1] ?? 1) * count };
  return unit === "month" && width.count > MOST_MONTHS ? null : width;
}

/** A width as {@link readWidth} reads it, in the largest unit. */
export function widthText({ unit, count }: Width): string {
  const [name, size] = Object.entries(units).filter(([, each]) => each.unit === unit)
    .map(([name, each]) => [name, each.count] as const)
    .findLast(([, size]) => count % size === 0)!;
  return count === size ? name : `${count / size}${name}`;
}

/** Seconds of a bucket, all of which have as many; null where they differ. */
export function fixedSeconds({ unit, count, zone }: LocalBucket): number | null {
  if (unit === "month" || !isUtc(zone)) return null;
  return unit === "week" ? count * WEEK : count;
}

/** Whether a bucket ends where the offset changes. */
export const followsClock = ({ unit, count }: Width): boolean => unit === "second" && count <= hour;

/** Seconds of local time in a bucket, and where one begins, counted from 1970. */
export function stepsOf(
  { unit, count }: Width,
): { readonly size: number; readonly origin: number } {
  return unit === "week"
    ? { size: count * WEEK, origin: FIRST_MONDAY }
    : { size: count, origin: 0 };
}

/** Whether a bucket holds whole steps of so many seconds; weeks and months begin with a day. */
export const holdsSteps = ({ unit, count }: Width, step: number): boolean =>
  (unit === "second" ? count : day) % step === 0;

/** Which of a zone's offsets holds at an instant. */
const indexAt = ({ fromSeconds }: ZoneOffsets, seconds: number): number =>
  fromSeconds.findLastIndex((from) => from <= seconds);

/** Seconds to add to UTC at an instant. */
export const offsetAt = (zone: ZoneOffsets, seconds: number): number =>
  zone.offsetSeconds[indexAt(zone, seconds)];

/**
 * The start of the bucket that an instant lies in; all in seconds since 1970 UTC.
 *
 * @example
 * ```ts
 * import { offsetsOf } from "../expressions/time_zone.ts";
 * import { startOfBucket } from "./local_buckets.ts";
 * const day = { unit: "second", count: 86400, zone: offsetsOf("Europe/Berlin") } as const;
 * const start = startOfBucket(day, Date.UTC(2024, 2, 31, 12) / 1000);
 * if (start !== Date.UTC(2024, 2, 30, 23) / 1000) throw new Error(String(start));
 * ```
 */
export function startOfBucket(bucket: LocalBucket, seconds: number): number {
  const { zone, count } = bucket;
  const at = indexAt(zone, seconds);
  const local = seconds + zone.offsetSeconds[at];
  return followsClock(bucket)
    ? Math.max(zone.fromSeconds[at], seconds - modulo(local, count))
    : firstInstant(zone, localStart(bucket, local));
}

/** The start of the first bucket that has an instant of `[from, to)`. */
export function firstStart(bucket: LocalBucket, from: number, to: number): number {
  // Where the clock is put back over midnight, a bucket that began before is met again.
  const changes = bucket.zone.fromSeconds.filter((since) => from < since && since < to);
  return Math.min(...[from, ...changes].map((seconds) => startOfBucket(bucket, seconds)));
}

/** The start of the bucket after the one that begins at `start`. */
export function nextStart(bucket: LocalBucket, start: number): number {
  const { zone, count } = bucket;
  const at = indexAt(zone, start);
  const local = start + zone.offsetSeconds[at];
  if (followsClock(bucket)) {
    return Math.min(zone.fromSeconds[at + 1] ?? Infinity, start + count - modulo(local, count));
  }
  let label = localStart(bucket, local);
  let next = start;
  // A bucket of which a zone left out every instant begins with the one after.
  while (next <= start) next = firstInstant(zone, label = localNext(bucket, label));
  return next;
}

/** The local time at an instant, in seconds. */
export const localAt = (zone: ZoneOffsets, seconds: number): number =>
  seconds + offsetAt(zone, seconds);

/** The local time at which a range ends: what the clock had come to, before any change of it there. */
export const localEnd = (zone: ZoneOffsets, seconds: number): number =>
  seconds + offsetAt(zone, seconds - 1);

/**
 * The first instant at which a zone's clock shows what is so much earlier than a local time, or a later
 * time; a month may be too short for a day, and ends then.
 */
export function shiftedBack(zone: ZoneOffsets, local: number, { unit, count }: Width): number {
  if (unit !== "month") {
    return firstInstant(zone, local - stepsOf({ unit, count }).size);
  }
  const month = monthOf(local);
  const past = local - monthStart(month);
  return firstInstant(
    zone,
    Math.min(monthStart(month - count) + past, monthStart(month - count + 1)),
  );
}

/** The local time at which the bucket of a local time begins. */
function localStart(width: Width, local: number): number {
  if (width.unit === "month") {
    const months = monthOf(local);
    return monthStart(months - modulo(months, width.count));
  }
  const { size, origin } = stepsOf(width);
  return local - modulo(local - origin, size);
}

function localNext(width: Width, start: number): number {
  return width.unit === "month"
    ? monthStart(monthOf(start) + width.count)
    : start + stepsOf(width).size;
}

/** Months since 1970. */
function monthOf(local: number): number {
  const date = new Date(local * 1000);
  return 12 * (date.getUTCFullYear() - 1970) + date.getUTCMonth();
}

const monthStart = (months: number) => Date.UTC(1970, months) / 1000;

const modulo = (n: number, divisor: number) => (n % divisor + divisor) % divisor;

/** The first instant at which a zone's clock shows a local time or a later one. */
function firstInstant(zone: ZoneOffsets, local: number): number {
  const { local: ends, from, offset } = arrivals(zone);
  const at = ends.findLastIndex((end) => end <= local);
  return Math.max(from[at], local - offset[at]);
}

/** By which offset a zone's clock first shows a local time. */
export interface Arrivals {
  /** From which local time on, ascending; the first is before all times. */
  readonly local: readonly number[];
  /** From which instant on the offset holds. */
  readonly from: readonly number[];
  readonly offset: readonly number[];
}

/** The start of no bucket is as early, in seconds since 1970. */
const BEFORE_ALL = -(2 ** 33);

const known = new WeakMap<ZoneOffsets, Arrivals>();

/** The arrivals of a zone: where the clock was put back, it showed the time that came again before. */
export function arrivals(zone: ZoneOffsets): Arrivals {
  let found = known.get(zone);
  if (found === undefined) known.set(zone, found = arrivalsOf(zone));
  return found;
}

function arrivalsOf({ fromSeconds, offsetSeconds }: ZoneOffsets): Arrivals {
  const local: number[] = [];
  const from: number[] = [];
  const offset: number[] = [];
  /** How far the clock has come. */
  let reached = BEFORE_ALL;
  for (const [i, since] of fromSeconds.entries()) {
    const end = (fromSeconds[i + 1] ?? Infinity) + offsetSeconds[i];
    if (end <= reached) continue;
    local.push(reached);
    from.push(since);
    offset.push(offsetSeconds[i]);
    reached = end;
  }
  return { local, from, offset };
}
