import { relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { UserError } from "../std/errors.ts";

/** An import, export or dynamic import of a relative path that is written out; types are erased. */
const RELATIVE_IMPORT =
  /^\s*(?:import|export)\b(?!\s+type\b)[^;'"]*?\bfrom\s*["'](\.[^"']+)["']|^\s*import\s*["'](\.[^"']+)["']|\bimport\(\s*["'](\.[^"']+)["']\s*\)/gm;

/**
 * The texts of a module and of everything that it imports by a relative path, by path below `root`.
 * They decide what the module's functions return. Left out are islands, which only show, and modules
 * that export schemas and nothing else, whose meaning a generation covers by itself.
 *
 * @throws {UserError} naming the module, when one that is imported cannot be read.
 */
export async function moduleTexts(root: string, file: string): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  const read = async (url: URL, importer: string) => {
    const path = fileURLToPath(url);
    const name = relative(root, path).replaceAll("\\", "/");
    if (name in texts || name.split("/").includes("islands")) return;
    texts[name] = await Deno.readTextFile(path).catch((cause) => {
      throw new UserError(`Cannot load ${importer}: it imports ${name}, which cannot be read`, {
        cause,
      });
    });
    if (await isSchemaOnly(url)) delete texts[name];
    else {
      for (const [, ...paths] of texts[name].matchAll(RELATIVE_IMPORT)) {
        await read(new URL(paths.find(Boolean)!, url), name);
      }
    }
  };
  await read(pathToFileURL(file), relative(root, file));
  return texts;
}

async function isSchemaOnly(url: URL): Promise<boolean> {
  if (!url.pathname.endsWith(".schema.ts")) return false;
  const exported: unknown[] = Object.values(await import(url.href));
  return exported.every((value) => value instanceof Object && "fieldNames" in value);
}
