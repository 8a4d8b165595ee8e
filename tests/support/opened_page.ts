/** Pages of a dashboard in a browser. */
import type { Page } from "playwright-core";
import { expect } from "testing";
import type { TestBrowser } from "./browser.ts";

/** Opens a page, hands it over, and expects it to have had no other faults than those. */
export async function openedPage(
  browser: TestBrowser,
  url: string,
  look: (page: Page) => Promise<void>,
  expected: readonly string[] = [],
): Promise<void> {
  const { page, faults } = await browser.open(url);
  page.setDefaultTimeout(40_000);
  try {
    await look(page);
    expect(faults).toEqual(expected);
  } finally {
    await page.context().close();
  }
}
