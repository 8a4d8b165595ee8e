/** Instants in questions and answers: ISO 8601 text. */
import type { ZoneOffsets } from "../expressions/time_zone.ts";
import { type Instant, INSTANT_END_MS, parseInstant } from "../std/instant.ts";
import { offsetAt } from "./local_buckets.ts";

/** An ISO 8601 date or instant; {@link parseInstant} takes more forms. */
const FORM = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$/i;

/**
 * Reads an ISO 8601 date or instant, `t` and `z` of RFC 3339 included; without an offset it is UTC. A
 * range may end where times end, with 2106.
 *
 * @returns null when the text is none, or lies outside 1970 to 2105.
 * @example
 * ```ts
 * import { readInstant } from "./instant.ts";
 * if (readInstant("2013-07-20T02:00+02:00")?.ms !== 1374278400000) throw new Error("unexpected");
 * if (readInstant("2013-02-30") !== null) throw new Error("unexpected");
 * ```
 */
export function readInstant(text: string): Instant | null {
  if (!FORM.test(text)) return null;
  return parseInstant(/T/i.test(text) ? text : `${text}T00:00`, INSTANT_END_MS + 1);
}

/** Whole seconds since 1970 UTC as ISO 8601 text with `Z`. */
export function isoOfSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/**
 * Whole seconds since 1970 UTC as ISO 8601 text with the offset of a time zone. ISO 8601 has no
 * offsets with seconds, such as Africa/Monrovia's before 1972: such an instant ends with `Z`.
 *
 * @example
 * ```ts
 * import { offsetsOf } from "../expressions/time_zone.ts";
 * import { isoInZone } from "./instant.ts";
 * const text = isoInZone(1374278400, offsetsOf("Europe/Berlin"));
 * if (text !== "2013-07-20T02:00:00+02:00") throw new Error(text);
 * ```
 */
export function isoInZone(seconds: number, zone: ZoneOffsets): string {
  const offset = offsetAt(zone, seconds);
  if (offset % 60 !== 0) return isoOfSeconds(seconds);
  return isoOfSeconds(seconds + offset).replace("Z", offsetText(offset));
}

/** An offset of whole minutes as `+05:30`. */
export function offsetText(offsetSeconds: number): string {
  const minutes = Math.abs(offsetSeconds) / 60;
  const two = (n: number) => String(n).padStart(2, "0");
  return `${offsetSeconds < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
