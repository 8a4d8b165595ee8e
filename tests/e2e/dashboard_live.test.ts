import { afterAll, beforeAll, describe, expect, it } from "testing";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { type DashboardWorld, openDashboardWorld } from "../support/dashboard_world.ts";
import { byTier } from "../support/tier.ts";

/** How long five series are followed: memory that leaks shows after seconds, or after minutes. */
const LIVE_SECONDS = byTier({ quick: 20, full: 20, long: 600 });
/** How many rows a table is paged through; a million takes minutes to make. */
const ROWS = byTier({ quick: 20_000, full: 20_000, long: 1_000_000 });
const MOVIES = [1, 2, 3, 4, 5].map((movie) => 4_000_000_000 + movie);
const MIB = 2 ** 20;

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

describe("five live series", () => {
  it(`keep to their memory for ${LIVE_SECONDS} s`, async () => {
    await world.post(MOVIES.flatMap((movie) => world.views(movie, 2000)));
    const { page, faults } = await browser.open(
      `${world.url}/plugins/popular_movies?range=15m&top=5`,
    );
    const devtools = await page.context().newCDPSession(page);
    const heapBytes = async () => {
      await devtools.send("HeapProfiler.collectGarbage");
      return (await devtools.send("Runtime.getHeapUsage")).usedSize;
    };
    const label = page.locator(".u-legend .u-label", { hasText: "4000000001" });
    await label.waitFor();
    await page.evaluate(() => {
      const seen = { frames: 0, longestMs: 0, slow: 0 };
      let last = performance.now();
      const frame = (now: number) => {
        const tookMs = now - last;
        last = now;
        seen.frames++;
        seen.longestMs = Math.max(seen.longestMs, tookMs);
        if (tookMs > 50) seen.slow++;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
      Object.assign(globalThis, { seen });
    });
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/data?")) asked.push(request.url());
    });
    const views = page.locator("[aria-labelledby=by-key] tr", { hasText: "4000000001" })
      .locator("td.number").first();
    const viewsBefore = await views.innerText();
    const feed = async (seconds: number) => {
      const untilMs = performance.now() + seconds * 1000;
      while (performance.now() < untilMs) {
        await world.post(MOVIES.flatMap((movie) => world.views(movie, 3)));
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    };
    await feed(LIVE_SECONDS / 4);
    const before = await heapBytes();
    await feed(LIVE_SECONDS);
    const after = await heapBytes();
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: unknown }).seen);
    console.log(
      `heap ${(before / MIB).toFixed(1)} then ${(after / MIB).toFixed(1)} MiB,`,
      `${asked.length} questions, frames ${JSON.stringify(seen)}`,
    );
    expect(asked.length).toBeGreaterThan(LIVE_SECONDS / 3);
    expect(await views.innerText()).not.toBe(viewsBefore);
    expect(after - before).toBeLessThan(4 * MIB);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});

describe(`a table of ${ROWS} rows`, () => {
  it("is paged through, and no row comes twice", async () => {
    const timestamp = new Date().toISOString();
    for (let from = 0; from < ROWS; from += 100_000) {
      const events = Array.from({ length: Math.min(100_000, ROWS - from) }, (_, i) => ({
        event_id: `row-${from + i}`,
        user_id: 1_000_000_000 + from + i,
        movie_id: 1,
        event_type: "view",
        timestamp,
        duration: null,
        rating: null,
      }));
      const { frontier } = await world.engine.post(events);
      await world.engine.metric("user_stats", { wait_for: frontier, limit: 1 });
    }
    const { page, faults } = await browser.open(
      `${world.url}/plugins/user_stats?range=all&order=-user_id`,
    );
    const rows = page.locator("[aria-labelledby=by-key] tbody tr td:nth-child(2) a:first-child");
    const users: string[] = [];
    for (let at = 0; at < 4; at++) {
      if (at > 0) {
        await page.getByRole("link", { name: "Next page" }).click();
        await page.waitForURL((url) => url.searchParams.get("after") !== null);
        await page.waitForFunction(
          (last) =>
            document.querySelector("[aria-labelledby=by-key] tbody td:nth-child(2) a")
              ?.textContent !== last,
          users.at(-25),
        );
      }
      users.push(...await rows.allInnerTexts());
    }
    expect(users.length).toBe(100);
    const numbers = users.map(Number);
    expect(numbers).toEqual(numbers.toSorted((a, b) => b - a));
    expect(new Set(users).size).toBe(100);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
