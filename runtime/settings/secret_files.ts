/** Secrets in files, as container platforms hand them over. */
import { type ConfigInput, SECRET_FILE, settings } from "./config.ts";
import type { Setting } from "./setting.ts";
import { UserError } from "../std/errors.ts";

/**
 * The variables of the settings, with the secrets that are in files:
 * `TWOFOLD_READ_TOKEN_FILE=/run/secrets/read` gives `TWOFOLD_READ_TOKEN` the text of that file,
 * without the spaces around it.
 *
 * @param read reads a text file.
 * @throws {UserError} naming the variable, when the file cannot be read or both variables are set.
 * @example
 * ```ts
 * import { withSecretFiles } from "./secret_files.ts";
 * const env = await withSecretFiles(
 *   { TWOFOLD_READ_TOKEN_FILE: "/run/secrets/read" },
 *   () => Promise.resolve("a-token-of-some-length\n"),
 * );
 * if (env.TWOFOLD_READ_TOKEN !== "a-token-of-some-length") throw new Error("unexpected");
 * ```
 */
export async function withSecretFiles(
  env: NonNullable<ConfigInput["env"]>,
  read: (path: string) => Promise<string>,
): Promise<NonNullable<ConfigInput["env"]>> {
  const found: Record<string, string | undefined> = {};
  for (const { env: variable, type } of Object.values(settings) as Setting<unknown>[]) {
    found[variable] = env[variable];
    const path = type.isSecret ? env[variable + SECRET_FILE] : undefined;
    if (!path) continue;
    const field = variable + SECRET_FILE;
    const fault = (what: string, cause?: unknown) =>
      new UserError(`Cannot use ${field}: ${what}`, { field, cause });
    if (env[variable]) throw fault(`${variable} is set too; set one of them`);
    try {
      found[variable] = (await read(path)).trim();
    } catch (cause) {
      throw fault(`the file "${path}" cannot be read`, cause);
    }
  }
  return found;
}
