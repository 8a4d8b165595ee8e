/** What a route, a layout and a middleware are, and the functions that help to declare them. */
import type { ComponentType, FunctionComponent, VNode } from "preact";
import type { Context } from "./context.ts";

/** Props of pages, layouts and the app wrapper. */
export type PageProps<Data = unknown, State = unknown> =
  & Pick<Context<State>, "req" | "url" | "params" | "state" | "route" | "error">
  & { readonly data: Data; readonly Component: FunctionComponent };

/** Status and headers of the answer that a page is. */
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

type Answer<Data> = Response | PageResponse<Data>;

/** Answers a request, by itself or by {@link page}. */
export type HandlerFn<Data, State> = (ctx: Context<State>) => Answer<Data> | Promise<Answer<Data>>;
/** Handlers by HTTP method; GET answers HEAD too. */
export type HandlerByMethod<Data, State> = {
  readonly [M in "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD"]?: HandlerFn<Data, State>;
};
/** One for all methods, or one for each. */
export type Handler<Data, State> = HandlerFn<Data, State> | HandlerByMethod<Data, State>;
/** Handles a request or leaves it to `ctx.next()`. */
export type Middleware<State> = (ctx: Context<State>) => Response | Promise<Response>;

/** A page or a layout. */
export type PageComponent<State> = ComponentType<PageProps<never, State>>;

/** What a file below `routes/` may export. */
export interface RouteModule<State = unknown> {
  readonly default?: PageComponent<State> | Middleware<State> | readonly Middleware<State>[];
  readonly handler?: Handler<unknown, State>;
  readonly handlers?: Handler<unknown, State>;
}

type DataOf<Handlers> = Handlers extends (...args: never[]) => infer Given ? DataIn<Given>
  : { [Method in keyof Handlers]: DataOf<Handlers[Method]> }[keyof Handlers];
type DataIn<Given> = Awaited<Given> extends infer Answer
  ? Answer extends PageResponse<infer Data> ? Data : never
  : never;

type View<Data, State> = (props: PageProps<Data, State>) => VNode | null;

/** Helpers that know the state's type; each returns what it is given. */
export interface Define<State> {
  handlers<Data, Given extends Handler<Data, State>>(given: Given & Handler<Data, State>): Given;
  page<Handlers = unknown>(given: View<DataOf<Handlers>, State>): View<DataOf<Handlers>, State>;
  layout(given: View<unknown, State>): View<unknown, State>;
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
  return { handlers: given, page: given, layout: given, middleware: given } as Define<State>;
}

/** The cause, and headers of the answer, such as a 405's `allow`. */
type FaultInit = ErrorOptions & Pick<PageInit, "headers">;

/** An HTTP status to answer with; `_error.tsx` shows it. */
export class HttpError extends Error {
  /** @param status 400 to 599. */
  constructor(readonly status: number, message = `HTTP ${status}`, readonly init: FaultInit = {}) {
    super(message, init);
    this.name = "HttpError";
  }
}
