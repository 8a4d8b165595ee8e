import { App, createDefine, csp, page, staticFiles } from "fresh";
import { bundleIslands, writeBundle } from "fresh/dev";
import { type Bundle, loadBuildCache, readBundle, setBuildCache } from "fresh/internal";
import { join } from "node:path";
import { h } from "preact";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { type Ask, html, logged } from "../support/kit_app.ts";

const fixture = join(import.meta.dirname!, "..", "support", "kit_site");

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
    const { status } = await ask("/site.css", { method: "HEAD" });
    expect(status).toBe(200);
    expect((await ask("/site.css", { method: "POST" })).status).toBe(404);
  });

  it("serves its scripts for ever", async () => {
    const response = await ask(`/_fresh/js/${built.client}`);
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect((await ask("/_fresh/js/manifest.json")).status).toBe(404);
  });

  it.each([
    "/..%2Froutes%2F_app.css",
    "/..\\islands/Panel.js",
    "/%2e%2e/routes/_app.js",
    "/static/site.css",
    "//site.css",
    "/site.css/",
    "/site.css/more.css",
    "/x.constructor",
    "/_fresh/js/../../site.css.js",
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
  it("stays under 600 lines", async () => {
    const kit = join(import.meta.dirname!, "..", "..", "kit");
    const files = (await Array.fromAsync(Deno.readDir(kit))).map(({ name }) => name);
    let lines = 0;
    for (const name of files) {
      const text = await Deno.readTextFile(join(kit, name));
      // Neither blank lines nor comments.
      lines += text.split("\n").filter((line) => !/^\s*($|\/\/|\/?\*)/.test(line)).length;
    }
    expect(lines).toBeLessThan(600);
  });
});
