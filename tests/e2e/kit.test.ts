/** The page layer in a real Chromium: its islands, its policy, and how development follows files. */
import { App, csp, staticFiles } from "fresh";
import { bundleIslands, type DevSite, openDevSite } from "kit/dev";
import { type BuildCache, loadBuildCache, setBuildCache } from "kit/loading";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { startBrowser, type TestBrowser, type WatchedPage } from "../support/browser.ts";

const project = join(import.meta.dirname!, "..", "..");
const fixture = join(project, "tests", "support", "kit_site");
const ignore = [/^ignored\.ts$/];
/** What the island says that fails on purpose. */
const FAULT = "Error: fails in the browser";

/** Serves a site with the strict policy. */
function serve(cache: BuildCache, app = new App<unknown>()) {
  app.use(csp({ useNonce: true }), staticFiles()).fsRoutes();
  setBuildCache(app, cache);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.handler());
  return { url: `http://127.0.0.1:${server.addr.port}`, close: () => server.shutdown() };
}

let browser: TestBrowser;
beforeAll(async () => void (browser = await startBrowser()));
afterAll(() => browser.close());

describe("a page with islands", () => {
  let server: ReturnType<typeof serve>;
  beforeAll(async () => {
    const bundle = await bundleIslands(fixture);
    server = serve(await loadBuildCache({ root: fixture, bundle, ignore }));
  });
  afterAll(() => server.close());

  /** Opens a page, lets it be tried, and sees that nothing else went wrong on it. */
  async function visit(
    path: string,
    body: (page: Page) => Promise<void>,
    expected: readonly string[] = [],
  ) {
    const { page, faults } = await browser.open(server.url + path);
    await body(page);
    expect(faults).toEqual(expected);
    await page.context().close();
  }

  const textOf = (page: Page, selector: string) => page.locator(selector).textContent();
  const alive = (id: string) => `#${id}[data-live=true]`;

  it("comes to life where it was rendered", () =>
    visit("/", async (page) => {
      for (const id of ["one", "two", "inside"]) await page.locator(alive(id)).waitFor();
      expect(await textOf(page, "#one")).toBe("3 since 0");
      expect(await page.locator("main > button").count()).toBe(2);
      expect(await page.title()).toBe("Home & away");
    }));

  it("shares a signal between its islands, also those within slots", () =>
    visit("/", async (page) => {
      await page.locator(alive("inside")).waitFor();
      await page.locator("#one").click();
      await page.locator("#inside").click();
      for (const id of ["one", "two", "inside"]) {
        expect(await textOf(page, `#${id}`)).toContain("5");
      }
    }));

  it("keeps JSX children when they are hidden and shown again", () =>
    visit("/", async (page) => {
      await page.locator(alive("inside")).waitFor();
      const panel = page.locator("section").first();
      expect(await panel.locator("p").innerHTML()).toBe("Shown <b>bold</b>");
      await panel.locator(".toggle").click();
      await panel.locator("p").waitFor({ state: "detached" });
      await panel.locator(".toggle").click();
      expect(await panel.locator("p").innerHTML()).toBe("Shown <b>bold</b>");
      await page.locator("#one").click();
      expect(await textOf(page, alive("inside"))).toBe("4 since 0");
    }));

  it("shows a slot that was hidden, with the islands in it", () =>
    visit("/", async (page) => {
      await page.locator(alive("two")).click();
      expect(await page.locator("#late").count()).toBe(0);
      await page.locator(".toggle").last().click();
      await page.locator(alive("hidden")).click();
      expect(await textOf(page, "#late")).toBe("Late");
      expect(await textOf(page, "#hidden")).toBe("5 since 0");
      expect(await textOf(page, "#one")).toBe("5 since 0");
    }));

  it("keeps the attributes of what it reads back", () =>
    visit("/parts", async (page) => {
      await page.locator(".toggle").last().click();
      await page.locator(alive("deep")).click();
      expect(await textOf(page, "#deep")).toBe("2 since 1");
      const choice = page.locator("#choice");
      expect(await choice.isChecked()).toBe(true);
      expect(await choice.isDisabled()).toBe(true);
      expect(await choice.evaluate((it) => (it as HTMLInputElement).readOnly)).toBe(true);
      expect(await page.locator("#select").inputValue()).toBe("b");
      expect(await page.locator("label").getAttribute("class")).toBe("label");
      expect(await page.locator("label").getAttribute("for")).toBe("choice");
      const svg = await page.locator("svg").evaluate((it) => [
        it instanceof SVGSVGElement && it.viewBox.baseVal.width,
        it.querySelector("path")!.getAttribute("stroke-width"),
        it.querySelector("path") instanceof SVGPathElement,
      ]);
      expect(svg).toEqual([1, "2", true]);
      expect(await page.locator("#drag").evaluate((it) => (it as HTMLElement).draggable)).toBe(
        false,
      );
      expect(await textOf(page, "#drag")).toBe("<b> & text");
    }, [FAULT]));

  it("lets an island grow between its neighbours, and one that fails harm no other", () =>
    visit("/parts", async (page) => {
      await page.locator("#a").click();
      await page.locator("#b").click();
      await page.locator("#a").click();
      const lists = await page.locator("#lists").evaluate((it) =>
        [...it.children].map((child) => child.id || child.textContent)
      );
      expect(lists).toEqual(["1", "2", "a!", "a!", "a", "a grew", "b!", "b", "b grew", "end"]);
    }, [FAULT]));

  it("is under a policy that lets nothing else run", async () => {
    const { page, faults } = await browser.open(server.url);
    await page.locator(alive("one")).waitFor();
    expect(faults).toEqual([]);
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "document.title = 'taken over'";
      document.body.append(script);
    });
    await page.locator("body").evaluate((it) => it.setAttribute("onclick", "document.title = 'x'"));
    await page.locator("body").click({ position: { x: 1, y: 1 } });
    expect(await page.title()).toBe("Home & away");
    expect(faults).toHaveLength(2);
    expect(faults[0]).toContain("Content Security Policy");
    await page.context().close();
  });

  it("is read without JavaScript", async () => {
    const { page } = await browser.open(server.url, { javaScriptEnabled: false });
    expect(await textOf(page, "#one")).toBe("3 since 0");
    expect(await textOf(page, "section p")).toBe("Shown bold");
    expect(await page.locator("#late").isVisible()).toBe(false);
    await page.context().close();
  });
});

