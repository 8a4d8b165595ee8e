/** What the browser loads: islands and what brings them to life, bundled with hashed names. */
import { join } from "node:path";

/** Scripts by file name; names hold a hash of what is in them. */
export interface Bundle {
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** File of the client that hydrates. */
  readonly client: string;
  /** Files by name of island. */
  readonly islands: ReadonlyMap<string, string>;
  /** What a file imports, by file. */
  readonly imports: ReadonlyMap<string, readonly string[]>;
}

/** The file that tells what is what. */
export const MANIFEST = "manifest.json";

/** Reads what `writeBundle` wrote; null when there is nothing. */
export async function readBundle(dir: string): Promise<Bundle | null> {
  const text = await Deno.readTextFile(join(dir, MANIFEST)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (text === null) return null;
  const { client, islands, imports } = JSON.parse(text);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name] of imports) files.set(name, await Deno.readFile(join(dir, name)));
  return { files, client, islands: new Map(islands), imports: new Map(imports) };
}
