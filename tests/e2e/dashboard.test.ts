import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { openedPage } from "../support/opened_page.ts";
import { broken, type DashboardWorld, openDashboardWorld } from "../support/dashboard_world.ts";

/** A movie with many ratings on the newest days of the data. */
const MOVIE = 770828;

let world: DashboardWorld;
let browser: TestBrowser;
beforeAll(async () => {
  world = await openDashboardWorld();
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  await world?.[Symbol.asyncDispose]();
});

const on = (path: string, look: (page: Page) => Promise<void>, expected?: readonly string[]) =>
  openedPage(browser, world.url + path, look, expected);

const numberIn = async (page: Page, selector: string) =>
  Number((await page.locator(selector).first().innerText()).replaceAll(/\D/g, ""));

/** The main figure of a part of the diagram. */
const flow = (part: string) => `.part-${part} .main dd`;

async function rises(page: Page, selector: string, than: number): Promise<void> {
  await page.waitForFunction(([selector, than]) => {
    const text = document.querySelector(String(selector))?.textContent ?? "";
    return Number(text.replaceAll(/\D/g, "")) > Number(than);
  }, [selector, than] as const);
}

describe("the first page", () => {
  it("counts what comes, and moves the first rows", async () => {
    await on("/", async (page) => {
      const before = await numberIn(page, flow("serving"));
      expect(before).toBeGreaterThan(1000);
      // More views than any movie has: it comes to stand first.
      const most = await numberIn(page, "[aria-labelledby=metric-popular_movies] td.number");
      await world.post(world.views(4_000_000_001, most + 1));
      await rises(page, flow("serving"), before + most);
      const first = page.locator("[aria-labelledby=metric-popular_movies] tbody tr").first();
      await first.getByText("4000000001").waitFor();
    });
  });

  it("leaves room above each part", async () => {
    await on("/", async (page) => {
      const margins = await page.locator("main > div > section:not(.dashboard)")
        .evaluateAll((all) => all.map((each) => parseFloat(getComputedStyle(each).marginTop)));
      expect(margins.length).toBeGreaterThan(1);
      expect(Math.min(...margins)).toBeGreaterThanOrEqual(32);
    });
  });

  it("leads to every other page", async () => {
    await on("/", async (page) => {
      const links = page.locator("nav[aria-label=Pages] a");
      const paths = await links.evaluateAll((all) => all.map((each) => each.getAttribute("href")!));
      expect(paths).toEqual([
        "/",
        "/plugins",
        "/movies",
        "/users",
        "/runs",
        "/log",
        "/dead-letters",
        "/sql",
        "/reference",
      ]);
      for (const path of paths) {
        await page.locator(`nav[aria-label=Pages] a[href="${path}"]`).click();
        await page.waitForURL(world.url + path);
        expect(await page.locator("nav[aria-label=Pages] a[aria-current=page]").count()).toBe(1);
      }
    });
  });
});

describe("movies and users", () => {
  it("are found by a title and by a number", async () => {
    await on("/movies", async (page) => {
      await page.getByPlaceholder("Search titles").fill("man of steel");
      await page.getByRole("button", { name: "Find" }).click();
      expect(await page.locator("[aria-labelledby=found] th").allInnerTexts())
        .toEqual(["Movie", "Year", "Genres"]);
      await page.locator("[aria-labelledby=found]").getByRole("link", { name: "Man of Steel" })
        .first().click();
      await page.waitForURL(`${world.url}/movies/${MOVIE}`);
      expect(await page.locator("h1").innerText()).toBe("Man of Steel");
      await page.getByText("2013 · Action").waitFor();
      expect(await page.locator(".chart").count()).toBe(3);
      await page.getByText("View count per").waitFor();
      expect(await page.getByRole("heading", { name: "Ratings by whole stars" }).count()).toBe(1);
    });
    await on("/users", async (page) => {
      await page.getByPlaceholder("User ID").fill("none");
      await page.getByRole("button", { name: "Apply" }).click();
      await page.getByText('id must be a whole number, got "none"').waitFor();
      const user = world.beyondCut[0].user_id;
      await page.getByPlaceholder("User ID").fill(String(user));
      await page.getByRole("button", { name: "Apply" }).click();
      await page.waitForURL(`${world.url}/users/${user}`);
      expect(await page.locator("h1").innerText()).toBe(`User ${user}`);
    });
  });
});

