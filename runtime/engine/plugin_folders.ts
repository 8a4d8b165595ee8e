import { basename, join, resolve } from "node:path";
import { UserError } from "../std/errors.ts";

/** A folder of plugins. */
export interface PluginFolder {
  /** Absolute. */
  readonly dir: string;
  /** The folder of the SQL files that its plugins name. */
  readonly sqlFolder: string;
}

/**
 * The folders that `--plugins` names, or `plugins/` of the checkout. A name that is no folder here is
 * that of an npm package in `node_modules/`. SQL files of the checkout's plugins are in its `sql/`,
 * those of another folder in the `sql/` in it.
 *
 * @param root the checkout.
 * @throws {UserError} when two folders have one name: their files are named after it.
 */
export function pluginFolders(root: string, given: readonly string[] = []): PluginFolder[] {
  const own = resolve(root, "plugins");
  const dirs = given.length === 0 ? [own] : [...new Set(given.map((dir) => located(root, dir)))];
  for (const these of Map.groupBy(dirs, (dir) => basename(dir)).values()) {
    if (these.length === 1) continue;
    throw new UserError(
      `Cannot load plugins: --plugins must name folders of different names, got ${
        these.join(" and ")
      }; rename one, or give a link to it`,
      { field: "plugins" },
    );
  }
  return dirs.map((dir) => ({ dir, sqlFolder: join(dir === own ? root : dir, "sql") }));
}

function located(root: string, dir: string): string {
  const packages = [".", root].map((folder) => resolve(folder, "node_modules", dir));
  return [resolve(dir), ...packages].find(isFolder) ?? resolve(dir);
}

/** A folder that may not be looked at is opened, and that says why. */
function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
