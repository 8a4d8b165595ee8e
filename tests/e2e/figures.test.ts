/**
 * Pages that are left open while events come: what they show was true at most two seconds ago, or is
 * marked as old, and nothing on them jumps. The API's answers are compared beside them.
 */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { type DashboardWorld, openDashboardWorld } from "../support/dashboard_world.ts";
import { openedPage } from "../support/opened_page.ts";
import { byTier } from "../support/tier.ts";

const SECONDS = byTier({ quick: 10, full: 10, long: 600 });
const LOOK_MS = byTier({ quick: 250, full: 250, long: 1000 });
const POST_MS = 250;
const MOST_BEHIND_MS = 2000;
/** Between a moment and the look at the page: a message each way. */
const LOOKING_MS = 250;
const MOST_SHIFT = 0.02;
const MOVIES = [1, 2, 3].map((movie) => 4_000_000_000 + movie);

/** Views by movie. */
type Views = Readonly<Record<string, number>>;

/** What a page shows, read at one moment. */
interface Shown {
  readonly views: Views;
  readonly isMarkedOld: boolean;
}

let world: DashboardWorld;
let browser: TestBrowser;
let sent: SentViews;
beforeAll(async () => {
  world = await openDashboardWorld({ days: 1 });
  browser = await startBrowser();
  sent = new SentViews();
  await sent.post(2000);
});
afterAll(async () => {
  await browser?.close();
  await world?.[Symbol.asyncDispose]();
});

/** Views of the movies that were posted, with the moments at which they may and must be counted. */
class SentViews {
  readonly #counted: { readonly atMs: number; readonly views: number }[] = [];
  /** No answer may have more. */
  most = 0;

  /** Posts so many views of each movie; resolves when they are counted. */
  async post(count: number): Promise<void> {
    this.most += count;
    const { engine } = world;
    const { frontier } = await engine.post(MOVIES.flatMap((movie) => world.views(movie, count)));
    await engine.metric("popular_movies", { wait_for: frontier, limit: 1 });
    this.#counted.push({ atMs: Date.now(), views: this.most });
  }

  /** What an answer of that moment must have. */
  countedAt(ms: number): number {
    return this.#counted.findLast(({ atMs }) => atMs <= ms)?.views ?? 0;
  }

  /** Posts again and again until it is aborted. */
  async keepPosting(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.post(1 + this.most % 7);
      await new Promise((resolve) => setTimeout(resolve, POST_MS));
    }
  }
}

/** Rows of the table within `part`, and whether `old` is there. */
function shownOn(page: Page, part: string, old: string): Promise<Shown> {
  return page.evaluate(({ part, old, movies }) => {
    const views: Record<string, number> = {};
    for (const row of document.querySelectorAll(`${part} tbody tr`)) {
      const movie = movies.find((movie) => row.textContent!.includes(String(movie)));
      const cell = row.querySelector<HTMLElement>("td.number");
      if (movie === undefined || cell === null) continue;
      views[movie] = Number((cell.title || cell.innerText).replaceAll(/[^\d]/g, ""));
    }
    return { views, isMarkedOld: document.querySelector(old) !== null };
  }, { part, old, movies: MOVIES });
}

/** How much parts of a page have jumped since it was opened: the sum of Chromium's layout shifts. */
function shiftOf(page: Page): Promise<number> {
  return page.evaluate(() =>
    new Promise<number>((resolve) => {
      new PerformanceObserver((list) => {
        const shifts = list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[];
        resolve(
          shifts.reduce((sum, { value, hadRecentInput }) => hadRecentInput ? sum : sum + value, 0),
        );
      }).observe({ type: "layout-shift", buffered: true });
      // Nothing is observed where nothing has jumped.
      setTimeout(() => resolve(0), 1000);
    })
  );
}

async function viewsOfApi(): Promise<Views> {
  const { rows } = await world.engine.metric("popular_movies", { limit: MOVIES.length });
  return Object.fromEntries(rows.map(({ movie_id, view_count }) => [movie_id, Number(view_count)]));
}

/** What is wrong with views that are of the last moments; null where nothing is. */
function faultOf(what: string, views: Views, least: number): string | null {
  const counts = MOVIES.map((movie) => views[movie] ?? NaN);
  return counts.every((count) => least <= count && count <= sent.most)
    ? null
    : `${what}: ${JSON.stringify(views)}, expected ${least} to ${sent.most} views of each`;
}

describe.each([
  ["a metric's page", "/plugins/popular_movies?range=all", "[aria-labelledby=by-key]"],
  ["the overview", "/", "[aria-labelledby=metric-popular_movies]"],
])("%s", (_, path, part) => {
  const old = "[data-stale=yes]";

  it.each([0, 2500])(
    `shows what was true 2 s ago, or marks it as old: answered after %i ms, for ${SECONDS} s`,
    async (delayMs) => {
      await openedPage(browser, world.url + path, async (page) => {
        world.engine.pages.delayMs = delayMs;
        const end = new AbortController();
        const posting = sent.keepPosting(end.signal);
        const faults: (string | null)[] = [];
        let [looks, marked, moved] = [0, 0, 0];
        let before = "";
        const untilMs = Date.now() + SECONDS * 1000;
        while (Date.now() < untilMs) {
          const atMs = Date.now();
          const { views, isMarkedOld } = await shownOn(page, part, old);
          const sinceMs = atMs - MOST_BEHIND_MS - LOOKING_MS;
          faults.push(faultOf(`look ${looks}`, views, isMarkedOld ? 1 : sent.countedAt(sinceMs)));
          const counted = sent.countedAt(Date.now() - MOST_BEHIND_MS);
          faults.push(faultOf("the API", await viewsOfApi(), counted));
          looks++;
          marked += Number(isMarkedOld);
          moved += Number(JSON.stringify(views) !== before);
          before = JSON.stringify(views);
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        }
        end.abort();
        await posting;
        world.engine.pages.delayMs = 0;
        expect(faults.filter((fault) => fault !== null)).toEqual([]);
        const shift = await shiftOf(page);
        console.log(
          `${looks} looks, ${moved} of them moved, ${marked} marked as old; shift ${
            shift.toFixed(4)
          }`,
        );
        expect(shift).toBeLessThan(MOST_SHIFT);
        if (delayMs > 0) expect(marked).toBeGreaterThan(looks / 2);
        await page.waitForFunction(
          ({ part, text }) => document.querySelector(part)?.textContent?.includes(text),
          { part, text: sent.most.toLocaleString("en") },
        );
        await page.waitForFunction((old) => document.querySelector(old) === null, old);
      });
    },
  );
});
