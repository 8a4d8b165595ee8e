/** Offsets of time zones: one table for the loops and the SQL of expressions. */
import { closest } from "../std/closest.ts";
import { digestOf } from "../std/digest.ts";
import { quoted } from "../std/quoted.ts";

/** The offsets of a zone from UTC in turn, from 1970 to 2106. */
export interface ZoneOffsets {
  /** The zone's name as the database spells it. */
  readonly zone: string;
  /** From when on each holds, in seconds since 1970 UTC; the first is 0. */
  readonly fromSeconds: readonly number[];
  /** Seconds to add to UTC. */
  readonly offsetSeconds: readonly number[];
  /** Of both lists. */
  readonly digest: string;
}

/** No event happens later: 2106-01-01, in seconds since 1970 UTC. */
const END_SECONDS = Date.UTC(2106, 0) / 1000;

// Plugins declare without clocks, of which it has one.
const { Temporal } = globalThis;
const known = new Map<string, ZoneOffsets>();

/**
 * The offsets of a zone, as this runtime knows them.
 *
 * @param zone a name of the IANA database, such as `Europe/Berlin`.
 * @throws {TypeError} when there is no such zone, or the runtime has no `Temporal`.
 * @example
 * ```ts
 * import { offsetsOf } from "./time_zone.ts";
 * const { fromSeconds, offsetSeconds } = offsetsOf("Africa/Monrovia");
 * // Half an hour and a bit behind UTC until 7 January 1972.
 * if (offsetSeconds.join() !== "-2670,0") throw new Error(`${fromSeconds}: ${offsetSeconds}`);
 * ```
 */
export function offsetsOf(zone: string): ZoneOffsets {
  if (Temporal === undefined) {
    throw new TypeError("this JavaScript runtime has no time zones (Temporal); Deno has them");
  }
  const start = known.has(zone) ? null : zoned(zone);
  // Names are read in any case: each zone is kept once.
  const name = start?.timeZoneId ?? zone;
  let offsets = known.get(name);
  if (offsets === undefined) known.set(name, offsets = read(start!));
  return offsets;
}

function read(start: Temporal.ZonedDateTime): ZoneOffsets {
  const fromSeconds: number[] = [];
  const offsetSeconds: number[] = [];
  let at: Temporal.ZonedDateTime | null = start;
  while (at !== null && at.epochMilliseconds / 1000 < END_SECONDS) {
    const offset = at.offsetNanoseconds / 1e9;
    if (offset !== offsetSeconds.at(-1)) {
      fromSeconds.push(at.epochMilliseconds / 1000);
      offsetSeconds.push(offset);
    }
    at = at.getTimeZoneTransition("next");
  }
  return {
    zone: start.timeZoneId,
    fromSeconds,
    offsetSeconds,
    digest: digestOf([fromSeconds, offsetSeconds]),
  };
}

function zoned(zone: string): Temporal.ZonedDateTime {
  try {
    // A plain offset such as "+01:00" is no name.
    if (/^[A-Za-z]/.test(zone)) {
      return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
    }
  } catch {
    // The message says what was expected.
  }
  const hint = closest(zone.slice(0, 80), Intl.supportedValuesOf("timeZone"));
  throw new TypeError(`expected a time zone such as "Europe/Berlin", got ${quoted(zone)}${hint}`);
}
