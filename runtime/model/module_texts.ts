import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { UserError } from "../std/errors.ts";

/** An import, export or dynamic import of a path that is written out; types are erased. */
const IMPORT =
  /^\s*(?:import|export)\b(?!\s+type\b)[^;'"]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

/** What a module imports, as it is written. */
export const importsOf = (text: string): string[] =>
  [...text.matchAll(IMPORT)].map(([, ...written]) => written.find(Boolean)!);

/**
 * The texts of a module and of everything that it imports by a relative path, by path below `root`.
 * They decide what the module's functions return. Left out are islands, which only show, and modules
 * that export schemas and nothing else, whose meaning a generation covers by itself.
 *
 * Imports modules of schemas: call it where plugins' code may run.
 *
 * @param file below the root, such as `plugins/ratings.ts`.
 * @param options.every whether to leave out nothing and refuse nothing, for a module whose functions
 * run in the event loop. Default false.
 * @throws {UserError} naming the module, when one that is imported cannot be read or is built in.
 */
export async function moduleTexts(
  root: string,
  file: string,
  { every = false } = {},
): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  const read = async (url: URL, importer: string) => {
    const path = fileURLToPath(url);
    const name = relative(root, path).replaceAll("\\", "/");
    if (name in texts || (!every && name.split("/").includes("islands"))) return;
    texts[name] = await readFile(path, "utf8").catch((cause) => {
      if (every) return "";
      throw new UserError(`Cannot load ${importer}: it imports ${name}, which cannot be read`, {
        cause,
      });
    });
    for (const imported of importsOf(texts[name])) {
      if (imported.startsWith("node:") && !every) {
        throw new UserError(
          `${name} imports "${imported}", which plugins cannot use: what they compute depends on the ` +
            "event alone",
        );
      }
    }
    if (!every && await isSchemaOnly(url)) delete texts[name];
    else {
      for (const imported of importsOf(texts[name])) {
        if (imported.startsWith(".")) await read(new URL(imported, url), name);
      }
    }
  };
  await read(pathToFileURL(join(root, file)), file);
  return texts;
}

async function isSchemaOnly(url: URL): Promise<boolean> {
  if (!url.pathname.endsWith(".schema.ts")) return false;
  const exported: unknown[] = Object.values(await import(url.href));
  return exported.every((value) => value instanceof Object && "fieldNames" in value);
}
