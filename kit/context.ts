import { type ComponentChildren, type ComponentType, type FunctionComponent, h } from "preact";
import type { AsyncComponent, LayoutConfig, PageComponent, PageProps } from "./define.ts";
import type { Frame } from "./fs_routes.ts";
import type { Site } from "./build_cache.ts";
import { renderPage } from "./render.ts";

const nothing: FunctionComponent = () => null;

/** One request; all its middlewares, its handler and its page share it. */
export class Context<State> {
  readonly url: URL;
  /** Parameters of the route's pattern. */
  params: Readonly<Record<string, string>> = {};
  /** The pattern that matched; null before one did. */
  route: string | null = null;
  /** The error that `_error.tsx` shows. */
  error: unknown = null;
  /** Passes the request on. */
  next: () => Promise<Response> = () => Promise.reject(new Error("No handler follows"));
  /** @internal Marks the scripts of this response, for its Content-Security-Policy. */
  readonly nonce: string = crypto.randomUUID().replaceAll("-", "");
  /** @internal The app wrapper and the layouts of the matched route. */
  frame: Frame<State> = { app: null, layouts: [] };

  constructor(
    readonly req: Request,
    readonly info: Deno.ServeHandlerInfo,
    readonly state: State,
    /** @internal */ readonly site: Site,
  ) {
    this.url = new URL(req.url);
  }

  /** Responds with text. */
  text(content: string, init?: ResponseInit): Response {
    return new Response(content, init);
  }

  /** Responds with HTML. */
  html(content: string, init: ResponseInit = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "text/html; charset=utf-8");
    return new Response(content, { ...init, headers });
  }

  /** Responds with JSON. */
  json(content: unknown, init?: ResponseInit): Response {
    return Response.json(content, init);
  }

  /** Redirects; a location of `//host` stays on this site. Default status: 302. */
  redirect(location: string, status = 302): Response {
    // Browsers drop control characters, and blanks at the start.
    const read = location.replace(/^[^!-\uffff]+|[^ -\uffff]+/g, "");
    const safe = read.replace(/^[/\\]{2,}/, "/");
    return new Response(null, { status, headers: { location: safe } });
  }

  /** Renders within the layouts and the app wrapper of the matched route. */
  async render(
    content: ComponentChildren,
    init: ResponseInit = {},
    config: LayoutConfig = {},
  ): Promise<Response> {
    const { app, layouts } = framed(this.frame, config);
    let shown: ComponentChildren | Response = content;
    for (const component of [app, ...layouts].toReversed()) {
      if (component === null) continue;
      const inner: ComponentChildren = shown;
      shown = await this.#element(component, undefined, () => inner as ReturnType<typeof nothing>);
      if (shown instanceof Response) return shown;
    }
    return this.html(renderPage(shown, this.site, this.nonce), init);
  }

  /** @internal Renders a page with its data. */
  async show(component: PageComponent<State>, data?: unknown, init?: ResponseInit) {
    const content = await this.#element(component, data, nothing);
    return content instanceof Response ? content : await this.render(content, init);
  }

  #element(component: PageComponent<State>, data: unknown, Component: FunctionComponent) {
    const { req, url, info, params, state, route, error } = this;
    const props = { req, url, info, params, state, route, error, data: data as never, Component };
    return isAsync(component)
      ? component(props)
      : h(component as ComponentType<PageProps<never, State>>, props);
  }
}

/** The part of a frame that is shown under a route's or a layout's settings. */
export function framed<State>(frame: Frame<State>, config: LayoutConfig = {}): Frame<State> {
  return {
    app: config.skipAppWrapper ? null : frame.app,
    layouts: config.skipInheritedLayouts ? [] : frame.layouts,
  };
}

function isAsync<Props>(component: unknown): component is AsyncComponent<Props> {
  return typeof component === "function" && component.constructor.name === "AsyncFunction";
}
