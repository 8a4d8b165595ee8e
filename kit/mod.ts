/**
 * A small page layer with a subset of Fresh 2's interface, under Fresh's names and file conventions.
 * Imported as "fresh". `docs/fresh.md` lists the differences.
 */
export { App } from "./app.ts";
export type { Context } from "./context.ts";
export { csp, type CSPOptions } from "./csp.ts";
export { createDefine, HttpError, page } from "./define.ts";
export type { Define, HandlerByMethod, HandlerFn, LayoutConfig, Method } from "./define.ts";
export type { Middleware, PageProps, PageResponse, RouteConfig, RouteData } from "./define.ts";
export type { RouteHandler } from "./define.ts";
export { staticFiles } from "./static_files.ts";
