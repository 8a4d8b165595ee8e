import { App, type Context, HttpError, page, type PageProps } from "fresh";
import { h } from "preact";
import { describe, expect, it } from "testing";
import type { RouteModule } from "../../kit/define.ts";
import { answer, html, logged, type Modules, say, serve, within } from "../support/kit_app.ts";
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
    expect(await html(nowhere)).toContain("<h1>404 Not found: /nowhere%3Cb%3E</h1>");
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
    expect(await (await ask("/nowhere?")).text()).toBe("Not found: /nowhere");
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

describe("ctx", () => {
  it("responds with text, HTML and JSON", async () => {
    const ask = serve({
      "text": { handler: (ctx) => ctx.text("a", { status: 201 }) },
      "html": { handler: (ctx) => ctx.html("<b>", { headers: { "x-is": "html" } }) },
      "json": { handler: (ctx) => ctx.json({ a: 1 }) },
    });
    const told = async (path: string) => {
      const response = await ask(path);
      return [response.status, response.headers.get("content-type"), await response.text()];
    };
    expect(await told("/text")).toEqual([201, "text/plain;charset=UTF-8", "a"]);
    expect(await told("/html")).toEqual([200, "text/html; charset=utf-8", "<b>"]);
    expect(await told("/json")).toEqual([200, "application/json", '{"a":1}']);
  });

  it("knows the client's address", async () => {
    const app = new App<unknown>().use((ctx) => ctx.json(ctx.info.remoteAddr));
    const remoteAddr = { transport: "tcp", hostname: "192.0.2.7", port: 4000 } as const;
    const info = { remoteAddr, completed: Promise.resolve() };
    const response = await app.handler()(new Request("http://localhost/"), info);
    expect(await response.json()).toEqual(remoteAddr);
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
