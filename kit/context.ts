import { type ComponentChildren, Fragment, type FunctionComponent, h, type VNode } from "preact";
import type { Site } from "./build_cache.ts";
import type { PageComponent } from "./define.ts";
import { renderPage } from "./render.ts";

const nothing: FunctionComponent = () => null;

/** One request on its way; every middleware, handler and page of it sees the same. */
export class Context<State> {
  readonly url: URL;
  /** Marks the scripts of this answer, for its Content-Security-Policy. */
  readonly nonce: string = crypto.randomUUID().replaceAll("-", "");
  /** Parameters of the route's pattern. */
  params: Readonly<Record<string, string>> = {};
  /** The pattern that matched; null before one did. */
  route: string | null = null;
  /** What went wrong, for `_error.tsx`. */
  error: unknown = null;
  /** Hands over to what follows. */
  next: () => Promise<Response> = () => Promise.reject(new Error("nothing follows"));
  /** @internal The app wrapper and the layouts that hold here, the outermost first. */
  frame: readonly PageComponent<State>[] = [];

  constructor(readonly req: Request, readonly state: State, /** @internal */ readonly site: Site) {
    this.url = new URL(req.url);
  }

  /** Sends elsewhere: a target of `//host` stays on this site. Default 302, found. */
  redirect(location: string, status = 302): Response {
    // Browsers leave out control characters and what is blank at the start.
    const read = location.replace(/^[^!-\uffff]+|[^ -\uffff]+/g, "");
    const safe = read.replace(/^[/\\]{2,}/, "/");
    return new Response(null, { status, headers: { location: safe } });
  }

  /** Renders within the layouts and the app wrapper that hold here. */
  render(content: ComponentChildren, init: ResponseInit = {}): Response {
    let inner: FunctionComponent = () => h(Fragment, null, content);
    for (const component of this.frame.toReversed()) {
      const Component = inner;
      inner = () => this.element(component, undefined, Component);
    }
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "text/html; charset=utf-8");
    const html = renderPage(h(inner, null), this.site, this.nonce);
    return new Response(html, { ...init, headers });
  }

  /** @internal A page, layout or app wrapper with its props. */
  element(component: PageComponent<State>, data?: unknown, Component = nothing): VNode {
    const { req, url, params, state, route, error } = this;
    const props = { req, url, params, state, route, error, data: data as never, Component };
    return h(component, props) as VNode;
  }
}
