/** The whole of what the server answers: the API, the pages, the static files. */
import { App, csp, staticFiles } from "fresh";
import type { DevSite } from "kit/dev";
import { type BuildCache, setBuildCache } from "kit/loading";
import type { Services } from "../runtime/ports/services.ts";
import type { State } from "./(_shared)/define.ts";
import { type AccessRules, Guard, type Refusal } from "./(_shared)/guard.ts";
import { type ApiOptions, createApi } from "./api/api.ts";
import { headAnswer } from "./api/head.ts";
import { refusalResponse } from "./api/problem.ts";

/** Options of {@link createApp}. */
export interface AppOptions extends Omit<ApiOptions, "guard"> {
  /** Who may do what. Default: everybody who names this machine may do everything. */
  readonly access?: AccessRules;
}

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
 * const app = createApp(services, await loadBuildCache({ root, bundle }), { access: { writeTokens: ["…"] } });
 * Deno.serve({ port: 8000 }, app.fetch);
 * ```
 */
export function createApp(
  services: Services,
  site: (BuildCache & Partial<Pick<DevSite, "middleware">>) | null,
  options: AppOptions = {},
): { readonly fetch: Answer } {
  const guard = new Guard(options.access);
  const api = createApi(services, { ...options, guard });
  const answer = async (request: Request) => headAnswer(request, await api.fetch(request));
  if (site === null) return { fetch: guarded(guard, readers(guard, answer)) };
  const app = new App<State>()
    .use(...site.middleware === undefined ? [] : [site.middleware<State>()])
    .use(csp({ useNonce: true }))
    .use(staticFiles())
    .use((ctx) => {
      const refusal = guard.readerFault(ctx.req);
      return refusal === null ? ctx.next() : refuseReader(ctx.req, refusal);
    })
    .use(async (ctx) => {
      const { req, state } = ctx;
      state.services = services;
      state.api = answer;
      state.guard = guard;
      state.theme = /(?:^|;\s*)theme=(light|dark)(?:;|$)/.exec(req.headers.get("cookie") ?? "")
        ?.[1] ?? null;
      state.signal = AbortSignal.any([req.signal, AbortSignal.timeout(PATIENCE_MS)]);
      const response = await ctx.next();
      if (!response.headers.get("content-type")?.startsWith("text/html")) return response;
      response.headers.set("cache-control", "no-store");
      // Without any referrer, browsers send "null" as the origin of a form.
      response.headers.set("referrer-policy", "same-origin");
      response.headers.set("x-content-type-options", "nosniff");
      return response;
    })
    .fsRoutes();
  setBuildCache(app, site);
  return { fetch: guarded(guard, app.handler()) };
}

/** Answers a request; `info` tells the client's address. */
type Answer = (request: Request, info?: Deno.ServeHandlerInfo) => Response | Promise<Response>;

/** What passes {@link Guard.siteFault} is answered. */
function guarded(guard: Guard, answer: Answer): Answer {
  return (request, info) => {
    const refusal = guard.siteFault(request);
    return refusal === null ? answer(request, info) : refusalResponse(refusal, request);
  };
}

function readers(guard: Guard, answer: Answer): Answer {
  return (request) => {
    const refusal = guard.readerFault(request);
    return refusal === null ? answer(request) : refusalResponse(refusal, request);
  };
}

/** A page leads to the form; everything else is told to send a token. */
function refuseReader(request: Request, refusal: Refusal): Response {
  const { pathname, search } = new URL(request.url);
  const isPage = request.method === "GET" &&
    (request.headers.get("accept") ?? "").includes("text/html");
  if (!isPage || pathname.startsWith("/api/")) return refusalResponse(refusal, request);
  const location = `/sign-in?next=${encodeURIComponent(pathname + search)}`;
  return new Response(null, { status: 303, headers: { location, "cache-control": "no-store" } });
}
