import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
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

/** Opens a page, hands it over, and expects it to have had no other faults. */
async function on(
  path: string,
  look: (page: Page) => Promise<void>,
  expected: readonly string[] = [],
): Promise<void> {
  const { page, faults } = await browser.open(world.url + path);
  page.setDefaultTimeout(40_000);
  try {
    await look(page);
    expect(faults).toEqual(expected);
  } finally {
    await page.context().close();
  }
}

const numberIn = async (page: Page, selector: string) =>
  Number((await page.locator(selector).first().innerText()).replaceAll(/\D/g, ""));

/** The main figure of a part of the diagram. */
const flow = (part: string) => `.part-${part} .main dd`;

/** The rows of a metric's page. */
const rows = "[aria-labelledby=by-key] tbody tr";

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

  it("leads to every other page", async () => {
    await on("/", async (page) => {
      const links = page.locator("nav[aria-label=Pages] a");
      const paths = await links.evaluateAll((all) => all.map((each) => each.getAttribute("href")!));
      expect(paths).toEqual([
        ...["/", "/plugins", "/movies", "/users", "/runs", "/log", "/dead-letters", "/reference"],
      ]);
      for (const path of paths) {
        await page.locator(`nav[aria-label=Pages] a[href="${path}"]`).click();
        await page.waitForURL(world.url + path);
        expect(await page.locator("nav[aria-label=Pages] a[aria-current=page]").count()).toBe(1);
      }
    });
  });
});

