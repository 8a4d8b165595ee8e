import { UserError } from "./errors.ts";

/** The most characters of an operator's name. */
export const MOST_CHARACTERS_BY = 200;

/**
 * @throws {UserError} naming the field, where a text is blank or longer than `most` characters.
 * @example
 * ```ts
 * import { checkText, MOST_CHARACTERS_BY } from "./checked_text.ts";
 * checkText("Cannot pause a metric", "by", "ada", MOST_CHARACTERS_BY);
 * ```
 */
export function checkText(action: string, field: string, text: string, most: number): void {
  const characters = [...text.trim()].length;
  if (characters > 0 && characters <= most) return;
  throw new UserError(
    `${action}: ${field} must have 1 to ${most} characters, got ${characters}`,
    { field },
  );
}
