/** Instants in questions: ISO 8601 text to whole seconds since 1970 UTC. */

const pattern =
  /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(?::(\d{2})(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** The end (exclusive) of what a ClickHouse DateTime holds as a date bound: 2106-01-01. */
const END_SECONDS = Date.UTC(2106, 0, 1) / 1000;

/** An instant read from text. */
export interface ReadInstant {
  /** Whole seconds since 1970 UTC. */
  readonly seconds: number;
  /** Whether the text named no fraction of a second, so that `seconds` is all of it. */
  readonly whole: boolean;
}

/**
 * Reads an ISO 8601 date or instant, `t` and `z` of RFC 3339 included; without an offset it is UTC.
 *
 * @returns null when the text is none, or lies outside 1970 to 2105.
 * @example
 * ```ts
 * import { readInstant } from "./instant.ts";
 * if (readInstant("2013-07-20T02:00+02:00")?.seconds !== 1374278400) throw new Error("unexpected");
 * if (readInstant("2013-02-30") !== null) throw new Error("unexpected");
 * ```
 */
export function readInstant(text: string): ReadInstant | null {
  const match = pattern.exec(text.toUpperCase());
  if (!match) return null;
  const [, date, minutes = "00:00", seconds = "00", fraction = "", zone = "Z"] = match;
  const midnight = new Date(`${date}T00:00:00Z`);
  // Date carries 2013-02-30 over into March: such a day does not exist.
  if (Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== date) return null;
  if (minutes.startsWith("24")) return null;
  const ms = Date.parse(`${date}T${minutes}:${seconds}${zone}`);
  if (Number.isNaN(ms) || ms < 0 || ms / 1000 > END_SECONDS) return null;
  return { seconds: ms / 1000, whole: !/[1-9]/.test(fraction) };
}

/** Whole seconds since 1970 UTC as ISO 8601 text with `Z`. */
export function isoOfSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
