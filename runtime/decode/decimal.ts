/** What a decimal field holds of a JSON number, from the digits of its text. */

const NUMBER = /^(-?)0*(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;

/** Digits of a whole number that a 64-bit float surely holds. */
const SAFE_DIGITS = 15;
const FIVE = 0x35;

/** A number rounded to a scale. */
export interface Rounded {
  /** The whole number of units of the scale; ±Infinity where it has more than 15 digits. */
  readonly units: number;
  /** Whether the number lies exactly between two units. */
  readonly isTie: boolean;
}

/**
 * Rounds a number to `scale` places, half away from zero, by the digits of its text: a 64-bit float
 * holds 1.005 as 1.00499999999999989…, and would round it down.
 *
 * @param text a JSON number, or what `String()` makes of a number.
 * @param scale places after the point, 0 to 6.
 * @throws {SyntaxError} when `text` is no decimal number.
 * @example
 * ```ts
 * import { roundDecimal } from "./decimal.ts";
 * const units = ["1.005", "-1.005", "1.0049", "85.75e-1"].map((text) => roundDecimal(text, 2).units);
 * if (units.join() !== "101,-101,100,858") throw new Error(units.join());
 * ```
 */
export function roundDecimal(text: string, scale: number): Rounded {
  const match = NUMBER.exec(text);
  if (match === null) {
    throw new SyntaxError(`Cannot round "${text}": expected a decimal number`);
  }
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  const digits = whole + fraction;
  const first = digits.search(/[1-9]/);
  if (first < 0) return { units: 0, isTie: false };
  /** Where the point stands among the digits once the number is multiplied by 10^scale. */
  const point = whole.length + Number(exponent) + scale;
  if (point < first) return { units: 0, isTie: false };
  if (point - first > SAFE_DIGITS) return { units: sign ? -Infinity : Infinity, isTie: false };
  const floor = Number(digits.slice(first, point).padEnd(point - first, "0"));
  const next = digits.charCodeAt(point);
  const units = next >= FIVE ? floor + 1 : floor;
  return {
    // Adding 0 turns −0 into 0.
    units: (sign ? -units : units) + 0,
    isTie: next === FIVE && !/[1-9]/.test(digits.slice(point + 1)),
  };
}

/**
 * The least and the greatest units of a field of whole or decimal numbers: its bounds, rounded as its
 * values are. Rounding keeps the order, so a value within the bounds is never refused.
 *
 * @param field its `min` and `max` (default 0), and its `scale` (default 0).
 */
export function unitBounds(
  field: { readonly min?: number; readonly max?: number; readonly scale?: number },
): { readonly least: number; readonly greatest: number } {
  const { min = 0, max = 0, scale = 0 } = field;
  return {
    least: roundDecimal(String(min), scale).units,
    greatest: roundDecimal(String(max), scale).units,
  };
}
