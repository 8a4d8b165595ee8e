/**
 * Takes pictures of the pages over real ratings, in Chromium. `deno task screenshots [NAME...]` writes
 * those of the documentation, by their files' names, to docs/screenshots/. `deno run -A
 * tools/screenshots.ts --all [NAME...]` writes every page in three sizes and two themes to a temporary
 * folder, to be looked at.
 */
import { join } from "node:path";
import { startBrowser } from "../tests/support/browser.ts";
import { openDashboardWorld } from "../tests/support/dashboard_world.ts";

const documented = join(import.meta.dirname!, "..", "docs", "screenshots");
/** For charts to be drawn and for figures of a rate. */
const SETTLED_MS = 3500;
const ROUNDS = 7;
/** What is watched while the pictures are taken. */
const popular = [770828, 1535108, 1670345, 1457767, 1650554, 1723121];

const desktop = { viewport: { width: 1280, height: 960 } };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
const wide = { viewport: { width: 1920, height: 1080 } };
const dark = { colorScheme: "dark" } as const;

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly options: Parameters<Awaited<ReturnType<typeof startBrowser>>["open"]>[1];
  /** Whether it has all of the page, and not only what the window shows. Default false. */
  readonly fullPage?: boolean;
}

/** The pages by the names of their pictures. */
function pagesOf(letter: { topic: string; partition: number; offset: string }) {
  const metric = "/plugins/popular_movies?range=7d&layer=merged";
  return {
    overview: "/",
    metrics: "/plugins",
    metric,
    movies: "/movies",
    movie: "/movies/770828",
    users: "/users",
    runs: "/runs",
    log: "/log",
    dead_letters: "/dead-letters",
    dead_letter: `/dead-letters/${letter.topic}/${letter.partition}/${letter.offset}`,
    api: "/reference#getMetric",
  };
}

/** The pictures of the documentation. */
function documentedPictures(pages: ReturnType<typeof pagesOf>): Picture[] {
  return [
    ...Object.entries(pages).map(([name, path]) => ({ name, path, options: desktop })),
    { name: "overview_dark", path: pages.overview, options: { ...desktop, ...dark } },
    {
      name: "metric_dark",
      path: "/plugins/hourly_stats?range=7d&layer=merged",
      options: { ...desktop, ...dark },
    },
    { name: "metric_phone", path: pages.metric, options: phone },
  ];
}

/** Every page in every size and theme. */
function allPictures(pages: ReturnType<typeof pagesOf>): Picture[] {
  const every = {
    ...pages,
    metric_lines: "/plugins/ratings?range=24h&top=10&measure=rating_count",
    metric_key: "/plugins/ratings?range=all&movie_id=770828&compare=770828&compare=1535108",
    metric_wrong: "/plugins/ratings?range=fortnight",
    user: "/users/7",
    log_search: "/log?field=movie_id&value=770828",
    record: "/log/movie-viewing-events/0/1",
    sql: "/sql",
    search: "/search?q=steel",
    not_found: "/nothing",
  };
  return Object.entries({ phone, desktop, wide }).flatMap(([size, options]) =>
    Object.entries({ light: {}, dark }).flatMap(([theme, chosen]) =>
      Object.entries(every).map(([name, path]) => ({
        name: `${name}_${size}_${theme}`,
        path,
        options: { ...options, deviceScaleFactor: 1, ...chosen },
        fullPage: true,
      }))
    )
  );
}

async function takePictures(): Promise<void> {
  const [isAll, names] = Deno.args[0] === "--all" ? [true, Deno.args.slice(1)] : [false, Deno.args];
  await using world = await openDashboardWorld({ days: 14 });
  // Of the last hour, too, the batch layer has a part.
  await world.engine.batch();
  const { items: [letter] } = await world.engine.engine.deadLetters.list({});
  const pages = pagesOf(letter);
  const folder = isAll ? await Deno.makeTempDir({ prefix: "twofold_pages_" }) : documented;
  await Deno.mkdir(folder, { recursive: true });
  await using browser = await startBrowser();
  const named = (isAll ? allPictures(pages) : documentedPictures(pages)).filter(({ name }) =>
    names.length === 0 || names.some((wanted) => isAll ? name.startsWith(wanted) : name === wanted)
  );
  for (const { name, path, options, fullPage } of named) {
    const { page } = await browser.open(world.url + path, options);
    for (let at = 0; at < ROUNDS; at++) {
      await world.post(popular.map((movie) => world.views(movie, 1)).flat());
      await new Promise((resolve) => setTimeout(resolve, SETTLED_MS / ROUNDS));
    }
    await page.locator(".live[data-connection=late]").waitFor({ state: "detached" });
    const file = join(folder, `${name}.png`);
    await page.screenshot({ path: file, fullPage });
    await page.context().close();
    console.log(file);
  }
}

await takePictures();
Deno.exit(0);
