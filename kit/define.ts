/** The types of routes, layouts and middlewares, and the functions that declare them. */
import type { ComponentChildren, ComponentType, FunctionComponent, VNode } from "preact";
import type { Context } from "./context.ts";

/** Props of pages, layouts and the app wrapper. */
export type PageProps<Data = unknown, State = unknown> =
  & Pick<Context<State>, "req" | "url" | "info" | "params" | "state" | "route" | "error">
  & { readonly data: Data; readonly Component: FunctionComponent };

/** Status and headers of a page's response. */
export interface PageInit {
  readonly status?: number;
  readonly headers?: HeadersInit;
}

/** Data for the page. Made by {@link page}. */
export interface PageResponse<Data> extends PageInit {
  readonly data: Data;
}

/** Passes data from a handler to its page. */
export function page<Data>(data?: Data, init: PageInit = {}): PageResponse<Data> {
  return { data: data as Data, ...init };
}

/** HTTP methods that a route may handle. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS";

type Answer<Data> = Response | PageResponse<Data>;

/** Responds by itself or passes data to the page by {@link page}. */
export type HandlerFn<Data, State> = (ctx: Context<State>) => Answer<Data> | Promise<Answer<Data>>;
/** Handlers by HTTP method; GET answers HEAD too. */
export type HandlerByMethod<Data, State> = {
  readonly [M in Method]?: HandlerFn<Data, State>;
};
/** One handler for all methods, or one for each. */
export type RouteHandler<Data, State> = HandlerFn<Data, State> | HandlerByMethod<Data, State>;
/** Handles a request or passes it on by `ctx.next()`. */
export type Middleware<State> = (ctx: Context<State>) => Response | Promise<Response>;

/** The data that a route's handlers pass to its page. */
export type RouteData<Handler, State = unknown> = Handler extends HandlerFn<infer Data, State>
  ? Data
  : Handler extends HandlerByMethod<infer Data, State> ? Data
  : never;

/** An asynchronous page, layout or app wrapper; it may respond by itself. */
export type AsyncComponent<Props> = (
  props: Props,
) => Promise<ComponentChildren | Response>;

/** A page, a layout or the app wrapper. */
export type PageComponent<State> =
  | ComponentType<PageProps<never, State>>
  | AsyncComponent<PageProps<never, State>>;

/** What surrounds a page. Exported as `config` by layouts and routes. */
export interface LayoutConfig {
  /** Leaves out the layouts of the folders above. Default: false. */
  readonly skipInheritedLayouts?: boolean;
  /** Leaves out `routes/_app.tsx`. Default: false. */
  readonly skipAppWrapper?: boolean;
}

/** Exported as `config` by a route. */
export interface RouteConfig extends LayoutConfig {
  /** A URL pattern that takes the place of the file's path. */
  readonly routeOverride?: string;
}

/** The exports of a file below `routes/`. */
export interface RouteModule<State = unknown> {
  readonly default?: PageComponent<State> | Middleware<State> | readonly Middleware<State>[];
  readonly handler?: RouteHandler<unknown, State> | readonly Middleware<State>[];
  readonly handlers?: RouteHandler<unknown, State> | readonly Middleware<State>[];
  readonly config?: RouteConfig;
}

type View<Data, State> =
  | ((props: PageProps<Data, State>) => VNode | null)
  | AsyncComponent<PageProps<Data, State>>;

/** Helpers that know the state's type; each returns its argument. */
export interface Define<State> {
  /** Declares handlers. Their data's type is inferred, or given: `define.handlers<Data>(…)`. */
  handlers<
    Data,
    Handlers extends RouteHandler<Data, State> = RouteHandler<Data, State>,
  >(handlers: Handlers): Handlers;
  /** Declares a page; `define.page<typeof handler>(…)` knows the data. */
  page<
    // deno-lint-ignore no-explicit-any -- `unknown` would refuse handlers of known data.
    Handler extends RouteHandler<any, State> = never,
    Data = RouteData<Handler, State>,
  >(render: View<Data, State>): View<Data, State>;
  /** Declares a layout or the app wrapper. */
  layout(render: View<unknown, State>): View<unknown, State>;
  /** Declares a middleware, or several. */
  middleware<Given extends Middleware<State> | readonly Middleware<State>[]>(given: Given): Given;
}

/**
 * Makes the helpers for one type of state.
 *
 * @example
 * ```ts
 * import { createDefine, page } from "./mod.ts";
 * const define = createDefine<{ user: string }>();
 * const handler = define.handlers({ GET: ({ state }) => page({ hello: state.user }) });
 * if (typeof handler.GET !== "function") throw new Error("unexpected");
 * ```
 */
export function createDefine<State>(): Define<State> {
  const given = <T>(value: T): T => value;
  return { handlers: given, page: given, layout: given, middleware: given };
}

/** The cause, and headers of the response, such as a 405's `allow`. */
type FaultInit = ErrorOptions & Pick<PageInit, "headers">;

/** An HTTP status to respond with; `_error.tsx` shows it. */
export class HttpError extends Error {
  /** @param status 400 to 599. */
  constructor(readonly status: number, message = `HTTP ${status}`, readonly init: FaultInit = {}) {
    super(message, init);
    this.name = "HttpError";
  }
}