describe("batch runs", () => {
  it("are started from the page, and are on it when they are done", async () => {
    await on("/runs", async (page) => {
      const runs = await page.locator(".run").count();
      expect(runs).toBeGreaterThan(0);
      await world.engine.allArchived();
      await page.getByRole("button", { name: "Run now" }).click();
      await page.locator(".run").nth(runs).waitFor();
      await page.getByRole("button", { name: "Run now" }).click();
      await page.getByText("No new data.").waitFor();
      await page.getByRole("button", { name: "Recompute all days" }).click();
      await page.locator(".run").nth(runs + 1).waitFor();
      await page.locator(".run[open] summary [data-state=published]").first().waitFor();
      expect(await page.locator(".run[open] td").allInnerTexts()).toContain("full");
      expect(await page.locator(".run[open] [data-state=failed]").count()).toBe(0);
    });
  });
});

describe("a batch run under way", () => {
  it("is on the pages of runs and on the overview as what it is, and older runs are behind a link", async () => {
    const warehouse = world.engine.engine.warehouse;
    const progress = (status: string, done: number, version: number) =>
      warehouse.command(`INSERT INTO batch_runs (topic, run, plugin, status, mode, days, days_done,
started, finished, drift, version) SELECT 'movie-viewing-events', 1000, 'ratings', '${status}',
'full', 40, ${done}, now64(3) - 60, now64(3), 0, ${version}`);
    await progress("running", 12, 1);
    await on("/runs", async (page) => {
      const run = page.locator(".run", { hasText: "Run 1000" });
      await run.locator("summary [data-state=running]").waitFor();
      await run.getByText("0 of 1 metrics done").waitFor();
      await run.getByText("12 of 40").waitFor();
      await progress("running", 20, 2);
      await run.getByText("20 of 40").waitFor();
      const timeline = page.getByRole("region", { name: "Timeline" });
      const facts = timeline.locator(".run-facts");
      const bar = timeline.getByRole("link", { name: /^Run 1000, running/ });
      await bar.focus();
      await facts.getByText("20 of 40").waitFor();
      await timeline.getByRole("link", { name: /^Run 1, published/ }).focus();
      await facts.getByText("Run 1", { exact: true }).waitFor();
      expect(await facts.getByText("20 of 40").count()).toBe(0);
      // Later bars may lie above the middle of a long one.
      await bar.dispatchEvent("mouseenter");
      await facts.getByText("20 of 40").waitFor();
    });
    await on("/", async (page) => {
      const box = page.locator(".part-batch");
      await box.getByText("20 of 40").waitFor();
      expect(await box.locator(".main dd").innerText()).toBe("1,000");
      expect(await box.getByText("Finished").count()).toBe(0);
      await progress("published", 40, 3);
      await box.getByText("published").waitFor();
      await box.getByText("Finished").waitFor();
    });
    await warehouse.command(
      `INSERT INTO batch_runs (topic, run, plugin, status, days, started, version)
SELECT 'movie-viewing-events', 1001 + number, 'ratings', 'published', 1, now64(3), 1 FROM numbers(60)`,
    );
    await on("/runs", async (page) => {
      await page.getByRole("link", { name: "Older runs" }).click();
      await page.waitForURL(/before=1011/);
      expect(await page.locator(".run b").first().innerText()).toBe("Run 1010");
      await page.getByRole("link", { name: "Newest runs" }).click();
      await page.locator(".run b", { hasText: "Run 1060" }).waitFor();
    });
  });
});

describe("a batch run that another process computes", () => {
  it("is cancelled from the page, after a question", async () => {
    const warehouse = world.engine.engine.warehouse;
    const write = (status: string, version: number) =>
      warehouse.command(`INSERT INTO batch_runs (topic, run, plugin, status, mode, days, started,
finished, error, version) SELECT 'movie-viewing-events', 2000, 'ratings', '${status}', 'full', 40,
now64(3) - 60, now64(3), 'Cancelled by ada', ${version}`);
    const told = () =>
      warehouse.query("SELECT run, changed_by FROM cancelled_runs WHERE run = 2000");
    await write("running", 1);
    await on("/runs", async (page) => {
      await page.getByRole("button", { name: "Cancel run 2000" }).click();
      const dialog = page.getByRole("dialog", { name: "Cancel run 2000 of movie-viewing-events?" });
      const cancel = dialog.getByRole("button", { name: "Cancel run" });
      expect(await cancel.isDisabled()).toBe(true);
      await page.keyboard.press("Escape");
      expect(await dialog.isVisible()).toBe(false);
      expect(await told()).toEqual([]);
      await page.getByRole("button", { name: "Cancel run 2000" }).click();
      await dialog.getByRole("textbox").fill("ada");
      await cancel.click();
      while ((await told()).length === 0);
      expect(await told()).toEqual([{ run: 2000, changed_by: "ada" }]);
      await write("cancelled", 2);
      await dialog.waitFor({ state: "hidden" });
      const run = page.locator(".run", { hasText: "Run 2000" });
      await run.locator("summary [data-state=cancelled]").waitFor();
      expect(await page.getByRole("button", { name: "Cancel run 2000" }).count()).toBe(0);
    });
  });
});

