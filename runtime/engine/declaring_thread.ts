/** The thread in which the modules of `plugins/` declare. Runs in the worker of `Declarer`. */
import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { Catalog } from "../catalog.ts";
import { DeclarationError } from "../declaration/faults.ts";
import { importsOf, moduleTexts } from "../model/module_texts.ts";
import { dataOfPlugin, type PluginData } from "../model/plugin_data.ts";
import { hasFunctions, type Plugin, type PluginIsland } from "../plugin.ts";
import type { RowFormat } from "../row_format.ts";
import type { Source } from "../source.ts";
import { messageOf, UserError } from "../std/errors.ts";
import { makeGlobalsPure } from "../std/pure_globals.ts";
import { lowerPriority } from "../std/thread_priority.ts";
import { answerCalls } from "../std/worker_thread.ts";
// Plugins import it: it is loaded before the globals are gone.
import "../twofold.ts";

/** Where the component of a metric's page is exported. */
export interface IslandExport {
  /** Below the root, such as `islands/Stars.tsx`. */
  readonly file: string;
  readonly name: string;
}

/** What a module declares. */
export type Declared =
  | {
    readonly kind: "plugin";
    readonly plugin: PluginData;
    /** See `LoadedPlugin.modules`. */
    readonly modules: Readonly<Record<string, string>>;
    readonly island: IslandExport | null;
  }
  | { readonly kind: "catalog"; readonly catalog: Catalog }
  | {
    readonly kind: "input";
    /** See `moduleTexts()`; every one. */
    readonly texts: Readonly<Record<string, string>>;
  }
  /** What is wrong, each as a clause. */
  | { readonly kind: "faults"; readonly faults: readonly string[] };

const methods = {
  /** @param file below the root, such as `plugins/ratings.ts`. */
  async declare(root: string, file: string): Promise<Declared> {
    try {
      if (file.endsWith(".catalog.ts")) return await declaredCatalog(root, file);
      if (/\.(format|source)\.ts$/.test(file)) return await declaredInput(root, file);
      return await declaredPlugin(root, file);
    } catch (error) {
      const faults = error instanceof DeclarationError
        ? [...error.faults]
        : [faultWords(root, file, error)];
      return { kind: "faults", faults };
    }
  },
};

/** What the thread can be asked to do. */
export type DeclaringMethods = typeof methods;

const defaultExport = async (root: string, file: string) =>
  (await import(pathToFileURL(join(root, file)).href)).default;

async function declaredPlugin(root: string, file: string): Promise<Declared> {
  const plugin: Plugin | undefined = await defaultExport(root, file);
  if (plugin?.measureColumns === undefined) {
    throw new UserError(
      "its default export must be what definePlugin() returns; a file that is not a plugin needs a " +
        `name of two parts, such as ${basename(file, ".ts")}.shared.ts`,
    );
  }
  const texts = await moduleTexts(root, file);
  const { island } = plugin.present;
  return {
    kind: "plugin",
    plugin: dataOfPlugin(plugin),
    modules: hasFunctions(plugin) ? texts : {},
    island: island === undefined ? null : await islandExport(root, file, island),
  };
}

async function declaredCatalog(root: string, file: string): Promise<Declared> {
  const catalog: Catalog | undefined = await defaultExport(root, file);
  if (catalog?.columns !== undefined) return { kind: "catalog", catalog };
  throw new UserError("its default export must be what defineCatalog() returns");
}

async function declaredInput(root: string, file: string): Promise<Declared> {
  const input: Partial<RowFormat & Source> | undefined = await defaultExport(root, file);
  const [member, defining] = file.endsWith(".format.ts")
    ? ["parse", "defineRowFormat() or defineCatalogFormat()"] as const
    : ["events", "defineSource()"] as const;
  if (input?.[member] !== undefined) {
    return { kind: "input", texts: await moduleTexts(root, file, { every: true }) };
  }
  throw new UserError(`its default export must be what ${defining} returns`);
}

/** Pages need the component itself: it is found by what the plugin's file imports. */
async function islandExport(
  root: string,
  file: string,
  island: PluginIsland,
): Promise<IslandExport> {
  const text = await readFile(join(root, file), "utf8");
  const url = pathToFileURL(join(root, file));
  for (const imported of importsOf(text)) {
    if (!imported.startsWith(".")) continue;
    const target = new URL(imported, url);
    const exported = Object.entries(await import(target.href)).find(([, value]) =>
      value === island
    );
    if (exported !== undefined) {
      return { file: relative(root, fileURLToPath(target)), name: exported[0] };
    }
  }
  throw new UserError(
    "present.island must be a component that the file imports from a module of islands/",
  );
}

/**
 * An error in one line, with its place below the root where it has one. Files that import the same
 * missing module get the same error, with the place of one of them: another file is not named.
 */
function faultWords(root: string, file: string, error: unknown): string {
  const base = `${pathToFileURL(root).href.replace(/\/$/, "")}/`;
  const plain = (text: string) => stripVTControlCharacters(text).replaceAll(base, "");
  const words = plain(messageOf(error)).split("\n");
  const stack = error instanceof Error ? plain(error.stack ?? "") : "";
  const folder = RegExp.escape(dirname(file));
  const places = `${words.join("\n")}\n${stack}`.match(
    new RegExp(`(?<![\\w/])${folder}/[^\\s()]+:\\d+:\\d+`, "g"),
  ) ?? [];
  const declaring = new RegExp(`^${folder}/[a-z0-9_]+(?:\\.(?:catalog|format|source))?\\.ts:`);
  const place = places.find((place) => place.startsWith(`${file}:`)) ??
    places.find((place) => !declaring.test(place));
  return place === undefined || words[0].includes(place) ? words[0] : `${words[0]} (${place})`;
}

answerCalls(methods);
lowerPriority();
makeGlobalsPure("plugins");
