/** Apps of route modules, as the page layer's tests have them. */
import { App, type Context } from "fresh";
import { type Bundle, setBuildCache } from "kit/loading";
import { h } from "preact";
import { vi } from "testing";
import type { PageProps, RouteModule } from "../../kit/define.ts";
import { fileRoutes } from "../../kit/fs_routes.ts";

export const bundle: Bundle = {
  files: new Map([["Box-1.js", new TextEncoder().encode("export default 1;")]]),
  client: "client-1.js",
  islands: new Map([["Box", "Box-1.js"], ["Late", "Late-1.js"]]),
  imports: new Map([["client-1.js", ["chunk-1.js"]], ["Box-1.js", ["chunk-1.js"]]]),
};

export type Modules = Record<string, RouteModule>;
export type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** An app of route modules by path. */
export function serve(modules: Modules, app = new App<unknown>()): Ask {
  const routes = fileRoutes(new Map(Object.entries(modules)));
  setBuildCache(app, { site: { ...routes, bundle, staticFiles: new Map() } });
  const handler = app.fsRoutes().handler();
  return (path, init) => handler(new Request(`http://localhost${path}`, init));
}

export const say = (text: string) => () => h("p", null, text);
/** A layout or an app wrapper. */
export const within = (tag: string) => ({ Component }: PageProps) =>
  h(tag, null, h(Component, null));
export const answer = (handler: (ctx: Context<unknown>) => unknown): RouteModule => ({
  handler: (ctx) => Response.json(handler(ctx)),
});
export const html = async (response: Response | Promise<Response>) =>
  (await (await response).text()).replace("<!doctype html>", "");

/** Runs with console.error caught. */
export async function logged(body: () => Promise<void>): Promise<unknown[]> {
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  try {
    await body();
    return error.mock.calls.flat();
  } finally {
    error.mockRestore();
  }
}
