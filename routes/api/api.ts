/** The HTTP interface, version 1, served from its table of routes. */
import { type Context, Hono } from "hono";
import { compress } from "hono/compress";
import type { Services } from "../../runtime/ports/services.ts";
import { Guard } from "../(_shared)/guard.ts";
import { answerOf, FORMAT_PARAMETER } from "./answer.ts";
import { COMPRESSED_FROM_BYTES } from "./head.ts";
import {
  isFaultOfServer,
  Problem,
  problemOf,
  problemResponse,
  refusalResponse,
} from "./problem.ts";
import { queryParams } from "./query_params.ts";
import type { Route } from "./route.ts";
import { routesOf } from "./routes.ts";

/** Options of {@link createApi}. */
export interface ApiOptions {
  /** Who may write. Default: everybody. */
  readonly guard?: Guard;
  /** Requests with a body that are answered at once; more are told to come back. Default 64. */
  readonly maxBodies?: number;
  /** The largest body of events, in bytes. Default 16 GiB. */
  readonly maxBodyBytes?: number;
  /** Told of faults that are the server's own. Default: `console.error`. */
  readonly report?: (error: unknown) => void;
}

const GIB = 2 ** 30;

/**
 * The API as a Hono app with absolute paths. Every fault is a problem detail (RFC 9457).
 *
 * @returns the app; it answers 404 to any path that it does not have.
 */
export function createApi(services: Services, options: ApiOptions = {}): Hono {
  const { guard = new Guard(), maxBodies = 64, maxBodyBytes = 16 * GIB, report = console.error } =
    options;
  const app = new Hono();
  const routes = routesOf(services, { maxEventBytes: maxBodyBytes });
  app.use(compress({ encoding: "gzip", threshold: COMPRESSED_FROM_BYTES }));
  app.use(async (c, next) => {
    await next();
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
    c.header("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    c.header("cross-origin-resource-policy", "same-origin");
    c.header("x-content-type-options", "nosniff");
  });
  const bodies = new Bodies(maxBodies);
  for (const route of routes) {
    app.on(route.method, honoPath(route.path), async (c) => {
      const refusal = guard.routeFault(c.req.raw, route.access);
      if (refusal !== null) return refusalResponse(refusal, c.req.raw);
      const response = route.body === null
        ? await answer(c, route, guard)
        : await bodies.during(() => answer(c, route, guard));
      if (response.ok || response.status === 304) {
        response.headers.set("cache-control", route.cache);
      }
      return response;
    });
  }
  refuseOtherMethods(app, routes);
  app.notFound((c) => problemResponse(c, noRoute(c)));
  app.all("/api", (c) => problemResponse(c, noRoute(c)));
  app.all("/api/*", (c) => problemResponse(c, noRoute(c)));
  app.onError((error, c) => {
    const problem = c.req.raw.signal.aborted
      ? new Problem("cancelled", "The client left before the answer")
      : problemOf(error);
    if (isFaultOfServer(problem)) report(error);
    return problemResponse(c, problem);
  });
  return app;
}

/** Requests with a body: each holds memory and, until the body has come, a connection. */
class Bodies {
  readonly #most: number;
  #underWay = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @throws {Problem} 503 when too many are under way. */
  async during<T>(action: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.#most) {
      const detail = `${this.#most} requests with a body are under way: try again`;
      throw new Problem("busy", detail, { headers: { "retry-after": "1" } });
    }
    this.#underWay++;
    try {
      return await action();
    } finally {
      this.#underWay--;
    }
  }
}

const honoPath = (path: string) => path.replace(/\{(\w+)\}/g, ":$1");

const noRoute = (c: Context) => new Problem("not-found", `There is no ${c.req.path.slice(0, 200)}`);

/** Handles a request within the route's time. */
async function answer(c: Context, route: Route, guard: Guard): Promise<Response> {
  const params = queryParams(c, allowedParams(route));
  if (route.table !== null) delete params[FORMAT_PARAMETER];
  const left = c.req.raw.signal;
  const time = route.timeoutMs === null ? null : AbortSignal.timeout(route.timeoutMs);
  const signal = time === null ? left : AbortSignal.any([left, time]);
  try {
    const { body } = route;
    const mayRead = guard.mayRead(c.req.raw);
    const maxBodyBytes = body?.maxBytes ?? 0;
    const value = await route.handle({ c, params, signal, maxBodyBytes, mayRead });
    return answerOf(c, route, value);
  } catch (error) {
    if (time?.aborted !== true || left.aborted) throw error;
    const detail = `It took longer than ${route.timeoutMs! / 1000} s: ask for less`;
    throw new Problem("unavailable", detail, { headers: { "retry-after": "1" } });
  }
}

/** The known parameters; any where key columns are among them. */
function allowedParams({ query, table, keyParams }: Route): string[] | undefined {
  if (keyParams !== null) return undefined;
  return [...Object.keys(query?.shape ?? {}), ...(table === null ? [] : [FORMAT_PARAMETER])];
}

function refuseOtherMethods(app: Hono, routes: readonly Route[]): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const methods = routes.filter((route) => route.path === path).map((route) => route.method);
    const allow = methods.flatMap((method) => method === "GET" ? ["GET", "HEAD"] : [method]);
    app.all(honoPath(path), (c) => {
      const detail = `${c.req.method} is not one of ${allow.join(", ")}`;
      throw new Problem("method-not-allowed", detail, { headers: { allow: allow.join(", ") } });
    });
  }
}