describe("the log and the dead letters", () => {
  it("follow the newest records until they are held", async () => {
    await on("/log", async (page) => {
      const record = (movie: number) => page.locator(`.tail code:has-text('${movie}')`);
      await world.post(world.views(4_000_000_003, 1));
      await record(4_000_000_003).waitFor();
      await page.getByRole("button", { name: "Pause" }).click();
      await world.post(world.views(4_000_000_004, 1));
      // The partitions go on while the tail is held: what they show proves that time has passed.
      const end = "section:first-of-type tbody td:nth-of-type(3)";
      const before = await numberIn(page, end);
      await world.post(world.views(4_000_000_005, 40));
      await rises(page, end, before);
      expect(await record(4_000_000_004).count()).toBe(0);
      await page.getByRole("button", { name: "Resume" }).click();
      await record(4_000_000_005).first().waitFor();
      await page.locator("select[name=partition]").selectOption("1");
      await page.getByRole("button", { name: "Apply" }).click();
      await page.waitForURL(/partition=1/);
      const partitions = await page.locator(".tail tbody td:first-child").allInnerTexts();
      expect(new Set(partitions)).toEqual(new Set(["1"]));
    });
  });

  it("filter, and show one with its reason and its bytes", async () => {
    await on("/dead-letters", async (page) => {
      const rows = page.getByRole("region", { name: "Dead letters" }).locator("tbody tr");
      expect(await rows.count()).toBe(broken.length);
      await page.getByLabel("Field", { exact: true }).fill("user_id");
      await page.getByRole("button", { name: "Filter" }).click();
      await page.waitForURL(/field=user_id/);
      expect(await rows.count()).toBe(1);
      await rows.locator("th a").click();
      await page.locator("h1").waitFor();
      const { line, reason } = broken.find(({ field }) => field === "user_id")!;
      await page.locator(".fault").getByText(reason).waitFor();
      await page.locator("pre").first().getByText(line).waitFor();
      await page.getByText("7b 22 65 76").waitFor();
    });
  });

  it("are redriven after a dry run, and show it", async () => {
    await on("/dead-letters", async (page) => {
      const letter = page.getByRole("row").filter({ hasText: '"event_id":"b-1"' });
      await letter.getByRole("checkbox").check();
      const fields = { user_id: 4_100_000_000, movie_id: 4_100_000_000, event_type: "view" };
      const lines = Object.entries({ ...fields, timestamp: new Date().toISOString() })
        .map(([name, value]) => `${name}=${value}`);
      await page.getByLabel("Set fields").fill(lines.join("\n"));
      const send = page.getByRole("button", { name: "Redrive 1 selected" });
      expect(await send.isDisabled()).toBe(true);
      await page.getByRole("button", { name: "Dry run" }).click();
      await page.getByText("Dry run: 1 of 1 decode.").waitFor();
      expect(await letter.locator("td", { hasText: "–" }).count()).toBe(1);
      await page.getByLabel("Your name").fill("ada");
      for (
        const answer of [
          "1 of 1 decode.",
          "1 of 1 decode, 1 of them redriven before with the same values.",
        ]
      ) {
        await send.click();
        await page.getByText(`Sent 1. ${answer}`).waitFor();
      }
      await page.reload();
      expect(await letter.locator("td", { hasText: "–" }).count()).toBe(0);
      await letter.locator("th a").click();
      await page.getByText("as event b-1 at").first().waitFor();
      await page.getByText("by ada").first().waitFor();
      const views = await world.engine.metric("popular_movies", { movie_id: "4100000000" });
      expect(views.rows).toMatchObject([{ view_count: 1 }]);
    });
  });

  it("cannot be redriven as they are, and say why", async () => {
    await on("/dead-letters?field=user_id", async (page) => {
      await page.getByRole("button", { name: "Dry run" }).click();
      await page.getByText("Dry run: 0 of 1 decode.").waitFor();
      await page.getByText("user_id must be at least 0").last().waitFor();
    });
  });
});

