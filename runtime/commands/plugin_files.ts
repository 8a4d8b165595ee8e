import { join } from "node:path";
import { namesIn } from "../engine/load_plugins.ts";
import type { PluginFolder } from "../engine/plugin_folders.ts";
import { NotFoundError, UserError } from "../std/errors.ts";
import { nearest } from "../std/closest.ts";

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
  const names = await namesIn(folder);
  return names.sort().flatMap((name) => {
    const test = TEST.exec(name);
    const stem = (test ?? PLUGIN.exec(name))?.[1];
    if (stem === undefined) return [];
    return { ...folder, path: join(folder.dir, name), stem, isTest: test !== null };
  });
}
