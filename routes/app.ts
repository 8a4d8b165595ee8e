/** The whole of what the server answers: the API, the pages, the static files. */
import { App, csp, staticFiles } from "fresh";
import type { DevSite } from "fresh/dev";
import { type BuildCache, setBuildCache } from "fresh/internal";
import type { Services } from "../runtime/services.ts";
import type { State } from "./(_shared)/define.ts";
import { type ApiOptions, createApi } from "./api/api.ts";
import { headAnswer } from "./api/head.ts";

/** Options of {@link createApp}. */
export type AppOptions = ApiOptions;

/** Files below `routes/` that are no routes: this one, and the API, which one route mounts. */
export const notRoutes: readonly RegExp[] = [/^app\.ts$/, /^api\/(?!\[)/];

/** The longest that a page waits for the engine, in milliseconds; then it says so. */
const PATIENCE_MS = 5000;

/**
 * Creates the app: its `fetch` is what `Deno.serve` takes.
 *
 * @param site the pages and islands, loaded; in development it adds what follows their files. Null
 * where a process has no pages.
 * @example
 * ```ts ignore
 * const app = createApp(services, await loadBuildCache({ root, bundle }), { writeToken: "…" });
 * Deno.serve({ port: 8000 }, app.fetch);
 * ```
 */
export function createApp(
  services: Services,
  site: (BuildCache & Partial<Pick<DevSite, "middleware">>) | null,
  options: AppOptions = {},
): { fetch(request: Request): Response | Promise<Response> } {
  const api = createApi(services, options);
  const answer = async (request: Request) => headAnswer(request, await api.fetch(request));
  if (site === null) return { fetch: answer };
  const app = new App<State>()
    .use(...site.middleware === undefined ? [] : [site.middleware<State>()])
    .use(csp({ useNonce: true }))
    .use(staticFiles())
    .use(async (ctx) => {
      const { req, state } = ctx;
      state.services = services;
      state.api = answer;
      state.theme = /(?:^|;\s*)theme=(light|dark)(?:;|$)/.exec(req.headers.get("cookie") ?? "")
        ?.[1] ?? null;
      state.signal = AbortSignal.any([req.signal, AbortSignal.timeout(PATIENCE_MS)]);
      const response = await ctx.next();
      if (!response.headers.get("content-type")?.startsWith("text/html")) return response;
      response.headers.set("cache-control", "no-store");
      response.headers.set("referrer-policy", "no-referrer");
      response.headers.set("x-content-type-options", "nosniff");
      return response;
    })
    .fsRoutes();
  setBuildCache(app, site);
  return { fetch: app.handler() };
}
