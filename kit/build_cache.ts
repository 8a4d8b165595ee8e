import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ComponentType } from "preact";
import type { Bundle } from "./bundle.ts";
import type { RouteModule } from "./define.ts";
import { type FileRoute, fileRoutes } from "./fs_routes.ts";
import { registerIsland } from "./islands.ts";

/** All files of a site, loaded. */
export interface Site {
  /** The most specific first. */
  readonly routes: readonly FileRoute[];
  /** What answers where no other does. */
  readonly notFound: FileRoute;
  readonly bundle: Bundle | null;
  /** Files by path on the site, such as `/site.css`. */
  readonly staticFiles: ReadonlyMap<string, string>;
}

/** Where a site's files are. */
export interface SiteFolder {
  /** The folder of `routes/`, `islands/` and `static/`. */
  readonly root: string;
  /** Files below `routes/` that are no routes, by path such as `api/schemas.ts`. */
  readonly ignore?: readonly RegExp[];
}

/** What a site is loaded from. */
export interface SiteOptions extends SiteFolder {
  readonly bundle: Bundle | null;
  /** Imports a file of the site. Default: as it is. */
  readonly load?: (file: string) => Promise<unknown>;
}

const importFile = (file: string) => import(pathToFileURL(file).href);

/** Loads a site's routes and islands. */
export async function loadBuildCache(options: SiteOptions): Promise<{ readonly site: Site }> {
  const { root, bundle, load = importFile } = options;
  const files = await siteFiles(options);
  for (const file of files.islands) {
    registerIsland(islandName(file), islandOf(file, await load(join(root, file)) as Exports));
  }
  const modules = new Map<string, RouteModule>();
  for (const file of files.routes) {
    const path = file.replace(/^routes\/(.*)\.tsx?$/, "$1");
    modules.set(path, await load(join(root, file)) as RouteModule);
  }
  const paths = files.static.map((file) => [file.replace("static", ""), join(root, file)] as const);
  return { site: { ...fileRoutes(modules), bundle, staticFiles: new Map(paths) } };
}

type Exports = Readonly<Record<string, unknown>>;

/** @throws {SyntaxError} for a file whose exports are not one component as default. */
function islandOf(file: string, exports: Exports): ComponentType {
  const refuse = (reason: string): never => {
    throw new SyntaxError(`Cannot load ${file}: ${reason}`);
  };
  if (typeof exports.default !== "function") refuse("expected a component as default export");
  for (const [name, value] of Object.entries(exports)) {
    if (/^[A-Z]/.test(name) && typeof value === "function") {
      refuse(`expected one island per file, as its default export; got ${name} as well`);
    }
  }
  return exports.default as ComponentType;
}

/** The name of an island's file: `Counter` for `islands/Counter.tsx`. */
export function islandName(file: string): string {
  return file.replace(/^islands\//, "").replace(/\.tsx$/, "");
}

/** The files of a site, by path below its root. */
export async function siteFiles({ root, ignore = [] }: SiteFolder) {
  const below = async (folder: string, wanted: RegExp, left: readonly RegExp[] = []) => {
    const paths = await readdir(join(root, folder), { recursive: true }).catch((error) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    const found = paths.filter((path) => wanted.test(path) && !/(^|\/)\./.test(path));
    return found.filter((path) => !left.some((each) => each.test(path)))
      .map((path) => `${folder}/${path}`).sort();
  };
  const local = await below("routes", /(^|\/)\(_islands\)\/.*\.tsx$/);
  return {
    // Folders such as (_components) hold code that pages share.
    routes: await below("routes", /\.tsx?$/, [/(^|\/)\(_/, ...ignore]),
    islands: [...await below("islands", /\.tsx$/), ...local],
    static: await below("static", /./),
  };
}
