/** Routes by file name: `[param]`, `[[optional]]`, `[...rest]`, `(group)`, `_app`, `_layout`, … */
import type { Site } from "./build_cache.ts";
import { framed } from "./context.ts";
import { HttpError } from "./define.ts";
import type { Middleware, PageComponent, RouteHandler, RouteModule } from "./define.ts";
import { checkModule, pathOf } from "./route_files.ts";

/** The app wrapper and the layouts around a page, the outermost first. */
export interface Frame<State> {
  readonly app: PageComponent<State> | null;
  readonly layouts: readonly PageComponent<State>[];
}

interface FramedPage<State> {
  readonly component: PageComponent<State>;
  readonly frame: Frame<State>;
}

/** A route with everything that the files above it add. */
export interface FileRoute<State = unknown> {
  readonly path: string;
  readonly pattern: URLPattern;
  readonly component: PageComponent<State> | null;
  readonly frame: Frame<State>;
  readonly handler: RouteHandler<unknown, State>;
  readonly middlewares: readonly Middleware<State>[];
  /** Shown for errors; {@link notFound} takes precedence for status 404. */
  readonly error: FramedPage<State> | null;
  readonly notFound: FramedPage<State> | null;
}

/**
 * The routes, the most specific first, and the answer to paths without one.
 *
 * @param modules below `routes/` by path without extension, such as `movies/[id]`.
 * @throws {SyntaxError} for a file whose name or exports are not supported.
 */
export function fileRoutes(
  modules: ReadonlyMap<string, RouteModule>,
): Pick<Site, "routes" | "notFound"> {
  for (const [file, module] of modules) checkModule(file, module);
  const frameOf = (folders: readonly string[]) => {
    let frame: Frame<unknown> = { app: componentOf(modules.get("_app")), layouts: [] };
    for (const folder of folders) {
      const layout = modules.get(`${folder}_layout`);
      const component = componentOf(layout);
      if (component === null) continue;
      const { app, layouts } = framed(frame, layout?.config);
      frame = { app, layouts: [...layouts, component] };
    }
    return frame;
  };
  const errorOf = (folders: readonly string[], name: string) => {
    const at = folders.findLastIndex((folder) => modules.has(folder + name));
    if (at < 0) return null;
    const module = modules.get(folders[at] + name)!;
    const frame = framed(frameOf(folders.slice(0, at + 1)), module.config);
    return { component: componentOf(module)!, frame };
  };
  const routeOf = (file: string, module: RouteModule): FileRoute => {
    // The folders on the way to the file, the root first: `a/b/c` gives "", "a/", "a/b/".
    const folders = ["", ...file.matchAll(/\//g).map(({ index }) => file.slice(0, index + 1))];
    const path = module.config?.routeOverride ?? pathOf(file);
    return {
      path,
      pattern: new URLPattern({ pathname: path }),
      component: componentOf(module),
      frame: framed(frameOf(folders), module.config),
      handler: (module.handlers ?? module.handler ?? {}) as RouteHandler<unknown, unknown>,
      middlewares: folders.flatMap((folder) => middlewaresOf(modules.get(`${folder}_middleware`))),
      error: errorOf(folders, "_error"),
      notFound: errorOf(folders, "_404"),
    };
  };

  const files = [...modules].filter(([file]) => !/(^|\/)_/.test(file));
  const routes = files.map(([file, module]) => routeOf(file, module));
  routes.sort((a, b) => weight(a.path) < weight(b.path) ? -1 : 1);
  const nothing: RouteHandler<unknown, unknown> = ({ url }) => {
    throw new HttpError(404, `Not found: ${url.pathname}`);
  };
  return { routes, notFound: routeOf("_404", { handler: nothing }) };
}

function componentOf(module: RouteModule | undefined): PageComponent<unknown> | null {
  return module?.default as PageComponent<unknown> | undefined ?? null;
}

function middlewaresOf(module: RouteModule | undefined): Middleware<unknown>[] {
  const given = module?.handlers ?? module?.handler ?? module?.default ?? [];
  return [given].flat() as Middleware<unknown>[];
}

/** Sorts names before parameters, and parameters before those that may be missing or repeat. */
const weight = (path: string) =>
  path.replaceAll("{/", "/{").split("/").map((part) => {
    if (part.endsWith("*")) return "3";
    if (part.startsWith("{")) return "2";
    return part.includes(":") ? "1" : `0${part}`;
  }).join("\t");
