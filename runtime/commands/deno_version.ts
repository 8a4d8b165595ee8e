/** Which Deno is new enough. Earlier releases of 2.9 crash in native libraries. */
import { UserError } from "../std/errors.ts";

const WANTED = [2, 9, 6] as const;

/**
 * Checks that this Deno can run Twofold.
 *
 * @param version such as `2.9.6`; default: of this process.
 * @throws {UserError} telling which version is wanted and how to get it.
 * @example
 * ```ts
 * import { checkDenoVersion } from "./deno_version.ts";
 * checkDenoVersion("3.0.0");
 * ```
 */
export function checkDenoVersion(version: string = Deno.version.deno): void {
  const parts = version.split(/[.+-]/).map(Number);
  const i = WANTED.findIndex((wanted, i) => parts[i] !== wanted);
  if (i === -1 || parts[i] > WANTED[i]) return;
  throw new UserError(
    `Cannot run on Deno ${version}: expected ${
      WANTED.join(".")
    } or newer; run \`deno upgrade\`, or ` +
      "use `npx -y deno@2.9 task dev`",
  );
}
