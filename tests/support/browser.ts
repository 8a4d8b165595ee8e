/** Debian's Chromium for end-to-end tests; every fault that a page has is remembered. */
import type { BrowserContextOptions, Page } from "playwright-core";

/**
 * A page with what went wrong on it: uncaught errors, errors of the console, and what the server
 * answered with 500 and above.
 */
export interface WatchedPage {
  readonly page: Page;
  readonly faults: readonly string[];
}

/** A browser of its own. */
export interface TestBrowser extends AsyncDisposable {
  /** Opens a page in a context of its own, and waits until it is loaded. */
  open(url: string, options?: BrowserContextOptions): Promise<WatchedPage>;
  /** Closes all pages and the browser. */
  close(): Promise<void>;
}

/** Starts Chromium, from where CHROMIUM says; default /usr/bin/chromium. */
export async function startBrowser(): Promise<TestBrowser> {
  // On import it looks for WSL in /proc/sys, which needs all permissions; so it does not look.
  Deno.env.set("__IS_WSL_TEST__", "1");
  const { chromium } = await import("playwright-core");
  const executablePath = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";
  // As root, as in containers, Chromium has no sandbox.
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const close = () => browser.close();
  return {
    close,
    [Symbol.asyncDispose]: close,
    async open(url, options) {
      const page = await (await browser.newContext(options)).newPage();
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error") faults.push(message.text());
      });
      page.on("response", async (response) => {
        if (response.status() < 500) return;
        // A page that closes takes the answer with it.
        const text = await response.text().catch(() => "");
        faults.push(`${response.status()} ${response.url()} ${text}`);
      });
      await page.goto(url);
      return { page, faults };
    },
  };
}
