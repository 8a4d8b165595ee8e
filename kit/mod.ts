/**
 * A small page layer with the part of Fresh 2's public interface that is used here, under the same
 * names and file conventions. Imported as "fresh": the import map decides which one it is.
 */
export { App } from "./app.ts";
export type { Context } from "./context.ts";
export { csp } from "./csp.ts";
export { createDefine, HttpError, page, type PageProps } from "./define.ts";
export type { HandlerByMethod, HandlerFn, Middleware } from "./define.ts";
export { staticFiles } from "./static_files.ts";
