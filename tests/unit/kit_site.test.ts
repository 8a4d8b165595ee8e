import { App, createDefine, csp, page, staticFiles } from "fresh";
import { bundleIslands, writeBundle } from "kit/dev";
import { type Bundle, loadBuildCache, readBundle, setBuildCache } from "kit/loading";
import { dirname, join } from "node:path";
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
    await writeBundle(await bundleIslands(fixture), join(dir, "js"));
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

  it("serves its scripts forever", async () => {
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
    const made = await bundleIslands(fixture);
    expect(built).toEqual(made);
    expect([...made.islands.keys()].sort()).toEqual(
      ["Counter", "Faulty", "List", "Panel", "routes/shop/(_islands)/Cart", "sub/Deep"],
    );
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

  it("has islands in subfolders, and beside the routes that show them", async () => {
    const text = await html(ask("/shop/cart"));
    for (const name of ["sub/Deep", "routes/shop/(_islands)/Cart"]) {
      expect(text).toContain(`<!--island:${name}:`);
      expect(text).toContain(`/_fresh/js/${built.islands.get(name)}`);
      expect((await ask(`/_fresh/js/${built.islands.get(name)}`)).status).toBe(200);
    }
    expect((await ask("/shop/Cart")).status).toBe(200); // Answered by [item].tsx, not by the island.
  });

  it("serves files of any type", async () => {
    const types = { "robots.txt": "text/plain; charset=utf-8", "photo.webp": "image/webp" };
    for (const [name, type] of Object.entries(types)) {
      const response = await ask(`/${name}`);
      await response.body?.cancel();
      expect([name, response.headers.get("content-type")]).toEqual([name, type]);
    }
    const unknown = await ask("/notes.unknown");
    expect(await unknown.text()).toBe("notes\n");
    expect(unknown.headers.get("content-type")).toBe("application/octet-stream");
  });

  it("names the source that does not bundle", async () => {
    const root = join(dir, "unbundled");
    await Deno.mkdir(join(root, "islands"), { recursive: true });
    await Deno.writeTextFile(join(root, "islands", "Broken.tsx"), "export default (");
    await expect(bundleIslands(root)).rejects.toThrow("Broken.tsx");
  });

  const refused: readonly [file: string, source: string, reason: string][] = [
    ["islands/A.tsx", "export const none = 1;", "expected a component as default export"],
    [
      "islands/A.tsx",
      "export default () => null; export function B() {}",
      "expected one island per file, as its default export; got B as well",
    ],
    ["routes/a.ts", "export const none = 1;", "expected a default export or handlers"],
    ["routes/a.ts", "export default { GET() {} };", "expected a component as default export"],
    ["routes/a.ts", "export const handler = (req, ctx) => ctx;", "got 2 parameters"],
    [
      "routes/a.tsx",
      "export default () => null; export const config = { csp: true };",
      "config.csp is not supported; expected routeOverride, skipAppWrapper, skipInheritedLayouts",
    ],
    ["routes/_500.tsx", "export default () => null;", "expected a name such as _app"],
    ["routes/a/_app.tsx", "export default () => null;", "the app wrapper belongs into routes/"],
    ["routes/_layout.tsx", "export const handler = () => null;", "only routes have handlers"],
    ["routes/_middleware.ts", "export const handler = { GET() {} };", "got a value of type object"],
    ["routes/[a][b].tsx", "export default () => null;", 'got "[a][b]"'],
    ["routes/x[[a]].tsx", "export default () => null;", 'got "x[[a]]"'],
  ];
  it.each(refused)("refuses %s with %j", async (file, source, reason) => {
    const root = await Deno.makeTempDir({ dir });
    await Deno.mkdir(join(root, dirname(file)), { recursive: true });
    await Deno.writeTextFile(join(root, file), source);
    const loading = loadBuildCache({ root, bundle: null });
    await expect(loading).rejects.toThrow(
      `Cannot load ${file.replace(/(routes.*)\.tsx?$/, "$1")}: `,
    );
    await expect(loadBuildCache({ root, bundle: null })).rejects.toThrow(reason);
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
    const given = define.handlers<{ slug: string }>({ GET: () => page({ slug: "a" }) });
    // @ts-expect-error the data has no such member
    define.handlers<{ slug: string }>({ GET: () => page({}) });
    define.page<typeof given>(async ({ data }) => h("p", null, await Promise.resolve(data.slug)));
    expect([Page, layout, middleware, handler.GET].every((each) => typeof each === "function"))
      .toBe(true);
  });
});