describe("a metric's page", () => {
  it("shows the seam between what the batch run covers and what came after", async () => {
    await world.post(world.views(4_000_000_010, 1));
    await on("/plugins/popular_movies?range=all&layer=merged", async (page) => {
      await page.locator(".uplot canvas").waitFor();
      await page.getByText("later events come from the speed layer").waitFor();
      expect(await page.locator(".u-legend .u-label").allInnerTexts())
        .toEqual(["UTC", "Merged", "Batch part"]);
      await page.getByRole("link", { name: "Batch", exact: true }).click();
      await page.waitForURL(/layer=batch/);
      await page.locator(".uplot canvas").waitFor();
      expect(await page.getByText("later events come from").count()).toBe(0);
    });
  });

  it("takes ranges, lines and a custom time, keeps them in its URL, and goes back", async () => {
    await on("/plugins/hourly_stats?range=all", async (page) => {
      await page.getByRole("link", { name: "24 h" }).click();
      await page.waitForURL(/range=24h/);
      await page.getByLabel("Lines").selectOption("3");
      await page.getByRole("button", { name: "Apply", exact: true }).click();
      await page.waitForURL(/top=3/);
      await page.locator(".u-legend .u-series").nth(2).waitFor();
      expect(await page.locator(".u-legend .u-label").allInnerTexts())
        .toEqual(expect.arrayContaining(["view", "rating"]));
      const day = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);
      await page.getByLabel("From (UTC)").fill(`${day}T00:00`);
      await page.getByLabel("To (UTC)").fill(`${day}T06:00`);
      await page.getByRole("button", { name: "Apply", exact: true }).click();
      await page.waitForURL(/from=/);
      await page.getByText("View as table").click();
      const starts = await page.locator(".data tbody th").allInnerTexts();
      expect(starts[0]).toMatch(new RegExp(`^${day} 0`));
      await page.goBack();
      await page.waitForURL(/top=3/);
      await page.goBack();
      await page.waitForURL((url) => !url.search.includes("top=3"));
    });
  });

  it("has its plugin's own island, which moves with what the page shows", async () => {
    await on("/plugins/hourly_stats?range=24h&layer=merged", async (page) => {
      const part = page.locator("section[aria-labelledby=hour-of-day]");
      expect(await part.locator(".names span").count()).toBe(24);
      await part.getByText("View as table").click();
      const hour = new Date().getUTCHours();
      const cell = part.locator("tbody tr", {
        has: page.getByRole("rowheader", { name: String(hour).padStart(2, "0"), exact: true }),
      }).locator("td");
      const before = await cell.innerText();
      await world.post(world.views(1, 500));
      await eventually("the hour's bar moves", () => cell.innerText(), (now) => now !== before);
      await page.getByRole("link", { name: "1 h" }).click();
      await part.getByText("Select at least one day").waitFor();
    });
  });

  it("sorts by a column, pages on, and gives the API's rows as CSV", async () => {
    await on("/plugins/ratings?range=all", async (page) => {
      await page.getByRole("link", { name: "Avg rating" }).click();
      await page.waitForURL(/order=-avg_rating/);
      const cells = await page.locator(`${rows} td:nth-child(4)`).allInnerTexts();
      const ratings = cells.map(Number);
      expect(ratings).toEqual(ratings.toSorted((a, b) => b - a));
      const first = await page.locator(`${rows} td`).first().innerText();
      await page.getByRole("link", { name: "Next page" }).click();
      await page.waitForURL(/after=/);
      expect(await page.locator(rows).count()).toBe(25);
      expect(await page.locator(`${rows} td`).first().innerText()).not.toBe(first);
      await page.getByRole("link", { name: "First page" }).click();
      await page.waitForURL((url) => !url.search.includes("after="));
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "CSV" }).click();
      const file = await (await download).path();
      const lines = (await Deno.readTextFile(file)).trim().split("\r\n");
      const answer = await world.engine.metric("ratings", { limit: 10_000 });
      expect(lines.length).toBe(answer.rows.length + 1);
    });
  });

  it("finds by words of a title and by a key, and says what is none", async () => {
    await on("/plugins/ratings?range=all", async (page) => {
      const find = async (text: string) => {
        await page.getByPlaceholder("Search keys and names").fill(text);
        await page.getByRole("button", { name: "Find" }).click();
        await page.waitForURL(/q=/);
      };
      await find("man of steel");
      await page.locator("tbody").getByText("Man of Steel").waitFor();
      await find(String(MOVIE));
      expect(await page.locator(rows).last().innerText())
        .toContain("Man of Steel");
      await find("no title has these words");
      await page.getByText("No matching rows.").waitFor();
    });
  });

  it("moves its rows as events come", async () => {
    await on("/plugins/popular_movies?range=all&layer=merged", async (page) => {
      await page.locator(".live[data-connection=live]").waitFor();
      const cell = page.locator(`${rows}:has-text("4000000002") td.number`);
      await world.post(world.views(4_000_000_002, 5000));
      await cell.getByText("5,000").waitFor();
      await world.post(world.views(4_000_000_002, 1));
      await cell.getByText("5,001").waitFor();
      expect(await cell.count()).toBe(1);
    });
  });

  it("keeps each line's key, colour and values together when the top keys change", async () => {
    await on("/plugins/popular_movies?range=1h&layer=speed&top=3", async (page) => {
      const legend = () =>
        page.locator(".u-legend .u-series").evaluateAll((all) =>
          all.slice(1).map((each) => ({
            label: each.querySelector(".u-label")!.textContent,
            colour: (each.querySelector(".u-marker") as HTMLElement).style.borderColor,
          }))
        );
      await page.locator(".u-legend .u-series").nth(1).waitFor();
      const before = await legend();
      await world.post(world.views(4_000_000_011, 20_000));
      await page.locator(".u-legend .u-label", { hasText: "4000000011" }).waitFor();
      const after = await legend();
      for (const { label, colour } of before) {
        const again = after.find((line) => line.label === label);
        if (again !== undefined) expect(again.colour).toBe(colour);
      }
      expect(new Set(after.map(({ colour }) => colour)).size).toBe(after.length);
      await page.getByText("View as table").click();
      const heads = await page.locator(".data thead th.number").allInnerTexts();
      expect(heads).toEqual(after.map(({ label }) => label));
      const sum = () =>
        page.locator(".data tbody tr").evaluateAll((rows, column) =>
          rows.reduce((sum, row) => {
            const text = row.querySelectorAll("td")[column].textContent ?? "";
            return sum + Number(text.replaceAll(/\D/g, ""));
          }, 0), heads.indexOf("4000000011"));
      await eventually("all views are in that line", sum, (views) => views === 20_000);
    });
  });

  it("keeps a selected part of the time axis when new values come", async () => {
    await on("/plugins/popular_movies?range=24h&layer=merged", async (page) => {
      await page.locator(".u-over").scrollIntoViewIfNeeded();
      const box = (await page.locator(".u-over").boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2, { steps: 5 });
      await page.mouse.up();
      /** A number that follows from the picture. */
      const axis = () =>
        page.locator(".uplot canvas").evaluate((canvas) =>
          [...(canvas as HTMLCanvasElement).toDataURL()].reduce(
            (sum, char) => (sum * 31 + char.charCodeAt(0)) % 1_000_000_007,
            0,
          )
        );
      const zoomed = await axis();
      await world.post(world.views(4_000_000_012, 9000));
      await page.locator(`${rows}:has-text("4000000012")`).waitFor();
      await eventually("the chart shows the new values", axis, (now) => now !== zoomed);
      // A double click shows all of it again: so it was a part until then.
      const part = await axis();
      await page.locator(".u-over").dblclick();
      await eventually("the whole range is back", axis, (now) => now !== part);
    });
  });

  it("says which range a layer covers that is coarser than what was chosen", async () => {
    await on("/plugins/popular_movies?range=5m&layer=merged", async (page) => {
      await page.getByText("The merged layer answers in units of one hour").waitFor();
    });
    await on("/plugins/popular_movies?range=7d&layer=merged", async (page) => {
      await page.locator(".uplot canvas").waitFor();
      expect(await page.getByText("answers in units of").count()).toBe(0);
    });
  });

  it("refuses a range and a layer that it does not know", async () => {
    for (const query of ["range=fortnight", "layer=middle"]) {
      const response = await fetch(`${world.url}/plugins/ratings?${query}`);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("must be one of");
    }
  });

  it("shows chart and rows of the keys that a search found", async () => {
    await on("/plugins/ratings?range=all&layer=merged&q=man%20of", async (page) => {
      await page.locator(".u-legend .u-series").nth(2).waitFor();
      const labels = (await page.locator(".u-legend .u-label").allInnerTexts()).slice(1);
      const names = await page.locator(`${rows} td:first-child`).allInnerTexts();
      const counts = (await page.locator(`${rows} td.number`).evaluateAll((cells) =>
        cells.map((cell) =>
          (cell as HTMLElement).innerText
        )
      )).filter((_, i) => i % 3 === 0).map((text) => Number(text.replaceAll(/\D/g, "")));
      expect(labels.length).toBeGreaterThan(1);
      expect(names).toEqual(expect.arrayContaining(labels));
      expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    });
  });

  it("tells its declaration and its SQL", async () => {
    await on("/plugins/ratings", async (page) => {
      await page.getByText("plugins/ratings.ts").click();
      await page.getByText("export default definePlugin").waitFor();
      await page.getByText("Batch SQL").click();
      await page.getByText("toStartOfHour(event_time) AS bucket").waitFor();
      expect(await page.getByText("export default definePlugin").isVisible()).toBe(true);
    });
  });
});

