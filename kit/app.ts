import type { Site } from "./build_cache.ts";
import { Context } from "./context.ts";
import { type HandlerByMethod, type HandlerFn, HttpError, type Middleware } from "./define.ts";
import type { FileRoute } from "./fs_routes.ts";

/** Where an app finds its file routes, islands and scripts; in development it changes. */
export interface BuildCache {
  readonly site: Site;
}

const caches = new WeakMap<object, BuildCache>();
const noSite: Site = {
  routes: [],
  notFound: null,
  islands: new Map(),
  bundle: null,
  staticDir: "",
};

/** Tells an app where its files are; before it listens. */
export function setBuildCache<State>(app: App<State>, cache: BuildCache): void {
  caches.set(app, cache);
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
  readonly #middlewares: Middleware<State>[] = [];
  #fsRoutes = false;

  /** Adds middlewares. */
  use(...middlewares: Middleware<State>[]): this {
    this.#middlewares.push(...middlewares);
    return this;
  }

  /** Adds the routes of the files below `routes/`. */
  fsRoutes(): this {
    this.#fsRoutes = true;
    return this;
  }

  /** What answers requests. It throws what no `_error.tsx` handles. */
  handler(): (request: Request) => Promise<Response> {
    return (request) => {
      const site = caches.get(this)?.site ?? noSite;
      const ctx = new Context<State>(request, {} as State, site);
      const last: Middleware<State> = (ctx) => {
        if (this.#fsRoutes) return answerByFile(ctx);
        throw new HttpError(404);
      };
      return run([...this.#middlewares, last], ctx);
    };
  }
}

function run<State>(chain: readonly Middleware<State>[], ctx: Context<State>): Promise<Response> {
  const at = async (i: number): Promise<Response> => {
    const before = ctx.next;
    ctx.next = () => at(i + 1);
    try {
      return await chain[i](ctx);
    } finally {
      ctx.next = before;
    }
  };
  return at(0);
}

async function answerByFile<State>(ctx: Context<State>): Promise<Response> {
  const found = match(ctx.site.routes as readonly FileRoute<State>[], ctx);
  const route = found ?? ctx.site.notFound as FileRoute<State> | null;
  try {
    if (route === null) throw new HttpError(404);
    const answer: Middleware<State> = found === null
      ? () => Promise.reject(new HttpError(404, `There is no ${ctx.url.pathname}`))
      : (ctx) => answerRoute(ctx, found);
    return await run([...route.middlewares, answer], ctx);
  } catch (error) {
    if (route === null || route.error === null) throw error;
    ctx.error = error;
    ctx.frame = route.error.frame;
    const status = error instanceof HttpError ? error.status : 500;
    return ctx.render(ctx.element(route.error.component, undefined), { status });
  }
}

function match<State>(routes: readonly FileRoute<State>[], ctx: Context<State>) {
  for (const route of routes) {
    const groups = route.pattern.exec({ pathname: ctx.url.pathname })?.pathname.groups;
    if (groups === undefined) continue;
    const named = Object.entries(groups).filter(([, value]) => value !== undefined);
    ctx.params = Object.fromEntries(named.map(([name, value]) => [name, decoded(value!)]));
    ctx.route = route.path;
    return route;
  }
  return null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new HttpError(400, `The path has a broken escape: ${text.slice(0, 80)}`, { cause });
  }
}

async function answerRoute<State>(ctx: Context<State>, route: FileRoute<State>): Promise<Response> {
  ctx.frame = route.frame;
  const answer = await handlerOf(route, ctx.req.method)?.(ctx) ?? { data: undefined };
  if (answer instanceof Response) return answer;
  if (route.component === null) throw new Error(`${route.path} has data and no page`);
  const { data, status, headers } = answer;
  return ctx.render(ctx.element(route.component, data), { status, headers });
}

function handlerOf<State>(
  { handler, component }: FileRoute<State>,
  method: string,
): HandlerFn<unknown, State> | null {
  if (typeof handler === "function") return handler;
  const reads = method === "GET" || method === "HEAD";
  const byMethod: HandlerByMethod<unknown, State> = handler ?? {};
  const own = byMethod[method as keyof typeof byMethod] ?? (reads ? byMethod.GET : undefined);
  if (own !== undefined) return own;
  if (reads && component !== null) return null;
  throw new HttpError(405, `${method} has no place here`);
}
