import { AxeBuilder } from "@axe-core/playwright";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { type DashboardWorld, openDashboardWorld } from "../support/dashboard_world.ts";

let world: DashboardWorld;
let browser: TestBrowser;
beforeAll(async () => {
  world = await openDashboardWorld({ days: 1 });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  await world?.[Symbol.asyncDispose]();
});

const paths = [
  "/",
  "/plugins",
  "/plugins/popular_movies?range=all",
  "/plugins/ratings?top=5&range=24h",
  "/movies?q=steel",
  "/movies/770828",
  "/users",
  "/users/7",
  "/runs",
  "/log",
  "/log?field=user_id&value=7",
  "/log/movie-viewing-events/0/1",
  "/dead-letters",
  "letter",
  "/sql",
  "/reference",
  "/search?q=steel",
  "/nothing",
];
const standards = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** The path of a dead letter is known once there is one. */
async function pathOf(path: string): Promise<string> {
  if (path !== "letter") return path;
  const { items: [{ topic, partition, offset }] } = await world.engine.engine.deadLetters.list({});
  return `/dead-letters/${topic}/${partition}/${offset}`;
}

const notFound = /status of 404/;

describe("every page", () => {
  for (const colorScheme of ["light", "dark"] as const) {
    it.each(paths)(`%s has no fault that axe-core knows, ${colorScheme}`, async (path) => {
      const { page, faults } = await browser.open(world.url + await pathOf(path), { colorScheme });
      await page.locator(".state[data-ready]").waitFor();
      for (const details of await page.locator("details > summary").all()) {
        if (await details.isVisible()) await details.click();
      }
      const { violations } = await new AxeBuilder({ page }).withTags(standards).analyze();
      expect(
        violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)),
      ).toEqual([]);
      expect(faults.filter((fault) => !notFound.test(fault))).toEqual([]);
      await page.context().close();
    });
  }

  it.each(paths)("%s fits from a phone to a desktop, and asks nobody else", async (path) => {
    for (const width of [360, 768, 1280]) {
      const viewport = { width, height: 800 };
      const { page } = await browser.open("about:blank", { viewport });
      const hosts = new Set<string>();
      page.on("request", (request) => hosts.add(new URL(request.url()).host));
      await page.goto(world.url + await pathOf(path));
      await page.locator(".state[data-ready]").waitFor();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect([path, width, over]).toEqual([path, width, 0]);
      expect([...hosts]).toEqual([new URL(world.url).host]);
      expect(await page.locator("h1").count()).toBe(1);
      await page.context().close();
    }
  });

  it.each(["/", "/runs", "/reference"])(
    "%s shows its own place in the menu of a phone",
    async (path) => {
      const viewport = { width: 390, height: 800 };
      const { page } = await browser.open(world.url + path, { viewport });
      await page.waitForFunction(() => {
        const entry = document.querySelector("nav.pages [aria-current]")!.getBoundingClientRect();
        return entry.left >= 0 && entry.right <= innerWidth;
      });
      expect(await page.locator("nav.pages [aria-current]").isVisible()).toBe(true);
      await page.context().close();
    },
  );

  const word = "w".repeat(180);
  it.each([
    `/${word}`,
    `/plugins/${word}`,
    `/users/${word}`,
    `/movies?q=${word}`,
    `/log?partition=${word}`,
    `/dead-letters/${word}/0/0`,
    `/plugins/popular_movies?layer=batch&range=all&order=${word}`,
  ])("%s is as wide as a phone, however long its words are", async (path) => {
    const viewport = { width: 390, height: 800 };
    const { page } = await browser.open(world.url + path, { viewport });
    expect(await page.locator("main").innerText()).toMatch(/w{40}/);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(over).toBe(0);
    await page.context().close();
  });

  it.each(paths)("%s reads without JavaScript", async (path) => {
    const { page } = await browser.open(world.url + await pathOf(path), {
      javaScriptEnabled: false,
    });
    expect((await page.locator("main").innerText()).length).toBeGreaterThan(40);
    // What does nothing without a script is not shown.
    expect(await page.locator("button:not(form button, [popovertarget]):visible").count()).toBe(0);
    await page.context().close();
  });
});

describe("without JavaScript", () => {
  it("figures, rows and a chart's data are there, and forms ask", async () => {
    const { page } = await browser.open(`${world.url}/plugins/popular_movies?range=all`, {
      javaScriptEnabled: false,
    });
    expect(await page.locator("main > section table tbody tr").count()).toBeGreaterThan(20);
    await page.getByText("View as table").click();
    expect(await page.locator(".data tbody tr").first().isVisible()).toBe(true);
    expect(await page.locator(".plot svg.sparkline").count()).toBe(1);
    await page.getByPlaceholder("Search keys and names").fill("steel");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByRole("link", { name: "Man of Steel" }).first().waitFor();
    await page.context().close();
  });
});

