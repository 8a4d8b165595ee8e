import { computed, signal } from "@preact/signals";
import { App, type Context, createDefine, csp, HttpError, page, staticFiles } from "fresh";
import { bundleIslands, writeBundle } from "fresh/dev";
import { type Bundle, loadBuildCache, readBundle, setBuildCache } from "fresh/internal";
import { Head } from "fresh/runtime";
import { parse } from "devalue";
import { join } from "node:path";
import { type ComponentChildren, type ComponentType, h } from "preact";
import { afterAll, beforeAll, describe, expect, it, vi } from "testing";
import type { PageProps, RouteModule } from "../../kit/define.ts";
import { fileRoutes } from "../../kit/fs_routes.ts";
import { registerIsland } from "../../kit/islands.ts";

const fixture = join(import.meta.dirname!, "..", "support", "kit_site");

const bundle: Bundle = {
  files: new Map([["Box-1.js", new TextEncoder().encode("export default 1;")]]),
  client: "client-1.js",
  islands: new Map([["Box", "Box-1.js"], ["Late", "Late-1.js"]]),
  imports: new Map([["client-1.js", ["chunk-1.js"]], ["Box-1.js", ["chunk-1.js"]]]),
};

type Modules = Record<string, RouteModule>;
type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** An app of route modules by path. */
function serve(modules: Modules, app = new App<unknown>()): Ask {
  const routes = fileRoutes(new Map(Object.entries(modules)));
  setBuildCache(app, { site: { ...routes, bundle, staticFiles: new Map() } });
  const handler = app.fsRoutes().handler();
  return (path, init) => handler(new Request(`http://localhost${path}`, init));
}

const say = (text: string) => () => h("p", null, text);
/** A layout or an app wrapper. */
const within = (tag: string) => ({ Component }: PageProps) => h(tag, null, h(Component, null));
const answer = (handler: (ctx: Context<unknown>) => unknown): RouteModule => ({
  handler: (ctx) => Response.json(handler(ctx)),
});
const html = async (response: Response | Promise<Response>) =>
  (await (await response).text()).replace("<!doctype html>", "");

/** Runs with console.error caught. */
async function logged(body: () => Promise<void>): Promise<unknown[]> {
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  try {
    await body();
    return error.mock.calls.flat();
  } finally {
    error.mockRestore();
  }
}

