import { UserError } from "../std/errors.ts";
import type { World } from "./world.ts";

/**
 * The bytes of a file, or of standard input for `-`.
 *
 * @throws {UserError} when the file cannot be opened.
 */
export async function inputStream(
  file: string,
  { input }: Pick<World, "input">,
): Promise<ReadableStream<Uint8Array>> {
  if (file === "-") return input();
  try {
    const { isDirectory } = await Deno.stat(file);
    if (isDirectory) throw new UserError(`Cannot read "${file}": it is a folder`);
    return (await Deno.open(file)).readable;
  } catch (error) {
    if (error instanceof UserError) throw error;
    const what = error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new UserError(`Cannot read "${file}": ${what}`, { field: "FILE", cause: error });
  }
}
