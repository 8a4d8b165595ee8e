/** The HTTP interface, version 1. One table of routes says what there is, who may, and how much. */
import { type Context, Hono } from "hono";
import type { Services } from "../../runtime/services.ts";
import { checkWriter } from "./access.ts";
import { listRuns, startRun } from "./batch_runs.ts";
import { json } from "./json.ts";
import { isFaultOfServer, Problem, problemOf, problemResponse } from "./problem.ts";
import { metricQuery, queryParams } from "./query_params.ts";
import { limitedBody, mediaType } from "./request_body.ts";

/** Options of {@link createApi}. */
export interface ApiOptions {
  /** The token that writers must have. Default: none is asked for. */
  readonly writeToken?: string;
  /** The largest body of events, in bytes. Default 256 MiB. */
  readonly maxBodyBytes?: number;
  /** Told of faults that are the server's own. Default: `console.error`. */
  readonly report?: (error: unknown) => void;
}

interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** The largest body, in bytes; 0 where none is read. */
  readonly maxBodyBytes: number;
  handle(c: Context, maxBodyBytes: number): Response | Promise<Response>;
}

const MIB = 2 ** 20;
const formats = { "application/x-ndjson": "ndjson", "application/json": "json-array" } as const;

function routesOf(services: Services, maxBodyBytes: number): Route[] {
  const { serving, ingest } = services;
  const get = (path: string, handle: Route["handle"]): Route => ({
    ...{ method: "GET", path, maxBodyBytes: 0, handle },
  });
  return [
    {
      ...{ method: "POST", path: "/api/v1/events", maxBodyBytes },
      async handle(c, maxBytes) {
        const { topic } = queryParams(c, ["topic"]);
        const type = mediaType(c.req.raw, Object.keys(formats)) as keyof typeof formats;
        const { stream, fault } = limitedBody(c.req.raw, maxBytes);
        try {
          return json(await ingest.ingest(stream, formats[type], topic));
        } catch (error) {
          throw fault() ?? error;
        }
      },
    },
    get("/api/v1/metrics", (c) => {
      queryParams(c, []);
      return json({ metrics: serving.metrics() });
    }),
    get("/api/v1/metrics/:name", async (c) => {
      return json(await serving.query(c.req.param("name")!, metricQuery(c), c.req.raw.signal));
    }),
    get("/api/v1/batch/runs", (c) => listRuns(services, c)),
    {
      ...{ method: "POST", path: "/api/v1/batch/runs", maxBodyBytes: 64 * 1024 },
      handle: (c, maxBytes) => startRun(services, c, maxBytes),
    },
    get("/api/v1/status", async () => json(await services.status())),
    get("/healthz", () => json({ status: "ok" })),
    get("/readyz", async () => {
      const { ready, problems } = await services.status();
      if (ready) return json({ ready, problems });
      throw new Problem("not-ready", problems.join("; ") || "It is still starting", {
        headers: { "retry-after": "1" },
        members: { problems },
      });
    }),
  ];
}

/**
 * The API as a Hono app with absolute paths. Every fault is a problem detail (RFC 9457).
 *
 * @returns the app; it answers 404 to any path that it does not have.
 */
export function createApi(services: Services, options: ApiOptions = {}): Hono {
  const { writeToken, maxBodyBytes = 256 * MIB, report = console.error } = options;
  const app = new Hono();
  const routes = routesOf(services, maxBodyBytes);
  app.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    c.header("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    c.header("cross-origin-resource-policy", "same-origin");
    c.header("x-content-type-options", "nosniff");
  });
  for (const { method, path, maxBodyBytes, handle } of routes) {
    app.on(method, path, (c) => {
      if (method !== "GET") checkWriter(c.req.raw, writeToken);
      return handle(c, maxBodyBytes);
    });
  }
  for (const path of new Set(routes.map((route) => route.path))) {
    const methods = routes.filter((route) => route.path === path).map((route) => route.method);
    const allow = methods.flatMap((method) => method === "GET" ? ["GET", "HEAD"] : [method]);
    app.all(path, (c) => {
      const detail = `${c.req.method} is not one of ${allow.join(", ")}`;
      throw new Problem("method-not-allowed", detail, { headers: { allow: allow.join(", ") } });
    });
  }
  const noRoute = (c: Context) => {
    throw new Problem("not-found", `There is no ${c.req.path.slice(0, 200)}`);
  };
  app.all("/api", noRoute).all("/api/*", noRoute).notFound((c) =>
    problemResponse(c, new Problem("not-found", `There is no ${c.req.path.slice(0, 200)}`))
  );
  app.onError((error, c) => {
    const problem = c.req.raw.signal.aborted
      ? new Problem("cancelled", "The client left before the answer")
      : problemOf(error);
    if (isFaultOfServer(problem)) report(error);
    return problemResponse(c, problem);
  });
  return app;
}