describe("routes by file name", () => {
  const told = answer(({ route, params }) => ({ route, params }));
  const ask = serve({
    "index": told,
    "[name]": told,
    "été": told,
    "shop/index": told,
    "shop/offers": told,
    "shop/[item]": told,
    "shop/[item]/edit": told,
    "shop/[...rest]": told,
    "(group)/grouped": told,
    "opt/[[page]]": told,
    "own": { ...told, config: { routeOverride: "/other/:id(\\d+)" } },
  });

  const answered: readonly [path: string, route: string, params: Record<string, string>][] = [
    ["/", "/", {}],
    ["/somebody", "/:name", { name: "somebody" }],
    ["/%C3%A9t%C3%A9", "/été", {}],
    ["/shop", "/shop", {}],
    ["/shop/offers", "/shop/offers", {}],
    ["/shop/x", "/shop/:item", { item: "x" }],
    ["/shop/x/edit", "/shop/:item/edit", { item: "x" }],
    ["/shop/x/y/z", "/shop/:rest*", { rest: "x/y/z" }],
    ["/grouped", "/grouped", {}],
    ["/opt", "/opt/:page?", { page: "" }],
    ["/opt/2", "/opt/:page?", { page: "2" }],
    ["/other/12", "/other/:id(\\d+)", { id: "12" }],
  ];
  it.each(answered)("%s is answered by %s", async (path, route, params) => {
    expect(await (await ask(path)).json()).toEqual({ route, params });
  });

  it.each(["/shop/", "/other/x", "/a/b", "/shop//"])("%s is nowhere", async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it("knows no route whose file begins with _", async () => {
    const ask = serve({ "_app": told, "_other": told, "a/_layout": told, "(a)/_middleware": {} });
    for (const path of ["/_app", "/_other", "/a/_layout", "/_middleware"]) {
      expect((await ask(path)).status).toBe(404);
    }
  });

  it("decodes parameters", async () => {
    const { params } = await (await ask("/shop/a%2Fb%20%C3%A9%25?item=no")).json();
    expect(params).toEqual({ item: "a/b é%" });
  });

  it("refuses a path whose escapes are broken", async () => {
    expect((await ask("/shop/%zz")).status).toBe(400);
    const framed = serve({ "[x]": told, "_error": { default: say("error page") } });
    const response = await framed("/%ff");
    expect(response.status).toBe(400);
    expect(await html(response)).toBe("<p>error page</p>");
  });

  it("takes a parameter of any name for what it is", async () => {
    const ask = serve({ "a/[__proto__]/[constructor]": told });
    const { params } = JSON.parse(await (await ask("/a/x/y")).text());
    expect(Object.entries(params)).toEqual([["__proto__", "x"], ["constructor", "y"]]);
  });

  it("shows a page below the app wrapper and all layouts, the outermost first", async () => {
    const ask = serve({
      "_app": { default: within("main") },
      "_layout": { default: within("section") },
      "a/_layout": { default: within("article") },
      "a/(b)/_layout": { default: within("div") },
      "a/(b)/page": { default: say("in") },
      "a/(b)/alone": { default: say("in"), config: { skipInheritedLayouts: true } },
      "a/(b)/bare": {
        default: say("in"),
        config: { skipInheritedLayouts: true, skipAppWrapper: true },
      },
      "a/(b)/c/_layout": { default: within("span"), config: { skipInheritedLayouts: true } },
      "a/(b)/c/page": { default: say("in") },
    });
    expect(await html(ask("/a/page"))).toBe(
      "<main><section><article><div><p>in</p></div></article></section></main>",
    );
    expect(await html(ask("/a/alone"))).toBe("<main><p>in</p></main>");
    expect(await html(ask("/a/bare"))).toBe("<p>in</p>");
    expect(await html(ask("/a/c/page"))).toBe("<main><span><p>in</p></span></main>");
  });

  it("runs the middlewares of all folders on the way, which share the request's state", async () => {
    type State = { trail: string[] };
    const step = (name: string) => async (ctx: Context<unknown>) => {
      const state = ctx.state as State;
      (state.trail ??= []).push(name);
      const response = await ctx.next();
      response.headers.append("x-trail", name);
      return response;
    };
    const ask = serve({
      "_middleware": { default: [step("one"), step("two")] },
      "a/_middleware": { handler: step("three") as RouteModule["handler"] },
      "a/page": answer((ctx) => ctx.state),
      "b": answer((ctx) => ctx.state),
    }, new App<unknown>().use(step("first"), step("second")));
    const response = await ask("/a/page");
    expect(await response.json()).toEqual({ trail: ["first", "second", "one", "two", "three"] });
    expect(response.headers.get("x-trail")).toBe("three, two, one, second, first");
    expect(await (await ask("/b")).json()).toEqual({ trail: ["first", "second", "one", "two"] });
  });

  it("lets a middleware answer by itself, and ask what follows again", async () => {
    let asked = 0;
    const ask = serve({
      "_middleware": {
        default: async (ctx: Context<unknown>) => {
          if (ctx.url.search === "?closed") return new Response("closed", { status: 403 });
          const { status } = await ctx.next();
          return status === 503 ? await ctx.next() : new Response("once");
        },
      },
      "index": { handler: () => new Response("hello", { status: asked++ === 0 ? 503 : 200 }) },
    });
    expect((await ask("/?closed")).status).toBe(403);
    expect(asked).toBe(0);
    expect(await (await ask("/")).text()).toBe("hello");
    expect(asked).toBe(2);
  });
});

describe("handlers", () => {
  const ask = serve({
    "methods": {
      handlers: {
        GET: () => new Response("got", { headers: { "x-is": "get" } }),
        POST: () => new Response("posted", { status: 201 }),
      },
    },
    "post": { handler: { POST: () => page("posted") }, default: say("page") },
    "own_head": { handler: { HEAD: () => new Response(null, { headers: { "x-is": "head" } }) } },
    "every": { handler: ({ req }) => new Response(req.method) },
    "plain": { default: say("plain") },
    "data": {
      handler: { GET: () => page({ n: 1 }, { status: 203, headers: { "x-is": "data" } }) },
      default: ({ data }: PageProps<{ n: number }>) => h("p", null, data.n),
    },
    "homeless": { handler: { GET: () => page(1) } },
    "typed": {
      handler: { GET: () => page(null, { headers: { "content-type": "image/svg+xml" } }) },
      default: () => h("svg", null),
    },
  });

  it("go by method", async () => {
    expect(await (await ask("/methods")).text()).toBe("got");
    expect((await ask("/methods", { method: "POST" })).status).toBe(201);
    expect(await (await ask("/every", { method: "DELETE" })).text()).toBe("DELETE");
  });

  it.each(["PUT", "constructor", "toString", "__proto__", "HEADS"])(
    "%s is refused",
    async (method) => {
      expect((await ask("/methods", { method })).status).toBe(405);
      expect((await ask("/plain", { method })).status).toBe(405);
    },
  );

  it("leave GET to the page, and to nothing else", async () => {
    expect(await html(ask("/post"))).toBe("<p>page</p>");
    expect((await ask("/plain", { method: "POST" })).status).toBe(405);
  });

  it("answer HEAD as GET without the body, which is not left open", async () => {
    let cancelled = false;
    const body = new ReadableStream({ cancel: () => void (cancelled = true) });
    const ask = serve({
      "open": { handler: () => new Response(body, { status: 202 }) },
      "page": { default: say("in") },
    });
    const response = await ask("/open", { method: "HEAD" });
    expect([response.status, response.body, cancelled]).toEqual([202, null, true]);
    const page = await ask("/page", { method: "HEAD" });
    expect([page.status, page.body]).toEqual([200, null]);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  });

  it("may have a HEAD of their own", async () => {
    expect((await ask("/own_head", { method: "HEAD" })).headers.get("x-is")).toBe("head");
    expect((await ask("/methods", { method: "HEAD" })).headers.get("x-is")).toBe("get");
    expect((await ask("/own_head")).status).toBe(405);
  });

  it("pass data, status and headers to the page", async () => {
    const response = await ask("/data");
    expect([response.status, response.headers.get("x-is")]).toEqual([203, "data"]);
    expect(await html(response)).toBe("<p>1</p>");
    expect((await ask("/typed")).headers.get("content-type")).toBe("image/svg+xml");
  });

  it("that pass data to no page are a fault", async () => {
    const faults = await logged(async () => {
      expect((await ask("/homeless")).status).toBe(500);
    });
    expect(String(faults)).toContain("/homeless has data and no page");
  });
});

describe("errors", () => {
  const shown = ({ error }: PageProps) =>
    h("h1", null, error instanceof HttpError ? `${error.status} ${error.message}` : "fault");
  const secret = () => {
    throw new Error("secret");
  };
  const modules: Modules = {
    "_app": { default: within("main") },
    "_layout": { default: within("section") },
    "_error": { default: shown },
    "gone": {
      handler: () => {
        throw new HttpError(410, "gone");
      },
    },
    "page": { default: secret },
    "handler": { handler: secret },
    "rejects": { handler: () => Promise.reject("a text") },
    "a/_error": { default: say("a's") },
    "a/_404": { default: say("not in a") },
    "a/_middleware": { default: (ctx: Context<unknown>) => ctx.url.search ? secret() : ctx.next() },
    "a/_layout": { default: within("div") },
    "a/page": { default: secret },
    "a/missing": {
      handler: () => {
        throw new HttpError(404);
      },
    },
    "a/b/_layout": { default: secret },
    "a/b/page": { default: say("in") },
  };
  const ask = serve(modules);

  it("are shown by _error within the app wrapper and the layouts, with their status", async () => {
    const response = await ask("/gone");
    expect(response.status).toBe(410);
    expect(await html(response)).toBe("<main><section><h1>410 gone</h1></section></main>");
  });

  it.each(["/page", "/handler", "/rejects"])(
    "nobody foresaw are logged, and not told: %s",
    async (path) => {
      const faults = await logged(async () => {
        const response = await ask(path);
        expect(response.status).toBe(500);
        expect(await html(response)).toBe("<main><section><h1>fault</h1></section></main>");
      });
      expect(faults).toHaveLength(1);
      expect(String(faults)).toMatch(/secret|a text/);
    },
  );

  it.each(["/a/page", "/a/b/page", "/a/page?middleware"])(
    "are shown by the nearest _error: %s",
    async (path) => {
      await logged(async () => {
        const response = await ask(path);
        expect(response.status).toBe(500);
        expect(await html(response)).toBe(
          "<main><section><div><p>a&#39;s</p></div></section></main>".replace("&#39;", "'"),
        );
      });
    },
  );

  it("of what is missing are shown by _404 where there is one", async () => {
    const missing = await ask("/a/missing");
    expect(missing.status).toBe(404);
    expect(await html(missing)).toBe("<main><section><div><p>not in a</p></div></section></main>");
    const nowhere = await ask("/nowhere<b>");
    expect(nowhere.status).toBe(404);
    expect(await html(nowhere)).toContain("<h1>404 There is no /nowhere%3Cb%3E</h1>");
    const own = serve({ ...modules, "_404": { default: say("not here") } });
    expect(await html(own("/nowhere"))).toContain("<p>not here</p>");
    expect(await html(own("/gone"))).toContain("410 gone");
  });

  it("pass the root's middlewares when nothing matches", async () => {
    const ask = serve({
      "_middleware": {
        default: (ctx: Context<unknown>) => ctx.url.search ? new Response("mine") : ctx.next(),
      },
      "[x]/page": { default: say("in") },
    });
    expect(await (await ask("/nowhere?")).text()).toBe("There is no /nowhere");
    expect(await (await ask("/nowhere?x")).text()).toBe("mine");
  });

  it("are plain text without _error, and within _error itself", async () => {
    const faults = await logged(async () => {
      const plain = serve({ "page": { default: secret }, "gone": modules["gone"] });
      const response = await plain("/page");
      expect([response.status, await response.text()]).toEqual([500, "Internal server error"]);
      const gone = await plain("/gone");
      expect([gone.status, await gone.text()]).toEqual([410, "gone"]);
      const worse = await serve({ "_error": { default: secret } })("/nowhere");
      expect([worse.status, await worse.text()]).toEqual([500, "Internal server error"]);
      const app = serve({}, new App<unknown>().use(secret));
      expect((await app("/")).status).toBe(500);
    });
    expect(faults).toHaveLength(3);
  });

  it("are seen by the app's middlewares", async () => {
    let seen: unknown;
    const app = new App<unknown>().use(async (ctx) => {
      const response = await ctx.next();
      seen = ctx.error;
      return response;
    });
    await serve(modules, app)("/gone");
    expect(seen).toMatchObject({ status: 410 });
  });

  it("of an app without files are 404", async () => {
    const ask = new App().handler();
    expect((await ask(new Request("http://localhost/"))).status).toBe(404);
    expect((await new App().fsRoutes().handler()(new Request("http://localhost/"))).status).toBe(
      404,
    );
  });
});

describe("ctx.redirect()", () => {
  const to = async (location: string, status?: number) => {
    const ask = serve({ "index": { handler: (ctx) => ctx.redirect(location, status) } });
    const response = await ask("/");
    const given = response.headers.get("location")!;
    return [response.status, given, new URL(given, "http://localhost/").href];
  };

  it("sends elsewhere on the site, or to a whole URL", async () => {
    expect(await to("/a?b=c d")).toEqual([302, "/a?b=c d", "http://localhost/a?b=c%20d"]);
    expect(await to("a", 303)).toEqual([303, "a", "http://localhost/a"]);
    expect((await to("https://deno.com/"))[2]).toBe("https://deno.com/");
  });

  it.each([
    "//evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "/\t/evil.test",
    "\t//evil.test",
    " //evil.test",
    "\x01//evil.test",
    "/\r\n/evil.test",
    "///evil.test",
  ])(
    "stays on the site for %j",
    async (location) => {
      expect((await to(location))[2]).toBe("http://localhost/evil.test");
    },
  );
});

describe("pages", () => {
  const document = (...head: ComponentChildren[]) => ({ Component }: PageProps) =>
    h("html", null, h("head", null, ...head), h("body", null, h(Component, null)));

  it("put into the head what Head holds; the last title is the one", async () => {
    const ask = serve({
      "_app": { default: document(h("title", { lang: "en" }, "Site")) },
      "_layout": {
        default: ({ Component }: PageProps) =>
          h(
            "div",
            null,
            h(Head, null, h("title", null, "Layout"), h("meta", { name: "a" })),
            h(Component, null),
          ),
      },
      "index": {
        default: () =>
          h(
            "svg",
            null,
            h(Head, null, h("title", null, "$& </title> & more")),
            h("title", null, "Chart"),
          ),
      },
      "none": { default: say("in") },
    });
    expect(await html(ask("/"))).toBe(
      '<html><head><meta name="a"/><title>$&amp; &lt;/title> &amp; more</title></head>' +
        "<body><div><svg><title>Chart</title></svg></div></body></html>",
    );
    expect(await html(ask("/none"))).toContain(
      '<head><title>Layout</title><meta name="a"/></head>',
    );
  });

  it("keep their own title when Head has none, and a chart's when there is no other", async () => {
    const titled = serve({
      "_app": { default: document(h("title", null, "Site")) },
      "index": { default: () => h(Head, null, h("meta", { name: "a" })) },
    });
    expect(await html(titled("/"))).toContain("<title>Site</title>");
    const chart = serve({
      "_app": { default: document() },
      "index": {
        default: () =>
          h("svg", null, h(Head, null, h("title", null, "Page")), h("title", null, "Chart")),
      },
    });
    expect(await html(chart("/"))).toContain(
      "<head><title>Page</title></head><body><svg><title>Chart</title>",
    );
  });

  it("without head or body get all the same what belongs there", async () => {
    const ask = serve({
      "index": {
        default: () => h("p", null, h(Head, null, h("title", null, "T")), h(Box, { n: 1 })),
      },
    });
    const text = await html(ask("/"));
    expect(text).toMatch(/^<title>T<\/title><link rel="modulepreload".*<p><!--island:Box:0-->/);
    expect(text).toMatch(/<\/p><script type="application\/json".*<\/script>$/s);
  });

  it("do not mix requests", async () => {
    const ask = serve({
      "[x]": {
        default: ({ params }: PageProps) =>
          h("p", null, h(Head, null, h("title", null, params.x)), params.x),
      },
    });
    const texts = await Promise.all(["a", "b", "c"].map((x) => html(ask(`/${x}`))));
    expect(texts).toEqual(["a", "b", "c"].map((x) => `<title>${x}</title><p>${x}</p>`));
  });

  it("get what they may use", async () => {
    const ask = serve({
      "_middleware": {
        default: (
          ctx: Context<unknown>,
        ) => ((ctx.state as { user: string }).user = "ada", ctx.next()),
      },
      "[x]": {
        default: ({ url, req, params, route, state, error }: PageProps) =>
          h("p", null, JSON.stringify([url.pathname, req.method, params, route, state, error])),
      },
    });
    expect((await html(ask("/y"))).replaceAll("&quot;", '"')).toBe(
      '<p>["/y","GET",{"x":"y"},"/:x",{"user":"ada"},null]</p>',
    );
  });
});

const Box: ComponentType<{ n: unknown; children?: ComponentChildren }> = ({ n, children }) =>
  h("b", null, typeof n === "number" ? n : "", children);
const Late: ComponentType<{ children?: ComponentChildren }> = () =>
  h("i", null, h(Head, null, h("title", null, "Late")));
registerIsland("Box", Box as ComponentType);
registerIsland("Late", Late as ComponentType);

describe("islands", () => {
  const render = async (content: ComponentChildren) =>
    await html(serve({ "index": { default: () => h("body", null, content) } })("/"));
  const propsOf = (text: string) =>
    parse(/id="__FRSH_STATE">(.*?)<\/script>/s.exec(text)![1], {
      Signal: ([value]) => signal(value),
      Slot: (mark) => ({ slot: mark }),
    });
  class Point {}
  const failure = async (content: () => ComponentChildren) =>
    String(
      await logged(async () => {
        expect(
          (await serve({ "index": { default: () => h("body", null, content()) } })("/")).status,
        ).toBe(500);
      }),
    );

  it("are rendered between marks, with their scripts by nonce", async () => {
    const text = await render(h(Box, { n: 1 }));
    expect(text).toContain("<!--island:Box:0--><b>1</b><!--/island-->");
    const [, nonce] = /<script type="module" nonce="(\w+)">/.exec(text)!;
    const preload = (file: string) =>
      `<link rel="modulepreload" href="/_fresh/js/${file}" nonce="${nonce}">`;
    expect(text).toContain(["client-1.js", "Box-1.js", "chunk-1.js"].map(preload).join(""));
    expect(text).toContain('import I0 from "/_fresh/js/Box-1.js";\nboot({ "Box": I0 });');
  });

  it("of a page without any cost no script", async () => {
    expect(await render("none")).toBe("<body>none</body>");
  });

  it("share their signals; a computed one keeps its value", async () => {
    const shared = signal(7);
    const doubled = computed(() => shared.value * 2);
    const props = propsOf(await render([h(Box, { n: shared }), h(Box, { n: [shared, doubled] })]));
    expect(props[0].n).toBe(props[1].n[0]);
    expect([props[0].n.value, props[1].n[1].value]).toEqual([7, 14]);
  });

  it("get props of many kinds", async () => {
    const n = {
      date: new Date(5),
      map: new Map([["a", 1n]]),
      set: new Set([undefined, NaN]),
      data: new Float64Array([1.5]),
    };
    expect(propsOf(await render(h(Box, { n })))).toEqual([{ n }]);
  });

  it("get text that cannot leave its script", async () => {
    const n = "</script><!--<script>\u2028$&";
    const text = await render(h(Box, { n }));
    expect(text.match(/<script/g)).toHaveLength(2);
    expect(text).not.toContain("<!--<");
    expect(propsOf(text)).toEqual([{ n }]);
  });

  it("get JSX as slots; islands within those are of the page", async () => {
    const text = await render(h(Box, { n: 1 }, h("u", null, "x"), h(Box, { n: 2 })));
    expect(text).toContain(
      "<!--island:Box:0--><b>1<!--slot:0:children--><u>x</u><!--island:Box:1--><b>2</b><!--/island-->" +
        "<!--/slot--></b><!--/island-->",
    );
    expect(propsOf(text)).toEqual([{ n: 1, children: { slot: "0:children" } }, { n: 2 }]);
  });

  it("leave slots that they do not show in templates, islands and all", async () => {
    const text = await render(h(Late, null, h("u", null, h(Late, null, h("s", null)))));
    expect(text).toContain('<template id="slot:0:children"><u><!--island:Late:1-->');
    expect(text).toContain('<template id="slot:1:children"><s></s></template>');
    expect(propsOf(text)).toHaveLength(2);
  });

  it("within islands are theirs, and need no props of the page's", async () => {
    const Outer: ComponentType = () => h(Box, { n: () => {} });
    registerIsland("Box", Outer);
    const text = await render(h(Outer, null));
    expect(text).toContain("<!--island:Box:0--><b></b><!--/island-->");
    expect(propsOf(text)).toEqual([{}]);
  });

  it("put into the head what Head holds", async () => {
    expect(await render(h(Late, null))).toMatch(/^<title>Late<\/title>/);
  });

  const impossible: readonly [what: string, n: unknown, where: string][] = [
    ["a function", { on: () => {} }, "n.on"],
    ["an object of a class", [1, new Point()], "n[1]"],
    ["a symbol", Symbol("s"), "n"],
  ];
  it.each(impossible)("tell which prop cannot be passed: %s", async (_what, n, where) => {
    expect(await failure(() => [h(Late, null), h(Box, { n })])).toContain(
      `Cannot pass ${where} to island Box: `,
    );
  });

  it("that are not bundled are a fault", async () => {
    const app = new App<unknown>().fsRoutes();
    const routes = fileRoutes(new Map([["index", { default: () => h(Box, { n: 1 }) }]]));
    setBuildCache(app, { site: { ...routes, bundle: null, staticFiles: new Map() } });
    const faults = await logged(async () => {
      expect((await app.handler()(new Request("http://localhost/"))).status).toBe(500);
    });
    expect(String(faults)).toContain("they are not bundled");
  });
});

describe("csp()", () => {
  const policyOf = async (options?: Parameters<typeof csp>[0], path = "/") => {
    const modules = {
      "index": { default: () => h("body", null, h(Box, { n: 1 })) },
      "data": answer(() => 1),
    };
    const response = await serve(modules, new App<unknown>().use(csp(options)))(path);
    return { policy: response.headers.get("content-security-policy"), text: await response.text() };
  };

  it("lets scripts run by the answer's nonce alone, another one each time", async () => {
    const { policy, text } = await policyOf({ useNonce: true });
    const [, nonce] = /'nonce-(\w{32})'/.exec(policy!)!;
    expect(policy).toBe(
      `default-src 'self'; script-src 'nonce-${nonce}'; base-uri 'none'; object-src 'none'; ` +
        "form-action 'self'; frame-ancestors 'none'",
    );
    expect(text.match(/nonce="(\w+)"/g)).toEqual(Array(4).fill(`nonce="${nonce}"`));
    expect((await policyOf({ useNonce: true })).policy).not.toContain(nonce);
  });

  it("adds and replaces directives; without nonces those within the page run", async () => {
    const { policy } = await policyOf({ csp: ["base-uri 'self'", "img-src data:"] });
    expect(policy).toContain("script-src 'self' 'unsafe-inline'; base-uri 'self'; object-src");
    expect(policy).toMatch(/; img-src data:$/);
  });

  it("is for pages", async () => {
    expect((await policyOf({}, "/data")).policy).toBe(null);
    expect((await policyOf({}, "/nowhere")).policy).toBe(null);
  });
});

describe("a site of files", () => {
  let ask: Ask;
  let dir: string;
  let built: Bundle;
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    await writeBundle(await bundleIslands(join(fixture, "islands")), join(dir, "js"));
    built = (await readBundle(join(dir, "js")))!;
    const app = new App<unknown>().use(csp({ useNonce: true }), staticFiles()).fsRoutes();
    setBuildCache(
      app,
      await loadBuildCache({ root: fixture, bundle: built, ignore: [/^ignored\.ts$/] }),
    );
    const handler = app.handler();
    ask = (path, init) => handler(new Request(`http://localhost${path}`, init));
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("is answered by its files", async () => {
    expect(await html(ask("/shop/offers"))).toContain(
      '<body data-user="ada"><h1>offers</h1></body>',
    );
    expect(await html(ask("/shop/x"))).toContain("<h1>x for ada</h1>");
    expect(await (await ask("/shop/x/y")).json()).toEqual({ rest: "x/y", route: "/shop/:rest*" });
    expect(await html(ask("/framed"))).toContain('<article data-at="/framed"><h1>framed</h1>');
    expect(await html(ask("/bare"))).toBe("<h1>bare</h1>");
    const redirect = await ask("/shop/x", { method: "POST" });
    expect([redirect.status, redirect.headers.get("location")]).toEqual([303, "/elsewhere/x"]);
    expect(redirect.headers.get("x-passed")).toBe("root");
  });

  it("leaves out what is ignored and what pages share", async () => {
    expect((await ask("/ignored")).status).toBe(404);
    expect((await ask("/shared")).status).toBe(404);
    await expect(loadBuildCache({ root: fixture, bundle: null })).rejects.toThrow("never imported");
  });

  it("keeps its secrets", async () => {
    const faults = await logged(async () => {
      const response = await ask("/shop/broken");
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain("secret");
    });
    expect(String(faults)).toContain("secret");
    expect(await html(ask("/shop/none"))).toContain("<h1>404 no such item</h1>");
  });

  it("serves its styles, and tells when they are the same", async () => {
    const response = await ask("/site.css");
    expect(await response.text()).toContain("color: black");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "cache-control": "no-cache",
      "content-type": "text/css; charset=utf-8",
      "x-content-type-options": "nosniff",
    });
    const etag = response.headers.get("etag")!;
    const same = await ask("/site.css", { headers: { "if-none-match": `"x", W/${etag}` } });
    expect([same.status, same.body, same.headers.get("etag")]).toEqual([304, null, etag]);
    expect((await ask("/site.css", { headers: { "if-none-match": '"x"' } })).status).toBe(200);
    const head = await ask("/site.css", { method: "HEAD" });
    expect([head.status, head.body]).toEqual([200, null]);
    expect((await ask("/site.css", { method: "POST" })).status).toBe(404);
  });

  it("serves its scripts for ever", async () => {
    const response = await ask(`/_fresh/js/${built.client}`);
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect((await ask("/_fresh/js/manifest.json")).status).toBe(404);
  });

  it.each([
    "/..%2Froutes%2F_app.txt",
    "/..\\islands/Panel.js",
    "/%2e%2e/routes/_app.json",
    "/static/site.css",
    "//site.css",
    "/site.css/",
    "/site.css/more.css",
    "/x.constructor",
    "/_fresh/js/../../site.txt",
    "/site%00.css",
  ])("serves nothing else: %s", async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it("serves nothing by a name that no file could have", async () => {
    expect((await ask(`/${"a".repeat(3000)}.css`)).status).toBe(404);
  });

  it("has a bundle that is the same after it was written and read", async () => {
    const made = await bundleIslands(join(fixture, "islands"));
    expect(built).toEqual(made);
    expect([...made.islands.keys()]).toEqual(["Counter", "Faulty", "List", "Panel"]);
    for (const name of [made.client, ...made.islands.values()]) {
      expect(name).toMatch(/^\w+-[A-Z0-9]{8}\.js$/);
      expect(made.files.has(name)).toBe(true);
      for (const other of made.imports.get(name)!) expect(made.files.has(other)).toBe(true);
    }
    await Deno.writeTextFile(join(dir, "js", "old.js"), "");
    await writeBundle(made, join(dir, "js"));
    expect(await Array.fromAsync(Deno.readDir(join(dir, "js")))).toHaveLength(made.files.size + 1);
  });

  it("has no bundle where none was written", async () => {
    expect(await readBundle(join(dir, "none"))).toBe(null);
  });

  it("tells what does not bundle, and an island that exports none", async () => {
    const islands = join(dir, "site", "islands");
    for (const name of ["islands", "routes", "static"]) {
      await Deno.mkdir(join(dir, "site", name), { recursive: true });
    }
    await Deno.writeTextFile(join(islands, "Broken.tsx"), "export default (");
    await expect(bundleIslands(islands)).rejects.toThrow("Broken.tsx");
    await Deno.writeTextFile(join(islands, "Broken.tsx"), "export const none = 1;");
    await expect(loadBuildCache({ root: join(dir, "site"), bundle: null })).rejects
      .toThrow("islands/Broken.tsx has no default export");
  });
});

