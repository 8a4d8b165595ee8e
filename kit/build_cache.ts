import { basename, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import type { Bundle } from "./bundle.ts";
import type { RouteModule } from "./define.ts";
import { type FileRoute, fileRoutes } from "./fs_routes.ts";
import { type Island, registerIslands } from "./islands.ts";

/** All files of a site, loaded. */
export interface Site {
  readonly routes: readonly FileRoute[];
  readonly notFound: FileRoute | null;
  readonly islands: ReadonlyMap<string, Island>;
  readonly bundle: Bundle | null;
  readonly staticDir: string;
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
export async function loadBuildCache(options: SiteOptions): Promise<{ site: Site }> {
  const { root, bundle, load = importFile } = options;
  const { routes: routeFiles, islands: islandFiles } = await siteFiles(options);
  const islands = new Map<string, Island>();
  for (const file of islandFiles) {
    const name = basename(file, ".tsx");
    const { default: component } = await load(file) as { default?: Island["component"] };
    if (component === undefined) throw new Error(`islands/${name}.tsx has no default export`);
    islands.set(name, { name, component });
  }
  registerIslands(islands.values());
  const modules = new Map<string, RouteModule>();
  for (const file of routeFiles) {
    const name = relative(join(root, "routes"), file).replace(/\.tsx?$/, "");
    modules.set(name, await load(file) as RouteModule);
  }
  return { site: { ...fileRoutes(modules), islands, bundle, staticDir: join(root, "static") } };
}

/** The files of a site that are imported, by absolute path. */
export async function siteFiles({ root, ignore = [] }: SiteFolder) {
  const routes: string[] = [];
  for await (const file of filesBelow(join(root, "routes"))) {
    const path = relative(join(root, "routes"), file);
    // Folders in parentheses with an underscore hold what pages share.
    const left = /(^|\/)\(_/.test(path) || ignore.some((pattern) => pattern.test(path));
    if (/\.tsx?$/.test(path) && !left) routes.push(file);
  }
  const islands: string[] = [];
  for await (const file of filesBelow(join(root, "islands"))) {
    if (/^[^/]+\.tsx$/.test(relative(join(root, "islands"), file))) islands.push(file);
  }
  return { routes: routes.sort(), islands: islands.sort() };
}

async function* filesBelow(dir: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) yield* filesBelow(join(dir, name));
    else yield join(dir, name);
  }
}
