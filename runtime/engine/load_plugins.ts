import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Catalog } from "../catalog.ts";
import { UserError } from "../std/errors.ts";
import { hasFunctions, type Plugin } from "../plugin.ts";
import { mergedRelation } from "../serving/relations.ts";
import { moduleTexts } from "./module_texts.ts";

/** A plugin and its texts. */
export interface LoadedPlugin {
  readonly plugin: Plugin;
  readonly batchSql: string;
  /** Below the root, such as `plugins/ratings.ts`. */
  readonly file: string;
  /** The text of the file. */
  readonly source: string;
  /** The texts of the modules that the plugin's functions are made of; see `moduleTexts()`. */
  readonly modules: Readonly<Record<string, string>>;
}

/**
 * Loads every plugin of a folder: each `*.ts` file whose name has no second part (as
 * `movie_viewing.schema.ts` has) and its default export, in the order of file names. Adding a file
 * is all that it takes.
 *
 * @param root the folder that holds `plugins/` and `sql/`.
 * @throws {UserError} naming the file, when one is not a plugin; naming what is there twice, when two
 * plugins or two of their relations have one name.
 */
export async function loadPlugins(root: string): Promise<LoadedPlugin[]> {
  const files = await filesOf(root, /^[a-z0-9_]+\.ts$/);
  const loaded = await Promise.all(files.map((file) => loadPlugin(root, file)));
  refuseTwice("plugins", loaded.map(({ plugin }) => plugin.name));
  refuseTwice(
    "relations",
    loaded.flatMap(({ plugin }) => [
      plugin.stream.relation.name,
      plugin.batch.relation.name,
      mergedRelation(plugin).name,
    ]),
  );
  return loaded;
}

/**
 * Loads every catalog of a folder: each `*.catalog.ts` file and its default export.
 *
 * @param root the folder that holds `plugins/`.
 * @throws {UserError} naming the file, when one is not a catalog or two have one name.
 */
export async function loadCatalogs(root: string): Promise<Catalog[]> {
  const files = await filesOf(root, /^[a-z0-9_]+\.catalog\.ts$/);
  const catalogs = await Promise.all(files.map(async (file) => {
    const catalog = await defaultExport<Catalog>(root, file);
    if (catalog?.columns !== undefined) return catalog;
    throw faultOf(file, "its default export must be what defineCatalog() returns");
  }));
  refuseTwice("catalogs", catalogs.map(({ name }) => name));
  return catalogs;
}

async function filesOf(root: string, pattern: RegExp): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(join(root, "plugins"))) {
    if (entry.isFile && pattern.test(entry.name)) files.push(entry.name);
  }
  return files.sort();
}

function refuseTwice(what: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new UserError(`Cannot load plugins: two ${what} are named "${twice}"`);
  }
}

const faultOf = (file: string, what: string, cause?: unknown) =>
  new UserError(`Cannot load plugins/${file}: ${what}`, { cause });

async function defaultExport<T>(root: string, file: string): Promise<T | undefined> {
  try {
    return (await import(pathToFileURL(join(root, "plugins", file)).href)).default;
  } catch (error) {
    throw faultOf(file, error instanceof Error ? error.message : String(error), error);
  }
}

async function loadPlugin(root: string, file: string): Promise<LoadedPlugin> {
  const plugin = await defaultExport<Plugin>(root, file);
  if (plugin?.measureColumns === undefined) {
    throw faultOf(
      file,
      "its default export must be what definePlugin() returns; a file that is not a plugin needs a " +
        `name of two parts, such as ${file.replace(".ts", ".shared.ts")}`,
    );
  }
  const path = join(root, "plugins", file);
  const texts = {
    file: `plugins/${file}`,
    source: await Deno.readTextFile(path),
    modules: hasFunctions(plugin) ? await moduleTexts(root, path) : {},
  };
  const { sql } = plugin.batch;
  if (!sql.endsWith(".sql")) return { plugin, batchSql: sql, ...texts };
  try {
    return { plugin, batchSql: await Deno.readTextFile(join(root, "sql", sql)), ...texts };
  } catch (error) {
    throw faultOf(file, `batch.sql names sql/${sql}, which cannot be read`, error);
  }
}
