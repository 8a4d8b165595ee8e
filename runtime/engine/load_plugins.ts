import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Catalog } from "../catalog.ts";
import { type Clock, systemClock } from "../std/clock.ts";
import { asError, messageOf, UserError } from "../std/errors.ts";
import { importAnew } from "../std/import_anew.ts";
import { pluginOf } from "../model/plugin_data.ts";
import type { Plugin } from "../plugin.ts";
import type { CatalogFormat, RowFormat } from "../row_format.ts";
import type { Source } from "../source.ts";
import { relationNames } from "../serving/relations.ts";
import { declareFiles, type DeclaringPath } from "./declare_files.ts";
import type { Declared } from "./declaring_thread.ts";
import type { PluginFolder } from "./plugin_folders.ts";

/** A plugin and its texts. */
export interface LoadedPlugin {
  readonly plugin: Plugin;
  readonly batchSql: string;
  /** The folder above that of the plugins. */
  readonly root: string;
  /** Below the root, such as `plugins/ratings.ts`. */
  readonly file: string;
  /** The text of the file. */
  readonly source: string;
  /** The texts of the modules that the plugin's functions are made of; see `moduleTexts()`. */
  readonly modules: Readonly<Record<string, string>>;
}

/** A file of a folder of plugins that is not used because of its own faults. */
export interface RefusedFile {
  readonly kind: "plugin" | "catalog" | "format" | "source";
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

/** Everything that folders declare. */
export interface Declarations {
  readonly plugins: readonly LoadedPlugin[];
  readonly refused: readonly RefusedPlugin[];
  readonly catalogs: readonly LoadedCatalog[];
  readonly inputs: Omit<Inputs, "refused">;
  /** Catalogs, row formats and sources that are not used. */
  readonly refusedFiles: readonly RefusedFile[];
}

/**
 * Loads what folders declare: the default export of each plugin (`*.ts`), catalog (`*.catalog.ts`),
 * row format (`*.format.ts`) and source (`*.source.ts`), in the order of file names. Adding a file is
 * all that it takes. A file with a fault is refused by itself; where two declare the same name, both
 * are, because nothing says which one is meant.
 *
 * @param options.clock by which a module that never resolves is given up. Default: the machine's.
 * @param options.before the row formats and sources in use, by file: one whose file does not load any
 * more stays in use. Default: none.
 * @throws {UserError} when a folder cannot be read.
 */
export async function loadDeclarations(
  folders: readonly PluginFolder[],
  { clock = systemClock, before }: {
    readonly clock?: Clock;
    readonly before?: ReadonlyMap<string, Input>;
  } = {},
): Promise<Declarations> {
  const files = await readFiles(folders, [PLUGIN_FILE, CATALOG_FILE, INPUT_FILE], clock);
  const plugins: DeclaringFile<LoadedPlugin>[] = [];
  const catalogs: DeclaringFile<LoadedCatalog>[] = [];
  for (const one of files) {
    const { file, source, declared } = one;
    if (INPUT_FILE.test(basename(file))) continue;
    const faults = declared.kind === "faults" ? [...declared.faults] : [];
    if (CATALOG_FILE.test(basename(file))) {
      const value = declared.kind === "catalog"
        ? { catalog: declared.catalog, file, source }
        : null;
      catalogs.push({ file, source, value, faults });
      continue;
    }
    const value = declared.kind === "plugin"
      ? await loadedPlugin(one, declared).catch(asError)
      : null;
    if (value instanceof Error) faults.push(messageOf(value));
    plugins.push({ file, source, value: value instanceof Error ? null : value, faults });
  }
  const { refused: refusedInputs, ...inputs } = await readInputs(files, before);
  addNameFaults(plugins, catalogs);
  addSchemaFaults(plugins);
  const running = accepted(plugins);
  const refused = refusedOf("plugin", plugins, (one) => one.plugin.name);
  return {
    plugins: running,
    refused: refused.map((one) => ({
      ...one,
      declared: plugins.find(({ file }) => file === one.file)!.value,
    })),
    catalogs: accepted(catalogs),
    inputs,
    refusedFiles: [
      ...refusedOf("catalog", catalogs, (one) => one.catalog.name),
      ...refusedInputs,
    ],
  };
}

/** What a row format's or a source's file declares. */
export type Input = RowFormat | CatalogFormat | Source;

/** What folders declare about where events come from. */
export interface Inputs {
  readonly formats: readonly RowFormat[];
  readonly catalogFormats: readonly CatalogFormat[];
  readonly sources: readonly Source[];
  /** All of these by file; of a file that did not change since the last time, the same object. */
  readonly byFile: ReadonlyMap<string, Input>;
  readonly refused: readonly RefusedFile[];
}

/** Loads the row formats and sources of folders, as {@link loadDeclarations} does. */
export async function loadInputs(
  folders: readonly PluginFolder[],
  clock: Clock = systemClock,
): Promise<Inputs> {
  return await readInputs(await readFiles(folders, [INPUT_FILE], clock));
}

/** Their functions are called in this thread. The other one has found that the modules do no harm. */
async function readInputs(
  files: readonly ReadFile[],
  before: ReadonlyMap<string, Input> = new Map(),
): Promise<Inputs> {
  const sound = files.filter(({ declared }) => declared.kind === "input");
  const imported = await importAnew(sound.map(({ root, file, declared }) => ({
    path: join(root, file),
    texts: JSON.stringify(declared),
  })));
  const read = files.filter(({ file }) => INPUT_FILE.test(basename(file))).map((one) => {
    const { file, source, declared } = one;
    const value = imported[sound.indexOf(one)] ?? null;
    const faults = declared.kind === "faults" ? [...declared.faults] : [];
    if (value instanceof Error) faults.push(messageOf(value));
    return { file, source, value: value instanceof Error ? null : value as Input | null, faults };
  });
  const nameOf = (file: string, { name }: Input) => `${kindWords(inputKind(file))} "${name}"`;
  const names = read.flatMap(({ value, ...of }) =>
    value === null ? [] : { what: nameOf(of.file, value), of }
  );
  refuseDuplicates(names);
  const taken = new Set(names.filter(({ of }) => of.faults.length === 0).map(({ what }) => what));
  const byFile = new Map<string, Input>();
  for (const { file, value, faults } of read) {
    const kept = before.get(file);
    if (faults.length === 0) byFile.set(file, value!);
    // Another file may have taken the name over.
    else if (kept !== undefined && !taken.has(nameOf(file, kept))) byFile.set(file, kept);
  }
  const inputs = [...byFile.values()];
  return {
    formats: inputs.filter((input) => "parse" in input && "source" in input),
    catalogFormats: inputs.filter((input) => "parse" in input && "catalog" in input),
    sources: inputs.filter((input) => "events" in input),
    byFile,
    refused: (["format", "source"] as const).flatMap((kind) =>
      refusedOf(kind, read.filter(({ file }) => inputKind(file) === kind), ({ name }) => name)
    ),
  };
}

const inputKind = (file: string) => INPUT_FILE.exec(basename(file))?.[1] ?? "";

/** What a file declares, in words. */
export const kindWords = (kind: string) => kind === "format" ? "row format" : kind;

const accepted = <T>(files: readonly DeclaringFile<T>[]): T[] =>
  files.flatMap((one) => one.faults.length === 0 ? one.value! : []);

/**
 * What a process needs that starts.
 *
 * @throws {UserError} when there are plugins and none of them loads.
 */
export function assertAny({ plugins, refused }: Declarations): void {
  if (plugins.length > 0 || refused.length === 0) return;
  const each = refused.map(({ file, faults }) => `${file}: ${faults.join("; ")}`);
  throw new UserError(`Cannot load any plugin: ${each.join(". ")}`);
}

/** A file of `plugins/`: what it declares, or why it does not. */
interface DeclaringFile<T> {
  readonly file: string;
  readonly source: string;
  readonly value: T | null;
  readonly faults: string[];
}

const refusedOf = <T>(
  kind: RefusedFile["kind"],
  files: readonly DeclaringFile<T>[],
  nameOf: (value: T) => string,
): RefusedFile[] =>
  files.filter(({ faults }) => faults.length > 0).map(({ file, source, value, faults }) => ({
    name: value === null ? basename(file).split(".")[0] : nameOf(value),
    kind,
    file,
    source,
    faults,
  }));

const PLUGIN_FILE = /^[a-z0-9_]+\.ts$/;
const CATALOG_FILE = /^[a-z0-9_]+\.catalog\.ts$/;
const INPUT_FILE = /^[a-z0-9_]+\.(format|source)\.ts$/;

/** A file, its text, and what it declares. */
interface ReadFile extends DeclaringPath {
  readonly folder: PluginFolder;
  readonly source: string;
  readonly declared: Declared;
}

/** The files of folders with such names, in the order of their names. */
async function readFiles(
  folders: readonly PluginFolder[],
  such: readonly RegExp[],
  clock: Clock,
): Promise<ReadFile[]> {
  const found = await Promise.all(folders.map(async (folder) => {
    const names = (await namesIn(folder)).filter((name) => such.some((one) => one.test(name)));
    return await Promise.all(
      names.sort().map(async (name) => ({
        folder,
        root: dirname(folder.dir),
        file: `${basename(folder.dir)}/${name}`,
        source: await Deno.readTextFile(join(folder.dir, name)),
      })),
    );
  }));
  const files = found.flat();
  const declared = await declareFiles(files, clock);
  return files.map((file, i) => ({ ...file, declared: declared[i] }));
}

/** The names of a folder's files. @throws {UserError} when it cannot be read. */
export async function namesIn({ dir }: PluginFolder): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { isFile, name } of Deno.readDir(dir)) if (isFile) names.push(name);
  } catch (cause) {
    throw new UserError(`Cannot read the plugins: the folder ${dir} cannot be read`, { cause });
  }
  return names;
}

