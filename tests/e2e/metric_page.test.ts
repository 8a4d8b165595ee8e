import type { Locator, Page } from "playwright-core";
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

/** A figure of a page; a dash is 0. */
const figureOf = (text: string) => text === "–" ? 0 : Number(text.replaceAll(",", ""));

/** What a chart's tooltip says. */
async function readTooltip(tooltip: Locator) {
  const values = await tooltip.locator("dd:not(.share)").allInnerTexts();
  return {
    time: await tooltip.locator("b").innerText(),
    names: (await tooltip.locator("dt").allInnerTexts()).map((name) => name.trim()),
    figures: values.map(figureOf),
  };
}

/** A row of the chart's table, by its columns. */
async function tableRow(page: Page, time: string): Promise<Record<string, number>> {
  await page.getByText("View as table").click();
  const heads = await page.locator(".data thead th.number").allInnerTexts();
  const cells = await page.locator(".data tbody tr", { hasText: time }).locator("td")
    .allInnerTexts();
  return Object.fromEntries(heads.map((name, i) => [name, figureOf(cells[i])]));
}

/** The rows of a metric's page. */
const rows = "[aria-labelledby=by-key] tbody tr";

describe("a metric's page", () => {
  it("shows of one answer how much of each bucket is batch and how much is speed", async () => {
    // A late event lies in a bucket that the batch run has counted.
    const late = await world.engine.metric("hourly_stats", {
      bucket: "hour",
      layer: "batch",
      limit: 1,
    });
    const timestamp = String(late.rows[0].bucket);
    const [view, rating] = world.views(4_000_000_010, 2).map((event) => ({ ...event, timestamp }));
    await world.post([view, { ...rating, event_type: "rating", rating: 8 }]);
    const asked: [string, string, string][] = [
      ["popular_movies", "view_count", ""],
      ["ratings", "avg_rating", ", events"],
    ];
    for (const [metric, measure, what] of asked) {
      const question = `layer=merged&measure=${measure}`;
      await on(`/plugins/${metric}?range=all&${question}`, async (page) => {
        await page.locator(".uplot canvas").waitFor();
        const labels = [`Speed${what}`, `Batch${what}`, "Merged"];
        expect(await page.locator(".u-legend .u-label").allInnerTexts()).toEqual(labels);
        await page.getByText("View as table").click();
        expect(await page.locator(".data thead th.number").allInnerTexts()).toEqual(labels);
        const text = (value: number | null) =>
          value?.toLocaleString("en", {
            minimumFractionDigits: Number.isInteger(value) ? 0 : 2,
            maximumFractionDigits: 2,
          }) ?? "–";
        // The metric may take in the late events after the page was made: then the page follows.
        const answer = await eventually("the table has the API's figures", async () => {
          const answer = await fetch(
            `${world.url}/api/v1/metrics/${metric}/series?${question}&max_points=400`,
          ).then((response) => response.json());
          const { time, series: [{ values, batch, speed }] } = answer;
          const shown = await page.locator(".data tbody tr").evaluateAll((rows) =>
            rows.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent))
          );
          expect(shown).toEqual(
            time.map((_: number, i: number) => [speed[i], batch[i], values[i]].map(text)).slice(
              -200,
            ),
          );
          return answer;
        });
        const { time, series: [{ batch, speed }], covered } = answer;
        const both = (i: number) => (batch[i] ?? 0) > 0 && (speed[i] ?? 0) > 0;
        expect(time.some((_: number, i: number) => both(i))).toBe(true);
        const share = (Math.floor(covered.share * 1000) / 10).toFixed(1);
        const until = covered.until.slice(0, 19).replace("T", " ");
        await page.getByText(`Batch covers ${share} % of all records, up to ${until}`).waitFor();
        await page.getByText("The shaded bucket is still filling.").waitFor();
        await page.getByRole("link", { name: "Batch", exact: true }).click();
        await page.waitForURL(/layer=batch/);
        await page.locator(".uplot canvas").waitFor();
        expect(await page.getByText("Batch covers").count()).toBe(0);
      });
    }
  });

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

  it("shows its chart in a time zone, which its URL has and its next visit keeps", async () => {
    const tz = "America/New_York";
    await on("/plugins/popular_movies?range=all&bucket=month", async (page) => {
      await page.locator(".uplot canvas").waitFor();
      expect(await page.locator("figcaption").innerText()).toContain("per month, times in UTC.");
      const zone = page.getByLabel("Time zone");
      await page.locator('#time-zones option[value="Europe/Berlin"]').waitFor({
        state: "attached",
      });
      await zone.fill(tz);
      await page.getByRole("button", { name: "Apply" }).click();
      await page.waitForURL(`**tz=${encodeURIComponent(tz)}**`);
      const caption = page.locator("figcaption", { hasText: "per month, times in" });
      expect(await caption.innerText()).toContain(`times in ${tz}.`);
      await page.getByText("View as table").click();
      // Months begin with a local midnight.
      const times = await page.locator(".data tbody th").allInnerTexts();
      expect(times.length).toBeGreaterThan(0);
      for (const time of times) expect(time).toMatch(/-01 00:00(:00)?$/);
      await eventually(
        "the cookie",
        async () => (await page.context().cookies()).some(({ name }) => name === "tz"),
      );
      await page.goto(`${world.url}/plugins/popular_movies?range=all`);
      expect(new URL(page.url()).searchParams.get("tz")).toBe(tz);
      await page.getByLabel("Time zone").fill("");
      await page.getByRole("button", { name: "Apply" }).click();
      await page.waitForURL("**tz=&**");
      expect(await page.locator("figcaption").innerText()).toContain("times in UTC.");
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

  it("has room for the last date of the time axis", async () => {
    const { page } = await browser.open("about:blank", { viewport: { width: 1280, height: 800 } });
    await page.addInitScript(() => {
      const drawn: [text: string, right: number, width: number][] = [];
      const { fillText } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        const half = this.measureText(text).width / (this.textAlign === "center" ? 2 : 1);
        drawn.push([text, x + half, this.canvas.width]);
        return fillText.call(this, text, x, y);
      };
      Object.assign(globalThis, { drawn });
    });
    await page.goto(`${world.url}/plugins/popular_movies?range=all&layer=merged`);
    await page.locator(".uplot canvas").waitFor();
    const drawn = await page.evaluate(() =>
      (globalThis as unknown as { drawn: [string, number, number][] }).drawn
    );
    const dates = drawn.filter(([text]) => /^\d{4}-\d\d-\d\d$/.test(text));
    expect(dates.length).toBeGreaterThan(2);
    expect(dates.filter(([, right, width]) => right > width)).toEqual([]);
    await page.context().close();
  });

  it("keeps each line's key, colour and values together when the top keys change", async () => {
    await on("/plugins/popular_movies?range=1h&layer=speed&top=3", async (page) => {
      const legend = () =>
        page.locator(".u-legend .u-series").evaluateAll((all) =>
          all.map((each) => ({
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
      // Both at one moment: the next answer may have another order.
      const { heads, labels } = await page.evaluate(() => {
        const texts = (selector: string) =>
          [...document.querySelectorAll(selector)].map((each) => each.textContent);
        return {
          heads: texts(".data thead th.number"),
          labels: texts(".u-legend .u-series .u-label"),
        };
      });
      expect(heads).toEqual(labels);
      const sum = () =>
        page.locator(".data tbody tr").evaluateAll((rows, column) =>
          rows.reduce((sum, row) => {
            const text = row.querySelectorAll("td")[column].textContent ?? "";
            return sum + Number(text.replaceAll(/\D/g, ""));
          }, 0), heads.indexOf("4000000011"));
      await eventually("all views are in that line", sum, (views) => views === 20_000);
    });
  });

  it("takes a range that is dragged over the chart into its URL, keeps it, and resets it", async () => {
    await on("/plugins/popular_movies?range=24h&layer=merged", async (page) => {
      await page.locator(".u-over").scrollIntoViewIfNeeded();
      const box = (await page.locator(".u-over").boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.8, box.y + box.height / 2, { steps: 5 });
      await page.mouse.up();
      await page.waitForURL(/from=/);
      const { searchParams } = new URL(page.url());
      const [from, to] = ["from", "to"].map((name) => searchParams.get(name)!);
      expect(searchParams.get("layer")).toBe("merged");
      // Whole buckets: about a fifth of the 24 hours.
      for (const end of [from, to]) expect(end).toMatch(/T\d\d:00:00\.000Z$/);
      const hours = (Date.parse(to) - Date.parse(from)) / 3_600_000;
      expect([4, 5, 6]).toContain(hours);
      const starts = async () => {
        const details = page.locator(".data");
        if (!await details.evaluate((element) => (element as HTMLDetailsElement).open)) {
          await page.getByText("View as table").click();
        }
        return await page.locator(".data tbody th").allInnerTexts();
      };
      const shown = await starts();
      // Five hours have finer buckets, the newest of which the table lists.
      expect(shown.at(-1)).toBe(
        new Date(Date.parse(to) - 60_000).toISOString().slice(0, 19).replace("T", " "),
      );
      expect(shown[0] >= from.slice(0, 19).replace("T", " ")).toBe(true);
      expect(shown.length).toBeGreaterThanOrEqual(12);
      // New events move it no more than a reload does.
      await world.post(world.views(4_000_000_012, 9000));
      await page.locator(".live[data-connection=live]").waitFor();
      expect(await starts()).toEqual(shown);
      await page.reload();
      expect(await starts()).toEqual(shown);
      await page.getByRole("link", { name: "Reset range" }).click();
      await page.waitForURL((url) => !url.search.includes("from="));
      expect(new URL(page.url()).searchParams.get("range")).toBe("24h");
      expect((await starts()).length).toBeGreaterThan(20);
    });
  });

  it("switches lines off and on by its legend, by click and by key", async () => {
    await on("/plugins/hourly_stats?range=24h&layer=merged&top=3", async (page) => {
      const labels = page.locator(".legend [role=button]");
      await labels.first().waitFor();
      const [first, second] = [labels.nth(0), labels.nth(1)];
      const pressed = () =>
        Promise.all([first, second].map((label) => label.getAttribute("aria-pressed")));
      expect(await pressed()).toEqual(["true", "true"]);
      await first.click();
      expect(await pressed()).toEqual(["false", "true"]);
      await second.focus();
      await page.keyboard.press("Enter");
      expect(await pressed()).toEqual(["false", "false"]);
      await first.focus();
      await page.keyboard.press("Space");
      expect(await pressed()).toEqual(["true", "false"]);
      expect(await first.isVisible()).toBe(true);
      expect(await page.locator("[aria-hidden=true] [role=button]").count()).toBe(0);
    });
  });

  it("shows all lines of the bucket under the mouse, the greatest first, and leaves with it", async () => {
    await on("/plugins/popular_movies?range=24h&layer=merged&top=5", async (page) => {
      const over = page.locator(".u-over");
      await over.scrollIntoViewIfNeeded();
      const box = (await over.boundingBox())!;
      const tooltip = page.locator(".tooltip");
      await page.mouse.move(box.x + box.width - 30, box.y + box.height / 2);
      await tooltip.locator("dt").nth(4).waitFor();
      const { time, names, figures } = await readTooltip(tooltip);
      expect(figures).toEqual(figures.toSorted((a, b) => b - a));
      const cells = await tableRow(page, time.slice(0, 16));
      names.forEach((name, i) => expect(cells[name]).toBe(figures[i]));
      await page.locator(".legend [role=button]", { hasText: names[0] }).click();
      const moved = (await over.boundingBox())!;
      await page.mouse.move(moved.x + moved.width - 31, moved.y + moved.height / 2);
      await tooltip.waitFor();
      expect((await readTooltip(tooltip)).names).toEqual(names.slice(1));
      await page.mouse.move(2, 2);
      await tooltip.waitFor({ state: "detached" });
    });
  });

  it("shows how much of a bucket is batch and how much is speed", async () => {
    await world.post(world.views(4_000_000_020, 3));
    await on("/plugins/popular_movies?range=24h&layer=merged", async (page) => {
      await page.locator(".u-over").waitFor();
      await page.getByRole("group", { name: "Popular movies over time" }).focus();
      const tooltip = page.locator(".tooltip");
      await tooltip.getByText("still filling").waitFor();
      const { names, figures } = await readTooltip(tooltip);
      expect(names).toEqual(["Merged", "Batch", "Speed"]);
      expect(figures[0]).toBe(figures[1] + figures[2]);
      const shares = await tooltip.locator(".share").allInnerTexts();
      expect(shares[0]).toBe("");
      expect(shares.slice(1).map(parseFloat).reduce((a, b) => a + b)).toBeCloseTo(100, 0);
    });
  });

  it("reads its values aloud as the arrow keys move through them", async () => {
    await on("/plugins/ratings?range=24h&layer=merged&measure=rating_count", async (page) => {
      await page.locator(".u-over").waitFor();
      const chart = page.getByRole("group", { name: "over time" });
      const said = page.locator(".chart > [role=status]");
      expect(await said.innerText()).toBe("");
      await chart.focus();
      await said.getByText("still filling").waitFor();
      const newest = await said.innerText();
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("ArrowLeft");
      const { time, figures } = await readTooltip(page.locator(".tooltip"));
      const before = await said.innerText();
      expect(before).toContain(`${time}: Merged ${figures[0].toLocaleString("en")}; Batch`);
      expect(before).not.toBe(newest);
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowLeft");
      const first = await said.innerText();
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowLeft");
      expect(await said.innerText()).toBe(first);
      await page.keyboard.press("Escape");
      await page.locator(".tooltip").waitFor({ state: "detached" });
      expect(await said.innerText()).toBe("");
    });
  });

  it("shows its values to a finger, inside a phone's screen", async () => {
    const { page } = await browser.open(
      `${world.url}/plugins/popular_movies?range=24h&layer=merged&top=10`,
      { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
    );
    const over = page.locator(".u-over");
    await over.scrollIntoViewIfNeeded();
    const box = (await over.boundingBox())!;
    const tooltip = page.locator(".tooltip");
    for (const part of [0.02, 0.5, 0.98]) {
      await page.touchscreen.tap(box.x + box.width * part, box.y + box.height / 2);
      await tooltip.locator("dt").nth(9).waitFor();
      const { x, width } = (await tooltip.boundingBox())!;
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(390);
    }
    const last = await tooltip.locator("b").innerText();
    const finger = await page.context().newCDPSession(page);
    const at = (part: number) => ({
      x: box.x + box.width * part,
      y: box.y + box.height / 2,
    });
    const send = (type: "touchStart" | "touchMove" | "touchEnd", points: object[]) =>
      finger.send("Input.dispatchTouchEvent", { type, touchPoints: points as [] });
    await send("touchStart", [at(0.9)]);
    for (const part of [0.8, 0.6, 0.4]) await send("touchMove", [at(part)]);
    await send("touchEnd", []);
    await eventually(
      "the finger has moved the cursor",
      () => tooltip.locator("b").innerText(),
      (text) => text < last,
    );
    await page.touchscreen.tap(195, 5);
    await tooltip.waitFor({ state: "detached" });
    await page.context().close();
  });

  it("marks batch runs and changes of the plugin, with links to what happened", async () => {
    await on("/plugins/popular_movies?range=24h&layer=merged", async (page) => {
      const marks = page.locator(".marks a");
      await marks.first().focus();
      const label = page.locator(".marks span").first();
      expect(await label.isVisible()).toBe(true);
      // The schedule may have published another run meanwhile.
      expect(await label.innerText()).toMatch(/^(Batch run 1 published|\d batch runs, 1 to \d, )/);
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/runs\?.*#run-movie-viewing-events-\d$/);
      const { hash } = new URL(page.url());
      await page.locator(hash).getByText(`Run ${hash.at(-1)}`, { exact: true }).waitFor();
    });
    const warehouse = world.engine.engine.warehouse;
    await warehouse.command(
      `INSERT INTO batch_runs (topic, run, plugin, status, days, rows, started, finished, version)
SELECT 'movie-viewing-events', 3001 + number, 'ratings', 'published', 1, number,
  now64(3) - 60, now64(3), 1 FROM numbers(50)`,
    );
    await warehouse.command(`INSERT INTO live_generations (topic, plugin, claim, generation, since)
VALUES ('movie-viewing-events', 'ratings', 0, 'v0_00000000', now64(3) - 86400)`);
    await on("/plugins/ratings?range=7d&layer=merged", async (page) => {
      const mark = page.locator("[data-mark=generation] a");
      const text = (await mark.getAttribute("aria-label"))!;
      expect(text).toMatch(/^Plugin changed: generation v1_\w+ answers since /);
      expect(text).toMatch(/; \d+ batch runs, 1 to 3050, the last published /);
      expect(await page.locator(".marks a").count()).toBe(1);
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
      await count.getByText("1 of 1 rows").waitFor();
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
      await count.getByText("1 of 1 rows").waitFor();
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
        expect(new URL(page.url()).searchParams.getAll("compare")).toHaveLength(2);
        expect(await page.locator(rows).count()).toBe(25);
        await page.locator(rows).getByRole("link", { name: `Remove ${titles[0]} from` }).click();
        await page.waitForURL((url) => url.searchParams.getAll("compare").length === 1);
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
