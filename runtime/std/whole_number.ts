/** Whole numbers in questions. */
import { quoted } from "./quoted.ts";
import { UserError } from "./errors.ts";

/** Which number is read. */
export interface WholeNumber {
  /** What cannot be done without it: `Cannot list dead letters`. */
  readonly action: string;
  /** The input's name. */
  readonly field: string;
  /** Default 0. */
  readonly least?: number;
  readonly most: number;
}

/**
 * A whole number in a range, from text.
 *
 * @throws {UserError} naming the field, the range and what came.
 * @example
 * ```ts
 * import { wholeNumber } from "./whole_number.ts";
 * const limit = { action: "Cannot list events", field: "limit", least: 1, most: 1000 };
 * if (wholeNumber("20", limit) !== 20) throw new Error("unexpected");
 * ```
 */
export function wholeNumber(text: string, { action, field, least = 0, most }: WholeNumber): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UserError(
    `${action}: ${field} must be a whole number in ${least}..${most}, got ${quoted(text)}`,
    { field },
  );
}

/** How many items a page has at most; `otherwise` where the question does not say. */
export function pageLimit(
  text: string | undefined,
  { action, most, otherwise }: {
    readonly action: string;
    readonly most: number;
    readonly otherwise: number;
  },
): number {
  return text === undefined
    ? otherwise
    : wholeNumber(text, { action, field: "limit", least: 1, most });
}
