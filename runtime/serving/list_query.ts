/** Parameters that lists have in common. */
import { UserError } from "../errors.ts";

/**
 * A whole number from text.
 *
 * @param action what cannot be done without it: `Cannot list dead letters`.
 * @throws {UserError} naming the field.
 */
export function wholeOf(
  action: string,
  field: string,
  text: string,
  most: number,
  least = 0,
): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UserError(
    `${action}: ${field} must be a whole number in ${least}..${most}, got ${
      JSON.stringify(text.slice(0, 80))
    }`,
    { field },
  );
}

/** How many items a page has at most. */
export function limitOf(
  action: string,
  text: string | undefined,
  { most, otherwise }: { readonly most: number; readonly otherwise: number },
): number {
  return text === undefined ? otherwise : wholeOf(action, "limit", text, most, 1);
}