describe("movies and users", () => {
  it("are found by a title and by a number", async () => {
    await on("/movies", async (page) => {
      await page.getByPlaceholder("Search titles").fill("man of steel");
      await page.getByRole("button", { name: "Find" }).click();
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
      await page.getByText("A user is a whole number, got none.").waitFor();
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
      expect(await page.locator(".run[open] td").allInnerTexts()).toContain("full");
      expect(await page.locator(".run[open] [data-state=failed]").count()).toBe(0);
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
      expect(await page.locator("tbody tr").count()).toBe(broken.length);
      await page.getByLabel("Field").fill("user_id");
      await page.getByRole("button", { name: "Filter" }).click();
      await page.waitForURL(/field=user_id/);
      expect(await page.locator("tbody tr").count()).toBe(1);
      await page.locator("tbody th a").click();
      await page.locator("h1").waitFor();
      const { line, reason } = broken.find(({ field }) => field === "user_id")!;
      await page.locator(".fault").getByText(reason).waitFor();
      await page.locator("pre").first().getByText(line).waitFor();
      await page.getByText("7b 22 65 76").waitFor();
    });
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
    expect(await page.locator(flow("log")).innerText()).toBe("–");
    await world.start();
    await page.locator(".state[data-ready=yes]").waitFor();
    const before = await numberIn(page, flow("serving"));
    await world.post(world.views(4_000_000_006, 3));
    await rises(page, flow("serving"), before);
    expect(await page.evaluate(() => "sameDocument" in globalThis)).toBe(true);
    await page.context().close();
  });
});
