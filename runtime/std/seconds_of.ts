/**
 * Reads a span of whole seconds.
 *
 * @param what is done, and the member that holds the span: `declare window: size`.
 * @param text a whole number above 0 and `s`, `m` or `h`, such as `"10s"`.
 * @throws {TypeError} where it is something else.
 * @example
 * ```ts
 * import { secondsOf } from "./seconds_of.ts";
 * if (secondsOf("declare window: size", "5m") !== 300) throw new Error("unexpected");
 * ```
 */
export function secondsOf(what: string, text: string): number {
  const match = /^([1-9][0-9]{0,5})([smh])$/.exec(text);
  if (match === null) {
    throw new TypeError(`Cannot ${what} must be like "10s", "5m", "1h", got "${text}"`);
  }
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] as "s" | "m" | "h"];
}
