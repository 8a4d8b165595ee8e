import { UserError } from "../std/errors.ts";
import type { World } from "./world.ts";

/**
 * Who does something, for the record.
 *
 * @param by what `--by` says. Default: `$USER`.
 * @param action such as "Cannot accept drift", for the error.
 * @throws {UserError} where there is neither.
 */
export function operatorOf(
  by: string | undefined,
  { env }: Pick<World, "env">,
  action: string,
): string {
  const operator = by ?? env.USER ?? "";
  if (operator !== "") return operator;
  throw new UserError(`${action}: give --by NAME, because $USER is not set`, {
    field: "by",
  });
}