describe("a site in development", () => {
  let root: string;
  let dev: DevSite;
  let server: ReturnType<typeof serve>;
  let home: WatchedPage;

  beforeAll(async () => {
    // Within the project, where the packages are found that islands import.
    await Deno.mkdir(join(project, "dist"), { recursive: true });
    root = await Deno.makeTempDir({ dir: join(project, "dist"), prefix: "kit_site_" });
    await copy(fixture, root);
    dev = await openDevSite({ root, ignore });
    server = serve(dev, new App<unknown>().use(dev.middleware()));
    home = await browser.open(server.url);
    await home.page.locator("#one[data-live=true]").waitFor();
  });

  afterAll(async () => {
    await home.page.context().close();
    await dev.close();
    await server.close();
    await Deno.remove(root, { recursive: true });
  });

  /** Changes a file, and waits until the page shows it. */
  async function change(file: string, from: string, to: string, seen: () => Promise<unknown>) {
    const path = join(root, file);
    const text = await Deno.readTextFile(path);
    expect(text).toContain(from);
    await Deno.writeTextFile(path, text.replace(from, to));
    await seen();
  }

  const shows = (selector: string) => () => home.page.locator(selector).waitFor();

  it("shows a changed island, alive", async () => {
    for (const [from, to] of [["since", "from"], ["from", "after"], ["after", "since"]]) {
      const seen = shows(`#one[data-live=true]:has-text("3 ${to} 0")`);
      await change("islands/Counter.tsx", `} ${from} {`, `} ${to} {`, seen);
    }
  });

  it("shows a changed route", async () => {
    for (const [from, to] of [["Shown", "Seen"], ["Seen", "There"], ["There", "Shown"]]) {
      const seen = shows(`p:has-text("${to} bold")`);
      await change("routes/index.tsx", from, to, seen);
    }
  });

  it("swaps stylesheets and leaves the page as it is", async () => {
    await home.page.locator("#one").click();
    const body = home.page.locator("body");
    expect(await body.evaluate((it) => getComputedStyle(it).color)).toBe("rgb(0, 0, 0)");
    await change("static/site.css", "black", "rgb(1, 2, 3)", async () => {
      await home.page.waitForFunction(() =>
        getComputedStyle(document.body).color === "rgb(1, 2, 3)"
      );
    });
    expect(await home.page.locator("#one").textContent()).toBe("4 since 0");
    expect(await home.page.locator("link[rel=stylesheet]").count()).toBe(1);
  });

  it("shows why a file does not build, keeps the old site and recovers", async () => {
    const { error } = console;
    const logged: string[] = [];
    console.error = (fault) => void logged.push(String(fault));
    try {
      await change("islands/Panel.tsx", "return (", "return (<", shows("pre[role=alert]"));
      expect(await home.page.locator("pre[role=alert]").textContent()).toContain("Panel.tsx");
      expect(logged.join()).toContain("Panel.tsx");
      expect(await home.page.locator("#one").textContent()).toBe("4 since 0");
      await home.page.reload();
      await home.page.locator("pre[role=alert]").waitFor();
      expect(await home.page.locator("#one").textContent()).toBe("3 since 0");
      await change("islands/Panel.tsx", "return (<", "return (", async () => {
        await home.page.locator("pre[role=alert]").waitFor({ state: "detached" });
        await home.page.locator("#one[data-live=true]").waitFor();
      });
    } finally {
      console.error = error;
    }
  });

  it("finds new routes, and forgets those that were removed", async () => {
    const path = join(root, "routes", "added.tsx");
    await home.page.goto(`${server.url}/added`);
    await shows('h1:has-text("404")')();
    await Deno.writeTextFile(path, "export default () => <h1>added</h1>;");
    await shows('h1:has-text("added")')();
    await Deno.remove(path);
    await shows('h1:has-text("404")')();
    expect(await home.page.locator('h1:has-text("404")').count()).toBe(1);
  });

  it("leaves no modules behind and no fault on the page", async () => {
    // The newest change may be loaded twice: its module stays until it is loaded.
    const left = () => Array.fromAsync(Deno.readDir(join(root, "dist", "dev")));
    await eventually("all modules to be removed", left, (modules) => modules.length === 0);
    expect(home.faults.filter((fault) => !fault.includes("404"))).toEqual([]);
  });
});

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}
