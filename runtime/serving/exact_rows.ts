/** Rows as the engine writes them in JSON, with every digit of their numbers. */

/** Only so long a number can have more digits than JSON's readers keep. */
const LONG_NUMBER = /[\d.]{16}/;

/** Types whose values are binary fractions: what is written of them is what they are. */
const isFloat = (type: string) => /Float/.test(type) && !/Int(64|128|256)|Decimal/.test(type);

/**
 * The values of a line of `JSONCompactEachRow`. A number that a 64-bit float cannot hold with all
 * its digits is a text of them.
 *
 * @param types of the columns, as the engine names them.
 * @example
 * ```ts
 * import { exactRow } from "./exact_rows.ts";
 * const [a, b] = exactRow("[9007199254740993,1.5]", ["UInt64", "Decimal(18, 3)"]);
 * if (a !== "9007199254740993" || b !== 1.5) throw new Error("unexpected");
 * ```
 */
export function exactRow(line: string, types: readonly string[]): unknown[] {
  const plain = JSON.parse(line) as unknown[];
  if (!LONG_NUMBER.test(line)) return plain;
  const exact = JSON.parse(line, exactValue) as unknown[];
  return exact.map((value, i) => isFloat(types[i] ?? "") ? plain[i] : value);
}

function exactValue(_key: string, value: unknown, { source }: { source?: string } = {}): unknown {
  if (typeof value !== "number" || source === undefined || /e/i.test(source)) return value;
  if (!source.includes(".")) return Number.isSafeInteger(value) ? value : source;
  return String(value) === source ? value : source;
}
