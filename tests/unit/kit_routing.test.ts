import { App, type Context, HttpError, page, type PageProps } from "fresh";
import { h } from "preact";
import { describe, expect, it } from "testing";
import type { RouteModule } from "../../kit/define.ts";
import { answer, html, logged, say, serve, within } from "../support/kit_app.ts";
import { served } from "../support/served_head.ts";

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
    "tags/[[tag]]": told,
    "tags/all": told,
    "files/[name].[type]": told,
    "moved": { ...told, config: { routeOverride: "/elsewhere/:id(\\d+)" } },
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
    ["/tags", "/tags{/:tag}?", { tag: "" }],
    ["/tags/x", "/tags{/:tag}?", { tag: "x" }],
    ["/tags/all", "/tags/all", {}],
    ["/files/a.png", "/files/:name.:type", { name: "a", type: "png" }],
    ["/elsewhere/12", "/elsewhere/:id(\\d+)", { id: "12" }],
    ["/moved", "/:name", { name: "moved" }],
  ];
  it.each(answered)("%s is answered by %s", async (path, route, params) => {
    expect(await (await ask(path)).json()).toEqual({ route, params });
  });

  it.each(["/shop/", "/a/b", "/shop//"])("%s is nowhere", async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it("knows no route whose file begins with _", async () => {
    const shown = { default: say("in") };
    const ask = serve({ "_app": shown, "a/_layout": shown, "(a)/_404": shown });
    for (const path of ["/_app", "/a/_layout", "/_404", "/(a)/_404"]) {
      expect((await ask(path)).status).toBe(404);
    }
  });

  it("decodes parameters", async () => {
    const { params } = await (await ask("/shop/a%2Fb%20%C3%A9%25?item=no")).json();
    expect(params).toEqual({ item: "a/b é%" });
  });

  it("keeps a parameter whose escapes are broken as it is", async () => {
    for (const item of ["%zz", "%ff", "a%20b%"]) {
      const { params } = await (await ask(`/shop/${item}`)).json();
      expect(params).toEqual({ item });
    }
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
    });
    expect(await html(ask("/a/page"))).toBe(
      "<main><section><article><div><p>in</p></div></article></section></main>",
    );
  });

  it("leaves out layouts and the app wrapper where a page or a layout says so", async () => {
    const bare = { skipAppWrapper: true, skipInheritedLayouts: true };
    const ask = serve({
      "_app": { default: within("main") },
      "_layout": { default: within("section") },
      "page": { default: say("in"), config: { skipInheritedLayouts: true } },
      "bare": { default: say("in"), config: bare },
      "call": { handler: (ctx) => ctx.render(h("i", null), {}, { skipAppWrapper: true }) },
      "a/_layout": { default: within("div"), config: { skipInheritedLayouts: true } },
      "a/page": { default: say("in") },
      "_error": { default: say("no"), config: bare },
    });
    expect(await html(ask("/page"))).toBe("<main><p>in</p></main>");
    expect(await html(ask("/bare"))).toBe("<p>in</p>");
    expect(await html(ask("/call"))).toBe("<section><i></i></section>");
    expect(await html(ask("/a/page"))).toBe("<main><div><p>in</p></div></main>");
    expect(await html(ask("/nowhere"))).toBe("<p>no</p>");
  });

  it("waits for asynchronous pages and layouts, which may respond by themselves", async () => {
    const ask = serve({
      "_app": {
        default: async ({ Component }: PageProps) =>
          await Promise.resolve(h("main", null, h(Component, null))),
      },
      "page": {
        default: async ({ url }: PageProps) => await Promise.resolve(h("p", null, url.pathname)),
      },
      "away": { default: async () => await Promise.resolve(new Response("away", { status: 202 })) },
      "late": {
        default: async () => {
          await Promise.resolve();
          throw new HttpError(410, "gone");
        },
      },
    });
    expect(await html(ask("/page"))).toBe("<main><p>/page</p></main>");
    expect((await ask("/away")).status).toBe(202);
    expect((await ask("/late")).status).toBe(410);
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

  it("answer HEAD as GET without the body, with its length and not left open", async () => {
    const cancelled = Promise.withResolvers<void>();
    const body = new ReadableStream({ cancel: () => cancelled.resolve() });
    const ask = serve({
      "open": { handler: () => new Response(body, { status: 202 }) },
      "page": { default: say("in") },
      "data": { handler: { GET: () => Response.json({ n: 1 }) } },
    });
    await using world = served((request) => ask(new URL(request.url).pathname, request));
    const head = (path: string) => world.head(path);
    expect(await head("/open")).toEqual({ status: 202, length: null, text: "" });
    await cancelled.promise;
    for (const path of ["/page", "/data", "/nowhere"]) {
      const get = await fetch(world.url + path);
      const { length } = await get.text();
      expect(await head(path)).toEqual({ status: get.status, length: `${length}`, text: "" });
    }
  });

  it("tell which methods they have, where one is refused", async () => {
    for (
      const [method, path, allow] of [
        ["PUT", "/methods", "GET, POST, HEAD"],
        ["POST", "/plain", "GET, HEAD"],
        ["PUT", "/post", "POST, GET, HEAD"],
        ["GET", "/own_head", "HEAD"],
      ]
    ) {
      const { status, headers } = await ask(path, { method });
      expect([method, path, status, headers.get("allow")]).toEqual([method, path, 405, allow]);
    }
    const framed = serve({ "page": { default: say("in") }, "_error": { default: say("no") } });
    expect((await framed("/page", { method: "PUT" })).headers.get("allow")).toBe("GET, HEAD");
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
