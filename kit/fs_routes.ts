/** Routes by file name: `[param]`, `[...rest]`, `(group)`, `_app`, `_layout`, `_middleware`, `_error`. */
import type { Site } from "./build_cache.ts";
import { HttpError } from "./define.ts";
import type { Handler, Middleware, PageComponent, RouteModule } from "./define.ts";

/** A page, and what it is shown in: the app wrapper and the layouts, the outermost first. */
interface FramedPage<State> {
  readonly component: PageComponent<State>;
  readonly frame: readonly PageComponent<State>[];
}

/** A route with all that the files above it add. */
export interface FileRoute<State = unknown> {
  readonly path: string;
  readonly pattern: URLPattern;
  readonly component: PageComponent<State> | null;
  readonly frame: FramedPage<State>["frame"];
  readonly handler: Handler<unknown, State>;
  readonly middlewares: readonly Middleware<State>[];
  /** Shown for errors; {@link notFound} goes before it when something is not there. */
  readonly error: FramedPage<State> | null;
  readonly notFound: FramedPage<State> | null;
}

/**
 * The routes, the most specific first; and what answers where none matches.
 *
 * @param modules below `routes/` by path without extension, such as `movies/[id]`.
 */
export function fileRoutes(
  modules: ReadonlyMap<string, RouteModule>,
): Pick<Site, "routes" | "notFound"> {
  const componentsOf = (files: readonly string[]) =>
    files.map((file) => modules.get(file)?.default as PageComponent<unknown> | undefined)
      .filter((component) => component !== undefined);
  const frameOf = (folders: readonly string[]) =>
    componentsOf(["_app", ...folders.map((folder) => `${folder}_layout`)]);
  const errorOf = (folders: readonly string[], name: string) => {
    const at = folders.findLastIndex((folder) => modules.has(folder + name));
    const [component] = componentsOf([folders[at] + name]);
    return at < 0 ? null : { component, frame: frameOf(folders.slice(0, at + 1)) };
  };
  const routeOf = (file: string, module: RouteModule): FileRoute => {
    // The folders on the way to it, the root first: `a/b/c` gives "", "a/", "a/b/".
    const folders = ["", ...file.matchAll(/\//g).map(({ index }) => file.slice(0, index + 1))];
    const path = pathOf(file);
    return {
      path,
      pattern: new URLPattern({ pathname: path }),
      component: module.default as PageComponent<unknown> ?? null,
      frame: frameOf(folders),
      handler: module.handler ?? module.handlers ?? {},
      middlewares: folders.flatMap((folder) => middlewaresOf(modules.get(`${folder}_middleware`))),
      error: errorOf(folders, "_error"),
      notFound: errorOf(folders, "_404"),
    };
  };

  const files = [...modules].filter(([file]) => !/(^|\/)_/.test(file));
  const routes = files.map(([file, module]) => routeOf(file, module));
  routes.sort((a, b) => weight(a.path) < weight(b.path) ? -1 : 1);
  const nothing: Handler<unknown, unknown> = ({ url }) => {
    throw new HttpError(404, `Not found: ${url.pathname}`);
  };
  return { routes, notFound: routeOf("_404", { handler: nothing }) };
}

function middlewaresOf(module: RouteModule | undefined): Middleware<unknown>[] {
  const given = module?.default ?? module?.handler ?? [];
  return [given].flat() as Middleware<unknown>[];
}

function pathOf(file: string): string {
  const parts = file.split("/").filter((part) => !/^\(.*\)$/.test(part));
  if (parts.at(-1) === "index") parts.pop();
  return "/" +
    parts.join("/").replaceAll(/\[\.\.\.(\w+)\]/g, ":$1*").replaceAll(/\[(\w+)\]/g, ":$1");
}

/** Sorts names before parameters, and those before what takes any number of parts. */
const weight = (path: string) =>
  path.split("/").map((part) => part.endsWith("*") ? "2" : part.includes(":") ? "1" : `0${part}`)
    .join("\t");
