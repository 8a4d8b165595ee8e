import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { UserError } from "../errors.ts";
import type { Plugin } from "../plugin.ts";

/** A plugin and the text of its batch SQL. */
export interface LoadedPlugin {
  readonly plugin: Plugin;
  readonly batchSql: string;
}

/**
 * Loads every plugin of a folder: each `*.ts` file whose name has no second part (as
 * `movie_viewing.schema.ts` has) and its default export, in the order of file names. Adding a file
 * is all that it takes.
 *
 * @param root the folder that holds `plugins/` and `sql/`.
 * @throws {UserError} naming the file, when one is not a plugin or two have one name.
 */
export async function loadPlugins(root: string): Promise<LoadedPlugin[]> {
  const folder = join(root, "plugins");
  const files: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isFile && /^[a-z0-9_]+\.ts$/.test(entry.name)) files.push(entry.name);
  }
  const loaded = await Promise.all(files.sort().map((file) => loadPlugin(root, file)));
  const names = loaded.map(({ plugin }) => plugin.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UserError(`Cannot load plugins: two are named "${twice}"`);
  return loaded;
}

async function loadPlugin(root: string, file: string): Promise<LoadedPlugin> {
  const fault = (what: string, cause?: unknown) =>
    new UserError(`Cannot load plugins/${file}: ${what}`, { cause });
  let module: { default?: Plugin };
  try {
    module = await import(pathToFileURL(join(root, "plugins", file)).href);
  } catch (error) {
    throw fault(error instanceof Error ? error.message : String(error), error);
  }
  const plugin = module.default;
  if (plugin?.measureColumns === undefined) {
    throw fault("its default export must be what definePlugin() returns");
  }
  const { sql } = plugin.batch;
  if (!sql.endsWith(".sql")) return { plugin, batchSql: sql };
  try {
    return { plugin, batchSql: await Deno.readTextFile(join(root, "sql", sql)) };
  } catch (error) {
    throw fault(`batch.sql names sql/${sql}, which cannot be read`, error);
  }
}
