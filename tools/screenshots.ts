/**
 * Writes docs/screenshots/: every page over real ratings, in Chromium. Run by
 * `deno task screenshots [NAME...]`; the names are those of the files.
 */
import { join } from "node:path";
import { startBrowser } from "../tests/support/browser.ts";
import { openDashboardWorld } from "../tests/support/dashboard_world.ts";

const folder = join(import.meta.dirname!, "..", "docs", "screenshots");
/** For charts to be drawn and for figures of a rate. */
const SETTLED_MS = 3500;
const ROUNDS = 7;
/** What is watched while the pictures are taken. */
const popular = [770828, 1535108, 1670345, 1457767, 1650554, 1723121];

async function takePictures(): Promise<void> {
  await using world = await openDashboardWorld({ days: 14 });
  const { items: [letter] } = await world.engine.engine.deadLetters.list({});
  const desktop = { viewport: { width: 1280, height: 960 } };
  const dark = { ...desktop, colorScheme: "dark" } as const;
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
  const metric = "/plugins/popular_movies?range=7d&layer=merged";
  const pages = [
    { name: "overview", path: "/", ...desktop },
    { name: "overview_dark", path: "/", ...dark },
    { name: "metrics", path: "/plugins", ...desktop },
    { name: "metric", path: metric, ...desktop },
    { name: "metric_dark", path: "/plugins/hourly_stats?range=7d&layer=merged", ...dark },
    { name: "metric_phone", path: metric, ...phone },
    { name: "movies", path: "/movies", ...desktop },
    { name: "movie", path: "/movies/770828", ...desktop },
    { name: "users", path: "/users", ...desktop },
    { name: "runs", path: "/runs", ...desktop },
    { name: "log", path: "/log", ...desktop },
    { name: "dead_letters", path: "/dead-letters", ...desktop },
    {
      name: "dead_letter",
      path: `/dead-letters/${letter.topic}/${letter.partition}/${letter.offset}`,
      ...desktop,
    },
    { name: "api", path: "/reference#getMetric", ...desktop },
  ];

  await Deno.mkdir(folder, { recursive: true });
  await using browser = await startBrowser();
  const named = pages.filter(({ name }) => Deno.args.length === 0 || Deno.args.includes(name));
  for (const { name, path, ...options } of named) {
    const { page } = await browser.open(world.url + path, options);
    for (let at = 0; at < ROUNDS; at++) {
      await world.post(popular.map((movie) => world.views(movie, 1)).flat());
      await new Promise((resolve) => setTimeout(resolve, SETTLED_MS / ROUNDS));
    }
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await page.context().close();
    console.log(`docs/screenshots/${name}.png`);
  }
}

await takePictures();
Deno.exit(0);
