/** The most characters of a value that a reason shows. */
const SHOWN_CHARACTERS = 40;

/**
 * A text in quotes, shortened to 40 characters, well-formed, its control characters escaped.
 *
 * @example
 * ```ts
 * import { quote } from "./reason.ts";
 * if (quote("a\nb") !== '"a\\nb"') throw new Error(quote("a\nb"));
 * if (quote("x".repeat(41)).length !== 42) throw new Error("too long");
 * ```
 */
export function quote(text: string): string {
  const shown = text.length > SHOWN_CHARACTERS ? text.slice(0, SHOWN_CHARACTERS - 1) + "…" : text;
  return JSON.stringify(shown.toWellFormed());
}

/** What a value of parsed JSON is, in a few words; `undefined` stands for an absent field. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/**
 * What `JSON.parse` stumbled over: that `text` ends early, the place where the engine names one, or
 * else how `text` begins.
 */
export function describeSyntax(text: string, error: unknown): string {
  const message = String(error);
  const at = Number(/at position (\d+)/.exec(message)?.[1] ?? -1);
  if (message.includes("end of JSON") || at >= text.length) return "text that ends early";
  return at < 0 ? quote(text) : `${quote(text.slice(at))} at character ${at}`;
}
