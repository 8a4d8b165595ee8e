/** What `JSON.parse` hands to a reviver with each value; TypeScript's library does not know it yet. */
type Reviver = (
  this: unknown,
  key: string,
  value: unknown,
  context: { readonly source?: string },
) => unknown;

/**
 * The text of a number as it stands in a JSON object, for what a 64-bit float cannot hold.
 *
 * @param json a JSON object whose own field `name` holds a number.
 * @returns its text; of duplicate keys, the last one's.
 * @example
 * ```ts
 * import { sourceOfNumber } from "./number_source.ts";
 * const text = '{"n":1.00499999999999999999,"m":{"n":2}}';
 * if (sourceOfNumber(text, "n") !== "1.00499999999999999999") throw new Error("unexpected");
 * ```
 */
export function sourceOfNumber(json: string, name: string): string {
  const sources = new Map<unknown, string>();
  const reviver: Reviver = function (key, value, { source }) {
    if (key === name && source !== undefined) sources.set(this, source);
    return value;
  };
  const record = JSON.parse(json, reviver as Parameters<typeof JSON.parse>[1]);
  return sources.get(record)!;
}
