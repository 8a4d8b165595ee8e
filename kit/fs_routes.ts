/** Routes by file name: `[param]`, `[...rest]`, `(group)`, `_app`, `_layout`, `_middleware`, `_error`. */
import type {
  HandlerByMethod,
  HandlerFn,
  Middleware,
  PageComponent,
  RouteModule,
} from "./define.ts";

/** A route with all that the files above it add. */
export interface FileRoute<State = unknown> {
  readonly path: string;
  readonly pattern: URLPattern;
  readonly component: PageComponent<State> | null;
  readonly handler: HandlerFn<unknown, State> | HandlerByMethod<unknown, State> | null;
  readonly middlewares: readonly Middleware<State>[];
  /** The app wrapper and the layouts, the outermost first. */
  readonly frame: readonly PageComponent<State>[];
  readonly error: {
    readonly component: PageComponent<State>;
    readonly frame: readonly PageComponent<State>[];
  } | null;
}

/** Modules below `routes/` by path without extension, such as `movies/[id]`. */
export type RouteModules = ReadonlyMap<string, RouteModule>;

/** Folders on the way to a file, the root first: `a/b/c` gives "", "a", "a/b". */
const foldersOf = (file: string) =>
  file.split("/").map((_, i, parts) => parts.slice(0, i).join("/"));

/** The routes, the most specific first; and what answers where none matches. */
export function fileRoutes(modules: RouteModules): {
  routes: FileRoute[];
  notFound: FileRoute | null;
} {
  const at = (folder: string, name: string) =>
    modules.get(folder === "" ? name : `${folder}/${name}`);
  const routeOf = (file: string, module: RouteModule): FileRoute => {
    const folders = foldersOf(file);
    const { config = {} } = module;
    const path = config.routeOverride ?? pathOf(file);
    const layouts = framesOf(folders, at);
    return {
      ...{ path, pattern: new URLPattern({ pathname: path }) },
      component: module.default as PageComponent<unknown> ?? null,
      handler: module.handler ?? module.handlers ?? null,
      middlewares: folders.flatMap((folder) => middlewaresOf(at(folder, "_middleware"))),
      frame: [
        ...(config.skipAppWrapper ? [] : layouts.app),
        ...(config.skipInheritedLayouts ? [] : layouts.layouts),
      ],
      error: errorOf(folders, at),
    };
  };
  const files = [...modules].filter(([file]) => !/(^|\/)_/.test(file));
  const routes = files.map(([file, module]) => routeOf(file, module));
  routes.sort((a, b) => weight(a.path) < weight(b.path) ? -1 : 1);
  return { routes, notFound: modules.has("_error") ? routeOf("index", {}) : null };
}

type At = (folder: string, name: string) => RouteModule | undefined;

function framesOf(folders: readonly string[], at: At) {
  const component = (module: RouteModule | undefined) =>
    module?.default === undefined ? [] : [module.default as PageComponent<unknown>];
  let layouts: PageComponent<unknown>[] = [];
  for (const folder of folders) {
    const layout = at(folder, "_layout");
    if (layout?.config?.skipInheritedLayouts) layouts = [];
    layouts.push(...component(layout));
  }
  return { app: component(at("", "_app")), layouts };
}

function middlewaresOf(module: RouteModule | undefined): Middleware<unknown>[] {
  const given = module?.default ?? module?.handler ?? [];
  return [given].flat() as Middleware<unknown>[];
}

function errorOf(folders: readonly string[], at: At): FileRoute["error"] {
  const folder = folders.findLast((folder) => at(folder, "_error") !== undefined);
  if (folder === undefined) return null;
  const { app, layouts } = framesOf(folders.slice(0, folders.indexOf(folder) + 1), at);
  const component = at(folder, "_error")!.default as PageComponent<unknown>;
  return { component, frame: [...app, ...layouts] };
}

function pathOf(file: string): string {
  const parts = file.split("/").filter((part) => !/^\(.*\)$/.test(part));
  if (parts.at(-1) === "index") parts.pop();
  return "/" +
    parts.map((part) =>
      part.replace(/^\[\[(\w+)\]\]$/, ":$1?").replace(/^\[\.\.\.(\w+)\]$/, ":$1*")
        .replaceAll(/\[(\w+)\]/g, ":$1")
    ).join("/");
}

/** Sorts names before parameters, and those before what takes any number of parts. */
const weight = (path: string) =>
  path.split("/").map((part) => part.endsWith("*") ? "~" : part.includes(":") ? "}" : part)
    .join("\t");
