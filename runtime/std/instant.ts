/** The first millisecond that is too late for an event: 2106-01-01T00:00:00Z. */
export const INSTANT_END_MS = Date.UTC(2106, 0, 1);

/** An instant as the columns hold it. */
export interface Instant {
  /** Whole milliseconds since 1970 UTC. */
  readonly ms: number;
  /** Nanoseconds within the millisecond, 0 to 999,999. */
  readonly ns: number;
}

const pattern =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?$/;

/**
 * Reads an instant: `YYYY-MM-DD`, `T` or a space, `hh:mm`, optionally `:ss` and up to nine digits of
 * fraction, then `Z`, an offset (`±hh:mm`, `±hhmm`, `±hh`) or nothing, which means UTC. `t` and `z`
 * are taken too, as RFC 3339 has it.
 *
 * The calendar is the Gregorian one without leap seconds; hour 24 is no hour. This is the
 * definition; the decoder's byte-level `scanInstant()` takes the usual forms and agrees with it.
 *
 * @param endMs the first millisecond that is too late. Default: {@link INSTANT_END_MS}.
 * @returns the instant, or null when `text` is none or lies outside 1970 to 2105 (UTC).
 * @example
 * ```ts
 * import { parseInstant } from "./instant.ts";
 * const instant = parseInstant("2024-02-29T23:30:00.000000001-01:00");
 * if (instant?.ms !== Date.UTC(2024, 2, 1, 0, 30) || instant.ns !== 1) throw new Error("unexpected");
 * if (parseInstant("2023-02-29T00:00Z") !== null) throw new Error("not a leap year");
 * ```
 */
export function parseInstant(text: string, endMs = INSTANT_END_MS): Instant | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute] = match.slice(1, 6).map(Number);
  const second = Number(match[6] ?? 0);
  const nanos = Number((match[7] ?? "").padEnd(9, "0"));
  const offsetHour = Number(match[9] ?? 0);
  const offsetMinute = Number(match[10] ?? 0);
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, so the year is checked first.
  if (year < 1969 || year > 2106 || month < 1 || month > 12) return null;
  if (day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return null;
  const offsetMs = (offsetHour * 60 + offsetMinute) * 60_000 * (match[8] === "-" ? -1 : 1);
  const ms = Date.UTC(year, month - 1, day, hour, minute, second) - offsetMs +
    Math.floor(nanos / 1e6);
  if (ms < 0 || ms >= endMs) return null;
  return { ms, ns: nanos % 1e6 };
}
