import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { type DashboardWorld, openDashboardWorld } from "../support/dashboard_world.ts";
import { eventually } from "../support/eventually.ts";
import { openedPage } from "../support/opened_page.ts";

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
describe("a metric's chart", () => {
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
    await world.post([4_000_000_012, 4_000_000_013].flatMap((movie) => world.views(movie, 10)));
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
});