describe("createDefine()", () => {
  it("knows the types of state and of the handler's data", () => {
    const define = createDefine<{ user: string }>();
    const handler = define.handlers({ GET: ({ state }) => page({ length: state.user.length }) });
    const Page = define.page<typeof handler>(({ data, state }) => {
      const length: number = data.length;
      return h("p", null, length, state.user);
    });
    const layout = define.layout(({ Component }) => h(Component, null));
    const middleware = define.middleware((ctx) => ctx.next());
    expect([Page, layout, middleware, handler.GET].every((each) => typeof each === "function"))
      .toBe(true);
  });
});

describe("the layer", () => {
  it("stays under 600 lines, without what builds a site and follows its files", async () => {
    const kit = join(import.meta.dirname!, "..", "..", "kit");
    const files = (await Array.fromAsync(Deno.readDir(kit))).map(({ name }) => name);
    const served = files.filter((name) => !/^(bundler?|dev)\.ts$/.test(name));
    let lines = 0;
    for (const name of served) {
      const text = await Deno.readTextFile(join(kit, name));
      // Neither blank lines nor comments.
      lines += text.split("\n").filter((line) => !/^\s*($|\/\/|\/?\*)/.test(line)).length;
    }
    expect(lines).toBeLessThan(600);
  });
});