describe("a term", () => {
  const explanation = "#term-drift";
  it("is explained on hover, on focus and without a script, and goes by Escape", async () => {
    const { page } = await browser.open(`${world.url}/plugins/popular_movies`);
    const term = page.getByRole("button", { name: "Drift", exact: true });
    const shown = page.locator(explanation);
    const id = await term.getAttribute("aria-describedby");
    expect(await page.locator(`#${id}`).innerText()).toMatch(/difference between speed and batch/);
    await term.hover();
    await shown.waitFor();
    const [of, at] = [(await term.boundingBox())!, (await shown.boundingBox())!];
    // Beside its term, not in the middle of the window.
    expect(Math.abs(at.y - of.y - of.height)).toBeLessThan(12);
    await page.mouse.move(0, 0);
    await shown.waitFor({ state: "hidden" });
    await term.focus();
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab");
    await shown.waitFor();
    await page.keyboard.press("Escape");
    await shown.waitFor({ state: "hidden" });
    await page.context().close();
  });

  it("is explained by a tap, and fits on a phone", async () => {
    const { page } = await browser.open(`${world.url}/log`, {
      javaScriptEnabled: false,
      hasTouch: true,
      viewport: { width: 360, height: 740 },
    });
    await page.getByRole("button", { name: "Dead letters" }).tap();
    const shown = page.locator("#term-dead-letter");
    await shown.waitFor();
    const { x, width } = (await shown.boundingBox())!;
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x + width).toBeLessThanOrEqual(360);
    await page.context().close();
  });
});

describe("the search", () => {
  it("opens by keys, moves by arrows, opens a page by Enter, and closes by Escape", async () => {
    const { page, faults } = await browser.open(`${world.url}/log`);
    await page.locator(".state[data-ready]").waitFor();
    const input = page.getByRole("combobox", { name: "Search" });
    await page.keyboard.press("/");
    await input.waitFor();
    await page.getByRole("option", { name: "Popular movies" }).waitFor();
    await page.keyboard.press("Escape");
    await input.waitFor({ state: "hidden" });
    await page.keyboard.press("Control+k");
    await page.keyboard.type("steel");
    await page.getByRole("option", { name: "Man of Steel" }).waitFor();
    const chosen = () => page.locator("[role=option][aria-selected=true] b").innerText();
    const first = await chosen();
    await page.keyboard.press("ArrowDown");
    const second = await chosen();
    expect(second).not.toBe(first);
    expect(await input.getAttribute("aria-activedescendant")).toBe("found-1");
    const { violations } = await new AxeBuilder({ page }).withTags(standards).analyze();
    expect(violations.map(({ id }) => id)).toEqual([]);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/movies\/\d+$/);
    expect(await page.locator("h1").innerText()).toBe(second);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("is a page without JavaScript", async () => {
    const { page } = await browser.open(`${world.url}/log`, { javaScriptEnabled: false });
    await page.getByRole("link", { name: "Search" }).click();
    await page.waitForURL(/\/search$/);
    await page.locator("main").getByRole("searchbox").fill("steel");
    await page.locator("main").getByRole("button", { name: "Search" }).click();
    await page.getByRole("link", { name: "Man of Steel" }).click();
    await page.waitForURL(/\/movies\/\d+$/);
    expect(await page.locator("h1").innerText()).toMatch(/Man of Steel/);
    await page.context().close();
  });
});

describe("the keyboard", () => {
  it("reaches the page past its navigation, a table, and a metric", async () => {
    const { page } = await browser.open(`${world.url}/`);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    const reached: string[] = [];
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      const text = await page.evaluate(() => document.activeElement?.textContent ?? "");
      reached.push(text);
      const outlined = await page.evaluate(() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement!);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
      });
      expect([text.slice(0, 40), outlined]).toEqual([text.slice(0, 40), true]);
      if (text === "Popular movies") break;
    }
    expect(reached).toContain("Popular movies");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/plugins\/popular_movies$/);
    await page.context().close();
  });
});

describe("the theme", () => {
  it("is chosen once, holds on every page, and meets axe-core against the system's", async () => {
    const { page } = await browser.open(`${world.url}/`, { colorScheme: "light" });
    const paper = () => page.evaluate(() => getComputedStyle(document.body.parentElement!).color);
    const light = await paper();
    await page.getByLabel("Theme").selectOption("dark");
    expect(await paper()).not.toBe(light);
    await page.goto(`${world.url}/plugins/popular_movies?range=all`);
    expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
    const { violations } = await new AxeBuilder({ page }).withTags(standards).analyze();
    expect(violations.map(({ id }) => id)).toEqual([]);
    await page.getByLabel("Theme").selectOption("system");
    expect(await paper()).toBe(light);
    await page.context().close();
  });
});

describe("a metric's page on a slow phone", () => {
  it("loads less than 60 kB of compressed scripts", async () => {
    const { page } = await browser.open("about:blank");
    const scripts = new Map<string, number>();
    page.on("response", async (response) => {
      if (!/\.js$/.test(new URL(response.url()).pathname)) return;
      scripts.set(response.url(), gzipSync(await response.body()).length);
    });
    await page.goto(`${world.url}/plugins/popular_movies?range=all`, { waitUntil: "networkidle" })
      .catch(() => {});
    await page.locator(".uplot canvas").waitFor();
    const total = [...scripts.values()].reduce((sum, bytes) => sum + bytes, 0);
    expect(scripts.size).toBeGreaterThan(4);
    expect(total).toBeLessThan(60_000);
    await page.context().close();
  });
});
