import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { type DashboardWorld, openDashboardWorld } from "../support/dashboard_world.ts";
import { openedPage } from "../support/opened_page.ts";

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

const on = (path: string, look: (page: Page) => Promise<void>, expected?: readonly string[]) =>
  openedPage(browser, world.url + path, look, expected);
const statement = (page: Page) => page.getByLabel("SQL statement");
const cells = (page: Page) => page.locator("[aria-label=Rows] td").allInnerTexts();

describe("the SQL page", () => {
  it("runs a statement, shows a table, a chart and CSV, and keeps it in the URL", async () => {
    await on("/sql", async (page) => {
      expect(await statement(page).inputValue()).toContain("FROM merged_completed_movies");
      const sql = "SELECT event_type, sum(event_count) AS n FROM merged_hourly_stats\n" +
        "GROUP BY event_type ORDER BY n DESC";
      await statement(page).fill(sql);
      await statement(page).press("Control+Enter");
      await page.locator("[aria-label=Rows] td").first().waitFor();
      const { rows } = await world.engine.engine.sql.query(sql);
      expect(rows.length).toBeGreaterThan(1);
      expect(await cells(page)).toEqual(
        rows.flatMap(({ event_type, n }) => [String(event_type), String(n)]),
      );
      await page.getByRole("button", { name: "Show chart" }).click();
      expect(await page.locator(".distribution rect").count()).toBe(rows.length);
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Download CSV" }).click();
      const csv = await Deno.readTextFile(await (await download).path());
      expect(csv.split("\r\n")[1]).toBe(`${rows[0].event_type},${rows[0].n}`);
      await page.reload();
      expect(await statement(page).inputValue()).toBe(sql);
      expect(await page.locator("[aria-label=Rows]").count()).toBe(0);
      await statement(page).fill("SELECT 1");
      await page.getByText("History (1)").click();
      await page.getByRole("button", { name: /SELECT event_type/ }).click();
      expect(await statement(page).inputValue()).toBe(sql);
    });
  });

  it("names the relations with their columns, which a click inserts", async () => {
    await on("/sql?sql=SELECT%20", async (page) => {
      await page.getByText("merged_popular_movies", { exact: true }).click();
      await statement(page).press("End");
      await page.getByRole("button", { name: "view_count" }).click();
      expect(await statement(page).inputValue()).toBe("SELECT view_count");
      expect(await page.getByText("state_", { exact: false }).count()).toBe(0);
    });
  });

  it("selects the fault, and shows no rows of an earlier statement beside it", async () => {
    await on("/sql", async (page) => {
      await statement(page).fill("SELECT 1");
      await page.getByRole("button", { name: "Run" }).click();
      await page.getByText("1 row in").waitFor();
      await statement(page).fill("SELECT 1\nFROM (");
      await page.getByRole("button", { name: "Run" }).click();
      await page.getByRole("alert").waitFor();
      expect(await page.getByText("1 row in").count()).toBe(0);
      const selected = await statement(page).evaluate((element) => {
        const { value, selectionStart, selectionEnd } = element as HTMLTextAreaElement;
        return value.slice(selectionStart, selectionEnd);
      });
      expect(await page.getByRole("alert").innerText()).toContain("line 2, column 6");
      expect(selected).toBe("(");
    }, ["Failed to load resource: the server responded with a status of 400 (Bad Request)"]);
  });
});
