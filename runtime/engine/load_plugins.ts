import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { Catalog } from "../catalog.ts";
import { type Clock, systemClock } from "../std/clock.ts";
import { UserError, wordsOf } from "../std/errors.ts";
import { DeclarationError } from "../declaration/faults.ts";
import { hasFunctions, type Plugin } from "../plugin.ts";
import { relationNames } from "../serving/relations.ts";
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

/** A plugin or a catalog that is not used because of its own faults. */
export interface RefusedFile {
  /** Its name; where its module does not load, the name of the file without its endings. */
  readonly name: string;
  readonly file: string;
  /** The text of the file. */
  readonly source: string;
  /** What is wrong, each as a clause. */
  readonly faults: readonly string[];
}

/** A plugin that does not run. */
export interface RefusedPlugin extends RefusedFile {
  /** What it declares; null where its module does not load. */
  readonly declared: LoadedPlugin | null;
}

/** A catalog and its file. */
export interface LoadedCatalog {
  readonly catalog: Catalog;
  readonly file: string;
  readonly source: string;
}

/** Everything that a folder declares. */
export interface Declarations {
  readonly plugins: readonly LoadedPlugin[];
  readonly refused: readonly RefusedPlugin[];
  readonly catalogs: readonly LoadedCatalog[];
  readonly refusedCatalogs: readonly RefusedFile[];
}

/** A module that has not loaded by then waits for something that does not happen. */
const LOAD_MS = 10_000;

/**
 * Loads every plugin and every catalog of a folder: each `*.ts` and `*.catalog.ts` file and its
 * default export, in the order of file names. Adding a file is all that it takes. A file with a fault
 * is refused by itself; where two declare the same name, both are, because nothing says which one is
 * meant.
 *
 * @param root the folder that holds `plugins/` and `sql/`.
 * @param clock by which a module that waits for ever is given up. Default: the machine's.
 * @throws {UserError} when there are plugins and none of them loads.
 */
export async function loadDeclarations(
  root: string,
  clock: Clock = systemClock,
): Promise<Declarations> {
  const [plugins, catalogs] = await Promise.all([
    loadFiles(root, clock, /^[a-z0-9_]+\.ts$/, readPlugin),
    loadFiles(root, clock, /^[a-z0-9_]+\.catalog\.ts$/, readCatalog),
  ]);
  addNameFaults(plugins, catalogs);
  addSchemaFaults(plugins);
  const accepted = plugins.flatMap((one) => one.faults.length === 0 ? one.value! : []);
  const refused = refusedOf(plugins, (one) => one.plugin.name);
  if (accepted.length === 0 && refused.length > 0) {
    const each = refused.map(({ file, faults }) => `${file}: ${faults.join("; ")}`);
    throw new UserError(`Cannot load any plugin: ${each.join(". ")}`);
  }
  return {
    plugins: accepted,
    refused: refused.map((one) => ({
      ...one,
      declared: plugins.find(({ file }) => file === one.file)!.value,
    })),
    catalogs: catalogs.flatMap((one) => one.faults.length === 0 ? one.value! : []),
    refusedCatalogs: refusedOf(catalogs, (one) => one.catalog.name),
  };
}

/** A file of `plugins/`: what it declares, or why it does not. */
interface DeclaringFile<T> {
  readonly file: string;
  readonly source: string;
  readonly value: T | null;
  readonly faults: string[];
}

const refusedOf = <T>(
  files: readonly DeclaringFile<T>[],
  nameOf: (value: T) => string,
): RefusedFile[] =>
  files.filter(({ faults }) => faults.length > 0).map(({ file, source, value, faults }) => ({
    name: value === null ? basename(file).split(".")[0] : nameOf(value),
    ...{ file, source, faults },
  }));

async function loadFiles<T>(
  root: string,
  clock: Clock,
  pattern: RegExp,
  read: (root: string, file: string, source: string, exported: unknown) => T | Promise<T>,
): Promise<DeclaringFile<T>[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(join(root, "plugins"))) {
    if (entry.isFile && pattern.test(entry.name)) names.push(entry.name);
  }
  return await Promise.all(
    names.sort().map(async (name) => {
      const file = `plugins/${name}`;
      let source = "";
      try {
        source = await Deno.readTextFile(join(root, file));
        const value = await read(root, file, source, await defaultExport(root, file, clock));
        return { file, source, value, faults: [] };
      } catch (error) {
        const faults = error instanceof DeclarationError ? [...error.faults] : null;
        return { file, source, value: null, faults: faults ?? [faultWords(root, file, error)] };
      }
    }),
  );
}