async function loadedPlugin(
  { folder, root, file, source }: ReadFile,
  { plugin: data, modules, island }: Extract<Declared, { kind: "plugin" }>,
): Promise<LoadedPlugin> {
  const component = island === null
    ? undefined
    : (await import(pathToFileURL(join(root, island.file)).href))[island.name];
  const plugin = pluginOf(data, component);
  const loaded = { plugin, root, file, source, modules };
  const { sql } = plugin.batch;
  if (!sql.endsWith(".sql")) return { ...loaded, batchSql: sql };
  const batchSql = await Deno.readTextFile(join(folder.sqlFolder, sql)).catch((cause) => {
    throw new UserError(`batch.sql names sql/${sql}, which cannot be read`, { cause });
  });
  return { ...loaded, batchSql };
}

/** Plugins have one name each; so have the views, which are relations and catalogs. */
function addNameFaults(
  plugins: readonly DeclaringFile<LoadedPlugin>[],
  catalogs: readonly DeclaringFile<LoadedCatalog>[],
): void {
  refuseDuplicates([
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
  ]);
}

/** Refuses all files that declare one thing; nothing says which of them is meant. */
function refuseDuplicates(
  declared: readonly {
    readonly what: string;
    readonly of: Pick<DeclaringFile<unknown>, "file" | "faults">;
  }[],
): void {
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
