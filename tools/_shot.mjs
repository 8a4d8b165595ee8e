import { chromium } from "playwright-core";
const [base, outdir, ...rest] = Deno.args;
const b = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const sizes = { d: [1280, 900], m: [390, 844] };
const pages = rest.length ? rest : [
  "/",
  "/plugins",
  "/plugins/popular_movies",
  "/movies",
  "/runs",
  "/log",
  "/dead-letters",
  "/reference",
];
for (const [n, [w, h]] of Object.entries(sizes)) {
  for (const scheme of ["light", "dark"]) {
    if (n === "m" && scheme === "dark") continue;
    const ctx = await b.newContext({ viewport: { width: w, height: h }, colorScheme: scheme });
    const p = await ctx.newPage();
    for (const path of pages) {
      await p.goto(base + path, { waitUntil: "load" });
      await p.waitForTimeout(1500);
      await p.screenshot({
        path: `${outdir}/${n}-${scheme}-${path.replace(/\W+/g, "_")}.png`,
        fullPage: false,
      });
    }
    await ctx.close();
  }
}
await b.close();
Deno.exit(0);
