import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { durationText } from "../../routes/(_parts)/units.ts";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { type DashboardWorld, openDashboardWorld } from "../support/dashboard_world.ts";
import { eventually } from "../support/eventually.ts";
import { openedPage } from "../support/opened_page.ts";

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

/** The rows of a metric's page. */
const rows = "[aria-labelledby=by-key] tbody tr";

describe("a metric's page", () => {
  it("takes ranges, lines and a custom time, keeps them in its URL, and goes back", async () => {
    await on("/plugins/hourly_stats?range=all", async (page) => {
      await page.getByRole("link", { name: "24 h" }).click();
      await page.waitForURL(/range=24h/);
      await page.getByText("Options", { exact: true }).click();
      await page.getByLabel("Lines").selectOption("3");
      await page.getByRole("button", { name: "Apply", exact: true }).click();
      await page.waitForURL(/top=3/);
      await page.locator(".u-legend .u-series").nth(1).waitFor();
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
      const cells = await page.locator(`${rows} td:nth-child(5)`).allInnerTexts();
      const ratings = cells.map(Number);
      expect(ratings).toEqual(ratings.toSorted((a, b) => b - a));
      const first = await page.locator(`${rows} td.name`).first().innerText();
      await page.getByRole("link", { name: "Next page" }).click();
      await page.waitForURL(/after=/);
      expect(await page.locator(rows).count()).toBe(25);
      expect(await page.locator(`${rows} td.name`).first().innerText()).not.toBe(first);
      await page.getByRole("link", { name: "First page" }).click();
      await page.waitForURL((url) => !url.search.includes("after="));
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "CSV" }).click();
      const file = await (await download).path();
      const lines = (await Deno.readTextFile(file)).trim().split("\r\n");
      const answer = await world.engine.metric("ratings", { limit: 10_000 });
      expect(lines.length).toBe(answer.rows.length + 1);
      expect(lines[0]).toContain("title");
      // Titles stand where the keys would: their order is not that of the keys.
      expect(await page.getByRole("link", { name: "Movie", exact: true }).count()).toBe(0);
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

  it("shows figures in their units, with all digits at hand", async () => {
    await on("/plugins/user_stats?range=all&measure=avg_duration", async (page) => {
      const cell = page.locator(`${rows} td[title$=" seconds"]`).first();
      const seconds = Number((await cell.getAttribute("title"))!.replace(" seconds", ""));
      expect(seconds).toBeGreaterThan(0);
      expect((await cell.innerText()).trim()).toBe(durationText(seconds));
      expect(await page.locator(".axis-name").innerText()).toBe("Avg duration");
    });
    await on("/plugins/ratings?range=all&measure=avg_rating", async (page) => {
      expect(await page.locator(".axis-name").innerText()).toBe("Avg rating, stars");
      const heads = await page.locator("[aria-labelledby=by-key] th .unit").allInnerTexts();
      expect(heads).toEqual(["stars", "stars"]);
    });
  });

  it("filters chart, rows and CSV by a row that is clicked, and counts what matches", async () => {
    await on("/plugins/popular_movies?range=all&layer=merged", async (page) => {
      const { rows: all } = await world.engine.metric("popular_movies", { limit: 10_000 });
      const count = page.locator("[aria-labelledby=by-key] .hint");
      const counted = (rows: number) => count.getByText(`25 of ${rows.toLocaleString("en")} rows`);
      await counted(all.length).waitFor();
      await page.getByRole("link", { name: "Next page" }).click();
      await page.waitForURL(/after=/);
      await counted(all.length).waitFor();
      const row = page.locator(rows).nth(2);
      const name = await row.locator("td.name a").first().innerText();
      const views = await row.locator("td.number").innerText();
      await row.locator("td.number").click();
      await page.waitForURL(/movie_id=\d+/);
      expect(page.url()).not.toContain("after=");
      await count.getByText("1 row", { exact: true }).waitFor();
      expect(await page.locator(`${rows} td.number`).innerText()).toBe(views);
      await page.locator(".u-over").waitFor();
      await page.getByText("View as table").click();
      const merged = await page.locator(".data tbody td:last-child").allInnerTexts();
      const sum = merged.reduce((all, text) => all + Number(text.replaceAll(/\D/g, "")), 0);
      expect(sum).toBe(Number(views));
      expect(await page.getByRole("link", { name: "CSV" }).getAttribute("href"))
        .toMatch(/[?&]movie_id=\d+/);
      await page.getByRole("link", { name: `Remove Movie id: ${name}` }).click();
      await counted(all.length).waitFor();
      await page.locator(`${rows} td.name a`).first().focus();
      await page.keyboard.press("Enter");
      await page.waitForURL(/movie_id=\d+/);
      await world.post(world.views(4_000_000_021, 1));
      await count.getByText("1 row", { exact: true }).waitFor();
      await page.goto(`${world.url}/plugins/popular_movies?range=all&layer=merged`);
      await counted(all.length + 1).waitFor();
      await world.post(world.views(4_000_000_022, 1));
      await counted(all.length + 2).waitFor();
    });
  });

  it("compares keys of rows in its chart, without filtering the rows", async () => {
    for (const metric of ["popular_movies", "rating_stars"]) {
      await on(`/plugins/${metric}?range=all&layer=merged`, async (page) => {
        const add = page.getByRole("link", { name: /^Compare .* in the chart$/ });
        const titles: string[] = [];
        for (const i of [1, 0]) {
          const title = (await add.nth(i).getAttribute("aria-label"))!;
          titles.push(title.replace(/^Compare (.*) in the chart$/, "$1"));
          await add.nth(i).click();
          await page.getByText(`In the chart: ${titles.at(-1)}`).waitFor();
        }
        const labels = page.locator(".u-legend .u-label");
        await labels.nth(1).waitFor();
        expect(await labels.allInnerTexts()).toEqual(titles);
        expect(new URL(page.url()).searchParams.getAll("chart_key")).toHaveLength(2);
        expect(await page.locator(rows).count()).toBe(25);
        await page.locator(rows).getByRole("link", { name: `Remove ${titles[0]} from` }).click();
        await page.waitForURL((url) => url.searchParams.getAll("chart_key").length === 1);
        await labels.first().waitFor();
        expect(await labels.allInnerTexts()).toEqual(titles.slice(1));
      });
    }
  });

  it("says which range a layer covers that is coarser than what was chosen", async () => {
    await on("/plugins/popular_movies?range=5m&layer=batch", async (page) => {
      await page.getByText("In units of 1 h, chart and rows cover").waitFor();
    });
    const day = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);
    const custom = `from=${day}T06:30&to=${day}T08:15`;
    await on(`/plugins/popular_movies?layer=batch&${custom}`, async (page) => {
      const covered = `cover the time from ${day} 06:00:00 up to ${day} 09:00:00 UTC`;
      await page.getByText(covered).waitFor();
      await page.getByText("View as table").click();
      expect(await page.locator(".data tbody th").allInnerTexts())
        .toEqual(["06", "07", "08"].map((hour) => `${day} ${hour}:00:00`));
    });
    await world.post(world.views(4_000_000_023, 1));
    for (const query of ["range=5m", `layer=merged&${custom}`]) {
      await on(`/plugins/popular_movies?${query}`, async (page) => {
        await page.locator(".uplot canvas").waitFor();
        expect(await page.getByText("chart and rows cover").count()).toBe(0);
      });
    }
  });

  it("says in the part that cannot answer which parameter is wrong, and drops it", async () => {
    const both = [".chart", "[aria-labelledby=by-key]"];
    const questions: [query: string, says: string, parts: string[]][] = [
      ["range=fortnight", "range must be one of 5m, 15m, 1h, 6h, 24h, 7d, 30d, 1y, all", both],
      ["layer=middle", 'layer must be one of merged, batch, speed, got "middle"', both],
      ["from=noon", 'from must be an instant such as 2024-03-01T18:00Z, got "noon"', both],
      ["measure=luck", "measure must be one of", [".chart"]],
      ["top=many", "top must be a whole number", [".chart"]],
      ["order=luck", "order must be one of", ["[aria-labelledby=by-key]"]],
      ["after=there", "after", ["[aria-labelledby=by-key]"]],
      ["stars=lots&layer=merged", "stars must be", both],
    ];
    for (const [query, says, parts] of questions) {
      const metric = query.startsWith("stars") ? "rating_stars" : "ratings";
      await on(`/plugins/${metric}?${query}`, async (page) => {
        for (const part of parts) {
          const note = page.locator(`${part} .fault`);
          expect(await note.innerText()).toContain(says);
        }
        expect(await page.locator(".fault").count()).toBe(parts.length);
        // It stays when the page reads its data again.
        await page.locator(".live[data-connection=live]").waitFor();
        expect(await page.locator(".fault").count()).toBe(parts.length);
        const name = query.replace(/=.*/, "");
        await page.getByRole("link", { name: `Remove ${name}` }).first().click();
        await page.waitForURL((url) => !url.searchParams.has(name));
        await page.locator(rows).first().waitFor();
        expect(await page.locator(".fault").count()).toBe(0);
      });
    }
  });

  it("shows chart and rows of the keys that a search found", async () => {
    await on("/plugins/ratings?range=all&layer=merged&q=man%20of", async (page) => {
      await page.locator(".u-legend .u-series").nth(1).waitFor();
      const labels = await page.locator(".u-legend .u-label").allInnerTexts();
      const names = await page.locator(`${rows} td.name a:first-child`).allInnerTexts();
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

describe("a metric", () => {
  it("is paused and resumed on its page", async () => {
    await on("/plugins/user_stats?range=all", async (page) => {
      const send = async (summary: string, button: string) => {
        await page.getByText(summary, { exact: true }).click();
        await page.getByLabel("Your name").fill("ada");
        await page.getByRole("button", { name: button }).click();
      };
      await send("Pause or rebuild this metric", "Pause metric");
      await page.getByText(/Metric user_stats was paused at .* by ada/).first().waitFor();
      expect(await page.locator(rows).count()).toBeGreaterThan(1);
      await page.getByText("Resume or drop this metric").click();
      page.once("dialog", (dialog) => dialog.dismiss());
      await page.getByRole("button", { name: "Drop tables" }).click();
      await page.getByLabel("Your name").fill("ada");
      await page.getByRole("button", { name: "Resume metric" }).click();
      await page.getByText("Pause or rebuild this metric").waitFor();
      expect(await page.getByText("was paused at").count()).toBe(0);
    });
  });

  it("is rebuilt on its page, which says beforehand what that reads", async () => {
    await on("/plugins/user_stats?range=all", async (page) => {
      await page.getByText("Pause or rebuild this metric").click();
      const rebuild = async (answer: "accept" | "dismiss") => {
        const asked = page.waitForEvent("dialog").then(async (dialog) => {
          await dialog[answer]();
          return dialog.message();
        });
        await page.getByRole("button", { name: "Rebuild …" }).click();
        return await asked;
      };
      const all = await rebuild("dismiss");
      expect(all).toMatch(
        /^Rebuild user_stats\? This reads [\d,]+ events, .* of \d+ days\./,
      );
      await page.getByLabel("Last day").fill("1970-01-01");
      // Days with new events come along.
      expect(await rebuild("dismiss")).not.toBe(all);
      await page.getByLabel("Last day").fill("");
      expect(await rebuild("accept")).toBe(all);
      await page.getByText(/^Rebuilt \d+ days? as run \d+\.$/).waitFor();
    });
  });
});
