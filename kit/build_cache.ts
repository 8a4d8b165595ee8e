import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
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
    const { default: island } = await load(join(root, file)) as { default?: ComponentType };
    if (island === undefined) throw new Error(`${file} has no default export`);
    registerIsland(basename(file, ".tsx"), island);
  }
  const modules = new Map<string, RouteModule>();
  for (const file of files.routes) {
    const path = file.replace(/^routes\/(.*)\.tsx?$/, "$1");
    modules.set(path, await load(join(root, file)) as RouteModule);
  }
  const paths = files.static.map((file) => [file.replace("static", ""), join(root, file)] as const);
  return { site: { ...fileRoutes(modules), bundle, staticFiles: new Map(paths) } };
}

/** The files of a site, by path below its root. */
export async function siteFiles({ root, ignore = [] }: SiteFolder) {
  const below = async (folder: string, wanted: RegExp, left: readonly RegExp[] = []) => {
    const paths = await readdir(join(root, folder), { recursive: true });
    const found = paths.filter((path) => wanted.test(path) && !/(^|\/)\./.test(path));
    return found.filter((path) => !left.some((each) => each.test(path)))
      .map((path) => `${folder}/${path}`).sort();
  };
  return {
    // Folders in parentheses with an underscore hold what pages share.
    routes: await below("routes", /\.tsx?$/, [/(^|\/)\(_/, ...ignore]),
    islands: await below("islands", /^[^/]+\.tsx$/),
    static: await below("static", /./),
  };
}
