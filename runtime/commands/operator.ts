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
  throw new UserError(`${action}: --by must be a name, as $USER is not set, got none`, {
    field: "by",
  });
}
