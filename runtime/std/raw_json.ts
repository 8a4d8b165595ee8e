/** Numbers in JSON by their digits, of which a `number` holds about 16. */

const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
};

/** A number as JSON has it, but for leading zeros. */
const NUMBER = /^(-?)0*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

export { isRawJSON };

/**
 * What `JSON.stringify` writes as the digits of a text.
 *
 * @returns undefined where the text is no number.
 * @example
 * ```ts
 * import { rawNumber } from "./raw_json.ts";
 * const text = JSON.stringify({ n: rawNumber("007.10") });
 * if (text !== '{"n":7.10}' || rawNumber("7x") !== undefined) throw new Error(text);
 * ```
 */
export function rawNumber(text: string): unknown {
  const [, sign, digits] = NUMBER.exec(text) ?? [];
  return digits === undefined ? undefined : rawJSON(sign + digits);
}
