import type { Site } from "./build_cache.ts";
import { Context } from "./context.ts";
import { type HandlerFn, HttpError, type Middleware, type PageInit } from "./define.ts";
import { type FileRoute, fileRoutes } from "./fs_routes.ts";

/** Where an app finds its file routes, islands and scripts; in development it changes. */
export interface BuildCache {
  readonly site: Site;
}

const noFiles: Site = { ...fileRoutes(new Map()), bundle: null, staticFiles: new Map() };

/** A request that came from no connection, such as a test's. */
const unknownClient: Deno.ServeHandlerInfo = {
  remoteAddr: { transport: "tcp", hostname: "localhost", port: 0 },
  completed: Promise.resolve(),
};

/** Tells an app where its files are; before it listens. */
export function setBuildCache<State>(app: App<State>, cache: BuildCache): void {
  app.cache = cache;
}

/**
 * A site: middlewares in the order in which they were added, then the routes by file.
 *
 * @example
 * ```ts
 * import { App } from "./mod.ts";
 * const app = new App().use((ctx) => new Response(`hello ${ctx.url.pathname}`));
 * const response = await app.handler()(new Request("http://localhost/you"));
 * if (await response.text() !== "hello /you") throw new Error("unexpected");
 * ```
 */
export class App<State> {
  /** @internal See {@link setBuildCache}. */
  cache: BuildCache = { site: noFiles };
  readonly #middlewares: Middleware<State>[] = [];
  #last: Middleware<State> = () => Promise.reject(new HttpError(404));

  /** Adds middlewares. */
  use(...middlewares: Middleware<State>[]): this {
    this.#middlewares.push(...middlewares);
    return this;
  }

  /** Adds the routes of the files below `routes/`. */
  fsRoutes(): this {
    this.#last = answerByFile;
    return this;
  }

  /**
   * Answers requests, for `Deno.serve`. Errors that no `_error.tsx` shows are answered in plain
   * text. A HEAD is answered as a GET: `Deno.serve` sends the body's length and cancels the body.
   */
  handler(): (request: Request, info?: Deno.ServeHandlerInfo) => Promise<Response> {
    return (request, info = unknownClient) => {
      const ctx = new Context<State>(request, info, {} as State, this.cache.site);
      return run([...this.#middlewares, this.#last], ctx).catch((error) => {
        const text = error instanceof HttpError ? error.message : "Internal server error";
        return new Response(text, initOf(error));
      });
    };
  }
}

async function run<State>(chain: readonly Middleware<State>[], ctx: Context<State>) {
  const [first, ...others] = chain;
  const before = ctx.next;
  ctx.next = () => run(others, ctx);
  try {
    return await first(ctx);
  } finally {
    ctx.next = before;
  }
}

/** Logs what nobody foresaw: the answer does not tell it. */
function initOf(error: unknown): PageInit {
  if (error instanceof HttpError) return { status: error.status, headers: error.init.headers };
  console.error(error);
  return { status: 500 };
}

async function answerByFile<State>(ctx: Context<State>): Promise<Response> {
  let route = ctx.site.notFound as FileRoute<State>;
  try {
    route = match(ctx.site.routes as readonly FileRoute<State>[], ctx) ?? route;
    return await run([...route.middlewares, (ctx) => answerRoute(ctx, route)], ctx);
  } catch (error) {
    const missing = error instanceof HttpError && error.status === 404;
    const page = missing ? route.notFound ?? route.error : route.error;
    if (page === null) throw error;
    ctx.error = error;
    ctx.frame = page.frame;
    return await ctx.show(page.component, undefined, initOf(error));
  }
}

function match<State>(routes: readonly FileRoute<State>[], ctx: Context<State>) {
  for (const route of routes) {
    const groups = route.pattern.exec({ pathname: ctx.url.pathname })?.pathname.groups;
    if (groups === undefined) continue;
    const params = Object.entries(groups).map(([name, value = ""]) => [name, decoded(value)]);
    ctx.params = Object.fromEntries(params);
    ctx.route = route.path;
    return route;
  }
  return null;
}

/** A text with a broken escape stays as it is, and so names nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function answerRoute<State>(ctx: Context<State>, route: FileRoute<State>): Promise<Response> {
  ctx.frame = route.frame;
  const answer = await handlerOf(route, ctx.req.method)?.(ctx) ?? { data: undefined };
  if (answer instanceof Response) return answer;
  if (route.component === null) throw new Error(`${route.path} has data and no page`);
  return await ctx.show(route.component, answer.data, answer);
}

function handlerOf<State>({ handler, component }: FileRoute<State>, method: string) {
  if (typeof handler === "function") return handler;
  // A map: anybody may ask by a method called "constructor".
  const handlers = new Map<string, HandlerFn<unknown, State>>(Object.entries(handler));
  const allowed = new Set(handlers.keys());
  if (handlers.has("GET") || component !== null) allowed.add("GET").add("HEAD");
  if (allowed.has(method)) return handlers.get(method) ?? handlers.get("GET");
  const headers = { allow: [...allowed].join(", ") };
  throw new HttpError(405, `${method} has no place here`, { headers });
}
