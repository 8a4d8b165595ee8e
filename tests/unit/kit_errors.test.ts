import { App, type Context, HttpError, type PageProps } from "fresh";
import { h } from "preact";
import { describe, expect, it } from "testing";
import { html, logged, type Modules, say, serve, within } from "../support/kit_app.ts";

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
