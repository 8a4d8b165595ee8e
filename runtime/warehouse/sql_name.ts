import { UserError } from "../std/errors.ts";

/**
 * Asserts that a name can stand in SQL without quotes.
 *
 * @param what has the name, such as `database`.
 * @throws {UserError} where it cannot.
 */
export function assertName(what: string, name: string): void {
  if (/^[A-Za-z_]\w*$/.test(name)) return;
  throw new UserError(
    `Cannot open the warehouse: a ${what}'s name is letters, digits and _, got "${name}"`,
    { field: what },
  );
}
