import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { asError } from "./errors.ts";

/** At the end of the URL of a module that was imported anew, such as `lines.format.ts?import=2`. */
const MARK = /\?import=\d+$/;

/** What was imported last, by path. */
const known = new Map<string, { readonly texts: string; readonly url: string }>();
let calls = 0;

/** A module to import. */
export interface ModuleAsNow {
  /** Absolute. */
  readonly path: string;
  /** The texts of the module and of all that it imports by a relative path, in any form. */
  readonly texts: string;
}

/**
 * Imports modules, and what they import by relative paths, as their files are now. A thread keeps
 * every module that it has imported under its URL, so this gives those of a later call URLs of their
 * own. What an earlier call returned goes on to work, and stays in memory.
 *
 * @returns the default export of each, the same one while its texts are the same; or why it cannot be
 * imported.
 */
export async function importAnew(modules: readonly ModuleAsNow[]): Promise<unknown[]> {
  const mark = calls++ === 0 ? "" : `?import=${calls}`;
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const [ending] = MARK.exec(context.parentURL ?? "") ?? [];
      if (MARK.test(specifier)) return { url: specifier, shortCircuit: true };
      if (ending === undefined || !specifier.startsWith(".")) return next(specifier, context);
      return { url: new URL(specifier, context.parentURL).href + ending, shortCircuit: true };
    },
  });
  try {
    return await Promise.all(modules.map(async ({ path, texts }) => {
      const last = known.get(path);
      const url = last?.texts === texts ? last.url : pathToFileURL(path).href + mark;
      known.set(path, { texts, url });
      try {
        return (await import(url)).default;
      } catch (error) {
        known.delete(path);
        return asError(error);
      }
    }));
  } finally {
    hooks.deregister();
  }
}