async function defaultExport(root: string, file: string, clock: Clock): Promise<unknown> {
  const loaded = new AbortController();
  const late = clock.sleep(LOAD_MS, loaded.signal).then(() => {
    if (loaded.signal.aborted) return;
    throw new UserError(`its module did not load within ${LOAD_MS / 1000} s`);
  });
  try {
    const module = await Promise.race([import(pathToFileURL(join(root, file)).href), late]);
    return module.default;
  } finally {
    loaded.abort();
  }
}

/** A file that declares a plugin or a catalog. */
const DECLARING = /^plugins\/[a-z0-9_]+(?:\.catalog)?\.ts:/;

/**
 * An error in one line, with its place below the root where it has one. Files that import the same
 * missing module get the same error, with the place of one of them: another file is not named.
 */
function faultWords(root: string, file: string, error: unknown): string {
  const base = `${pathToFileURL(root).href.replace(/\/$/, "")}/`;
  const plain = (text: string) => stripVTControlCharacters(text).replaceAll(base, "");
  const words = plain(wordsOf(error)).split("\n");
  const stack = error instanceof Error ? plain(error.stack ?? "") : "";
  const places = `${words.join("\n")}\n${stack}`.match(/\bplugins\/[^\s()]+:\d+:\d+/g) ?? [];
  const place = places.find((place) => place.startsWith(`${file}:`)) ??
    places.find((place) => !DECLARING.test(place));
  return place === undefined || words[0].includes(place) ? words[0] : `${words[0]} (${place})`;
}

async function readPlugin(
  root: string,
  file: string,
  source: string,
  exported: unknown,
): Promise<LoadedPlugin> {
  const plugin = exported as Plugin | undefined;
  if (plugin?.measureColumns === undefined) {
    throw new UserError(
      "its default export must be what definePlugin() returns; a file that is not a plugin needs a " +
        `name of two parts, such as ${basename(file, ".ts")}.shared.ts`,
    );
  }
  const path = join(root, file);
  const modules = hasFunctions(plugin) ? await moduleTexts(root, path) : {};
  const { sql } = plugin.batch;
  if (!sql.endsWith(".sql")) return { plugin, batchSql: sql, file, source, modules };
  const batchSql = await Deno.readTextFile(join(root, "sql", sql)).catch((cause) => {
    throw new UserError(`batch.sql names sql/${sql}, which cannot be read`, { cause });
  });
  return { plugin, batchSql, file, source, modules };
}

function readCatalog(
  _root: string,
  file: string,
  source: string,
  exported: unknown,
): LoadedCatalog {
  const catalog = exported as Catalog | undefined;
  if (catalog?.columns !== undefined) return { catalog, file, source };
  throw new UserError("its default export must be what defineCatalog() returns");
}

/** Plugins have one name each; so have the views, which are relations and catalogs. */
function addNameFaults(
  plugins: readonly DeclaringFile<LoadedPlugin>[],
  catalogs: readonly DeclaringFile<LoadedCatalog>[],
): void {
  const declared = [
    ...plugins.flatMap(({ value, ...of }) =>
      value === null ? [] : [
        { what: `plugin "${value.plugin.name}"`, of },
        ...relationNames(value.plugin).map((name) => ({ what: `relation "${name}"`, of })),
      ]
    ),
    ...catalogs.flatMap(({ value, ...of }) =>
      value === null ? [] : ["catalog", "relation"].map((kind) => ({
        what: `${kind} "${value.catalog.name}"`,
        of,
      }))
    ),
  ];
  for (const [what, these] of Map.groupBy(declared, (one) => one.what)) {
    const files = [...new Set(these.map(({ of }) => of.file))];
    const fault = `${what} is declared twice, in ${files.join(" and ")}`;
    for (const { of: { faults } } of these.length > 1 ? these : []) {
      if (!faults.includes(fault)) faults.push(fault);
    }
  }
}

/** A topic has one schema: the one that most of its plugins name. */
function addSchemaFaults(plugins: readonly DeclaringFile<LoadedPlugin>[]): void {
  const loaded = plugins.filter(({ value }) => value !== null);
  const schemaOf = ({ value }: DeclaringFile<LoadedPlugin>) => value!.plugin.source;
  for (const [topic, these] of Map.groupBy(loaded, (one) => schemaOf(one).topic)) {
    const groups = [...Map.groupBy(these, (one) => JSON.stringify(schemaOf(one))).values()]
      .sort((a, b) => b.length - a.length);
    const settled = groups.length === 1 || groups[0].length > groups[1].length;
    for (const group of settled ? groups.slice(1) : groups) {
      const [other] = groups.find((one) => one !== group)!;
      for (const { faults } of group) {
        faults.push(`topic "${topic}" has another schema in ${other.file}`);
      }
    }
  }
}