describe("a wrong parameter", () => {
  it("is named where it is at fault, with a link that drops it, and the rest of the page works", async () => {
    const questions = [
      ["/runs?before=x", 'before must be the number of a run, got "x"', "Run now"],
      ["/runs?topic=none", 'topic must be movie-viewing-events, got "none"', "Run now"],
      ["/log?partition=0&offset=x", "offset must be a whole number", "Apply"],
      ["/log?partition=x", "partition must be a whole number", "Apply"],
      ["/dead-letters?partition=x", "partition must be a whole number", "Filter"],
      [`/search?q=${"w".repeat(501)}`, "q must have at most 500 characters, got 501", "Search"],
      ["/users?id=none", 'id must be a whole number, got "none"', "Apply"],
    ];
    for (const [path, says, button] of questions) {
      await on(path, async (page) => {
        const remove = page.getByRole("link", { name: /^Remove / });
        const note = page.locator("main .fault").filter({ has: remove });
        expect(await note.innerText()).toContain(says);
        await page.locator("main").getByRole("button", { name: button }).waitFor();
        const name = (await remove.innerText()).replace("Remove ", "");
        expect(path).toContain(`${name}=`);
        await remove.click();
        await page.waitForURL(({ searchParams }) => !searchParams.has(name));
        expect(await note.count()).toBe(0);
      });
    }
  });
});

describe("the API's page", () => {
  it("sends requests and shows what comes back", async () => {
    await on("/reference#getMetric", async (page) => {
      await page.locator("#getMetric select[name=name]").selectOption("ratings");
      await page.locator("#getMetric input[name=limit]").fill("1");
      await page.locator("#getMetric button[type=submit]").click();
      await page.locator("#getMetric-answer").getByText("200 GET /api/v1/metrics/ratings?limit=1")
        .waitFor();
      await page.locator("summary", { hasText: "POST /api/v1/events" }).click();
      await page.locator("#sendEvents button[type=submit]").click();
      const sent = page.locator("#sendEvents-answer").getByText('"accepted": 1');
      await sent.waitFor();
      expect(await sent.isVisible()).toBe(true);
    });
  });

  it("runs SQL page by page, and selects the place of a syntax error", async () => {
    await on("/reference#runSql", async (page) => {
      const body = page.locator("#runSql textarea");
      const send = page.locator("#runSql button[type=submit]");
      const answer = page.locator("#runSql-answer");
      await body.fill("SELECT number AS n\nFROM numbers(3) ORDER BY n");
      await page.locator("#runSql input[name=limit]").fill("2");
      await send.click();
      await answer.getByText('"n": 1').waitFor();
      await answer.getByText("Next page").click();
      await answer.getByText('"n": 2').waitFor();
      expect(await answer.getByText("Next page").count()).toBe(0);
      await body.fill("SELECT 'ü🎬', number\nFROM numbers(3) nonsense more");
      await send.click();
      await answer.getByText("at line 2, column 26").waitFor();
      const selected = await body.evaluate((element) => {
        const { value, selectionStart, selectionEnd } = element as HTMLTextAreaElement;
        return value.slice(selectionStart, selectionEnd);
      });
      expect(selected).toBe("more");
    }, ["Failed to load resource: the server responded with a status of 400 (Bad Request)"]);
  });
});

describe("an open page", () => {
  it("says when the server is gone, and goes on by itself when it is back", async () => {
    const { page } = await browser.open(`${world.url}/`);
    page.setDefaultTimeout(40_000);
    await page.locator(".state[data-ready=yes]").waitFor();
    await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }));
    await world.stop();
    await page.getByText("No connection").waitFor();
    await page.getByText("Disconnected, retrying …, as of").waitFor();
    expect(await page.locator(".part-log dl").innerText()).toMatch(/Rate\s+–/);
    await world.start();
    await page.locator(".state[data-ready=yes]").waitFor();
    const before = await numberIn(page, flow("serving"));
    await world.post(world.views(4_000_000_006, 3));
    await rises(page, flow("serving"), before);
    expect(await page.evaluate(() => "sameDocument" in globalThis)).toBe(true);
    await page.context().close();
  });
});
