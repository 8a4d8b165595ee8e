import { join, resolve } from "node:path";
import { NotFoundError, UserError } from "../std/errors.ts";
import { nearest } from "../std/closest.ts";

/** A folder of plugins. */
export interface PluginFolder {
  /** Absolute. */
  readonly dir: string;
  /** The folder of the SQL files that plugins name. */
  readonly sqlFolder: string;
}

/**
 * The folders that `--plugins` names, or `plugins/` of the checkout. SQL files of the checkout's
 * plugins are in its `sql/`, those of another folder in the `sql/` in it.
 *
 * @param root the checkout.
 */
export function pluginFolders(root: string, given: readonly string[] = []): PluginFolder[] {
  const own = resolve(root, "plugins");
  return (given.length === 0 ? [own] : given.map((dir) => resolve(dir))).map((dir) => ({
    dir,
    sqlFolder: join(dir === own ? root : dir, "sql"),
  }));
}

/** A file of a folder of plugins. */
export interface PluginFile extends PluginFolder {
  /** Absolute. */
  readonly path: string;
  /** The file's name up to the first dot: `ratings` of `ratings.test.ts`. */
  readonly stem: string;
  readonly isTest: boolean;
}

const PLUGIN = /^([a-z0-9_]+)\.ts$/;
const TEST = /^([A-Za-z0-9_]+)(?:\.[A-Za-z0-9_.]+)?\.test\.tsx?$/;

/**
 * The plugins and tests in folders, in the order of their names.
 *
 * @param names of plugins, by their files without the ending; none stands for all.
 * @throws UserError when a folder cannot be read or holds no plugin, NotFoundError naming a plugin
 * that is not there.
 */
export async function pluginFiles(
  folders: readonly PluginFolder[],
  names: readonly string[] = [],
): Promise<PluginFile[]> {
  const files = (await Promise.all(folders.map(filesOf))).flat();
  const stems = new Set(files.filter(({ isTest }) => !isTest).map(({ stem }) => stem));
  const where = folders.map(({ dir }) => dir).join(", ");
  if (stems.size === 0) throw new UserError(`Cannot find a plugin: ${where} holds none`);
  for (const name of names) {
    if (stems.has(name)) continue;
    const near = nearest(name, [...stems]);
    const meant = near === null ? "" : `; did you mean "${near}"?`;
    throw new NotFoundError(`Cannot find plugin "${name}": ${where} has no ${name}.ts${meant}`);
  }
  return names.length === 0 ? files : files.filter(({ stem }) => names.includes(stem));
}

async function filesOf(folder: PluginFolder): Promise<PluginFile[]> {
  const names: string[] = [];
  try {
    for await (const { isFile, name } of Deno.readDir(folder.dir)) if (isFile) names.push(name);
  } catch (cause) {
    throw new UserError(`Cannot read the plugins: the folder ${folder.dir} cannot be read`, {
      cause,
    });
  }
  return names.sort().flatMap((name) => {
    const test = TEST.exec(name);
    const stem = (test ?? PLUGIN.exec(name))?.[1];
    if (stem === undefined) return [];
    return { ...folder, path: join(folder.dir, name), stem, isTest: test !== null };
  });
}
