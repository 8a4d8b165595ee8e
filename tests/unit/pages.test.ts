import { describe, expect, it } from "testing";
import { createApp } from "../../routes/app.ts";
import { NotReadyError, UnansweredRangeError, UserError } from "../../runtime/std/errors.ts";
import type { EventRange, MetricInfo, Services, Status } from "../../runtime/ports/services.ts";
import { fakeServices } from "../support/fake_services.ts";
import { moviesInfo, someStatus } from "../support/sample_answers.ts";
import { served } from "../support/served_head.ts";
import { loadSite } from "../support/site.ts";
import { problemOf } from "../support/problem.ts";

async function ask(path: string, over: Partial<Services> = {}, init: RequestInit = {}) {
  const app = createApp(fakeServices(over), await loadSite(), { report: () => {} });
  const response = await app.fetch(new Request(`http://localhost${path}`, init));
  return { response, status: response.status, headers: response.headers };
}

async function page(path: string, over: Partial<Services> = {}) {
  const { response, status, headers } = await ask(path, over);
  return { text: await response.text(), status, headers };
}

const emptyStatus = {
  ...someStatus,
  topics: [{ topic: "movies", log: "local-1", redecoding: null, partitions: [] }],
  plugins: [],
};

/** Every page over the fakes, which have one metric of movies and no other plugin of the example. */
const paths = [
  "/",
  "/plugins",
  "/plugins/popular_movies",
  "/runs",
  "/log",
  "/dead-letters",
  "/log/movies/0/1",
  "/dead-letters/movies/0/5",
  "/sql?sql=SELECT+2",
  "/reference",
];

describe("every page", () => {
  it.each(paths)("%s is whole without a script and under a strict policy", async (path) => {
    const { text, status, headers } = await page(path);
    expect(status).toBe(200);
    expect(text).toMatch(/^<!doctype html><html lang="en">/);
    expect(text.match(/<h1>/g)).toHaveLength(1);
    expect(text).toMatch(/<title>[^<]+ · Twofold<\/title>/);
    const nonce = /script-src 'nonce-(\w+)';/.exec(headers.get("content-security-policy") ?? "");
    expect(text).not.toMatch(/<style| style=| on[a-z]+="/);
    const scripts = [...text.matchAll(/<script[^>]*>/g)].map(([tag]) => tag);
    for (const tag of scripts) {
      expect(tag.includes("application/json") || tag.includes(`nonce="${nonce?.[1]}"`)).toBe(true);
    }
    expect(headers.get("cache-control")).toBe("no-store");
  });

  it("is in the theme that the reader chose", async () => {
    const { response } = await ask("/", {}, { headers: { cookie: "a=b; theme=dark" } });
    expect(await response.text()).toContain('<html lang="en" data-theme="dark">');
    const other = await ask("/", {}, { headers: { cookie: "theme=x" } });
    expect(await other.response.text()).toContain('<html lang="en">');
  });

  it("answers with a page for what there is not", async () => {
    for (const path of ["/nothing", "/plugins/none", "/movies", "/users/7"]) {
      const { text, status } = await page(path);
      expect([path, status]).toEqual([path, 404]);
      expect(text).toContain("Page not found");
    }
  });
});

describe("the first page", () => {
  it("shows the figures and the first rows without a script", async () => {
    const { text } = await page("/");
    expect(text).toContain("12,345");
    expect(text).toContain('href="/plugins/popular_movies"');
    expect(text).toMatch(/>lag in records<\/button><\/dt><dd>10<\/dd>/);
  });

  it("shows problems plainly and escapes what it is told", async () => {
    const problems = [problemOf("the disk is full <script>")];
    const { text } = await page("/", {
      status: () => Promise.resolve({ ...someStatus, ready: false, problems }),
    });
    expect(text).toContain("<li>the disk is full &lt;script");
    expect(text).not.toContain("full <script>");
  });

  it("says what to do next where the log is empty or no run was made", async () => {
    const { text } = await page("/", { status: () => Promise.resolve(emptyStatus) });
    expect(text).toContain("deno task dev");
    const plugins = someStatus.plugins.map((plugin) => ({ ...plugin, run: null }));
    const unrun = await page("/", { status: () => Promise.resolve({ ...someStatus, plugins }) });
    expect(unrun.text).toContain("No batch run yet");
  });

  it("stands when the status and the metrics cannot be read", async () => {
    const { serving } = fakeServices();
    const fault = new NotReadyError("a batch run is due");
    const { text } = await page("/", {
      status: () => Promise.reject(new Error("secret")),
      serving: { ...serving, query: () => Promise.reject(fault) },
    });
    expect(text).toContain("The status is not available.");
    expect(text).toContain("a batch run is due");
    expect(text).not.toContain("secret");
  });

  it("gives the same as JSON", async () => {
    const { response } = await ask("/overview.json");
    const { cards, status } = await response.json();
    expect(cards[0].answer.rows[0].view_count).toBe(12345);
    expect(status.version).toBe("1.0.0");
  });
});

describe("the dead letters", () => {
  it("are grouped by reason, and can be exported as they are filtered", async () => {
    const { text } = await page("/dead-letters?field=rating&partition=0&after=x");
    expect(text).toContain("?field=rating&amp;partition=0&amp;reason=rating+must+be+at+most+10");
    expect(text).toContain(">1,200</td>");
    const exported = "/api/v1/dead-letters/export?partition=0&amp;field=rating&amp;as=";
    expect(text).toContain(`href="${exported}csv"`);
    expect(text).toContain(`href="${exported}ndjson"`);
  });

  it("show who redrove them, and as which event", async () => {
    const { text } = await page("/dead-letters/movies/0/5");
    expect(text.replaceAll(/<[^>]+>/g, "")).toContain(
      "2024-01-02 00:00:00 by ada with {&quot;rating&quot;:10}, as event e5",
    );
  });

  it("name their topic, and can be filtered by it, where there are several", async () => {
    const one = await page("/dead-letters");
    expect(one.text).toContain(">0/5</a>");
    expect(one.text).not.toContain('name="topic"');
    const topics = [...someStatus.topics, { ...someStatus.topics[0], topic: "visits" }];
    const several = await page("/dead-letters?topic=visits", {
      status: () => Promise.resolve({ ...someStatus, topics }),
    });
    expect(several.text).toContain(">movies/0/5</a>");
    expect(several.text).toMatch(/<option selected[^>]*>visits<\/option>/);
  });
});

describe("a metric's page", () => {
  it("asks as the URL says", async () => {
    const services = fakeServices();
    const app = createApp(services, await loadSite(), { report: () => {} });
    const url = "http://localhost/plugins/popular_movies?range=all&layer=batch&order=movie_id&q=7";
    const response = await app.fetch(new Request(url));
    const text = await response.text();
    expect(services.asked.query).toMatchObject({
      metric: "popular_movies",
      query: { layer: "batch", order: "movie_id", limit: "25", keys: { movie_id: "7" } },
    });
    expect(text).toMatch(/aria-current="true">Batch</);
    expect(text).toContain("export default 1;");
    expect(text).toContain("SELECT 1");
  });

  it("takes no range that only every object has", async () => {
    for (const range of ["constructor", "toString", "__proto__"]) {
      const { status, text } = await page(`/plugins/popular_movies?range=${range}`);
      expect(status).toBe(200);
      expect(text).toContain("range must be one of 5m, 15m");
      expect(text).toContain(">Remove range</a>");
    }
  });

  it("rounds a custom time to the window and says what a question has wrong", async () => {
    const { serving } = fakeServices();
    const asked: string[] = [];
    const { text } = await page("/plugins/popular_movies?from=2024-01-01T10:30:07&order=none", {
      serving: {
        ...serving,
        query(_metric, { from, order }) {
          asked.push(`${from}`);
          return Promise.reject(new UserError(`order must be movie_id, got "${order}"`));
        },
      },
    });
    expect(asked).toEqual(["2024-01-01T10:30:00.000Z"]);
    expect(text).toContain("order must be movie_id, got &quot;none&quot;");
  });

  it("shows the nearest range where windows are gone, and says which it is", async () => {
    const { serving } = fakeServices();
    const nearest = { from: "2024-01-01T10:00:00Z", to: "2024-01-01T11:00:00Z" };
    const asked: string[] = [];
    const answered = <Answer>({ from, to }: EventRange, answer: Promise<Answer>) => {
      asked.push(`${from} ${to}`);
      const refused = new UnansweredRangeError("no windows", { field: "from", nearest });
      return from === nearest.from ? answer : Promise.reject(refused);
    };
    const { text } = await page(
      "/plugins/popular_movies?from=2024-01-01T10:30&to=2024-01-01T10:40",
      {
        serving: {
          ...serving,
          query: (name, query) => answered(query as EventRange, serving.query(name, query)),
          series: (name, query) => answered(query as EventRange, serving.series(name, query)),
        },
      },
    );
    const own = "2024-01-01T10:30:00.000Z 2024-01-01T10:40:00.000Z";
    const found = `${nearest.from} ${nearest.to}`;
    expect(asked).toEqual([own, own, found, found]);
    expect(text).toContain(
      "The speed layer no longer has all windows of this range: chart and rows cover the time " +
        "from 2024-01-01 10:00:00 up to 2024-01-01 11:00:00 UTC.",
    );
    const [, link] = /href="([^"]+)" download/.exec(text)!;
    expect(new URLSearchParams(link.split("?")[1].replaceAll("&amp;", "&")).get("from"))
      .toBe(nearest.from);
  });

  it("pages through the rows of one range, however long that takes", async () => {
    const { serving } = fakeServices();
    const asked: (string | undefined)[][] = [];
    const over: Partial<Services> = {
      serving: {
        ...serving,
        async query(name, query) {
          asked.push([query.from, query.to, query.after]);
          return { ...await serving.query(name, query), next: "abc" };
        },
      },
    };
    const { text } = await page("/plugins/popular_movies?range=5m", over);
    const [, next] = /href="(\?[^"]+)" rel="next"/.exec(text)!;
    const until = /until=(\d{4}-[^&]+)/.exec(next)![1];
    const earlier = next.replaceAll("&amp;", "&").replace(until, "2024-01-01T10:30:07Z");
    const second = await page(`/plugins/popular_movies${earlier}`, over);
    expect(asked[1]).toEqual(["2024-01-01T10:25:00.000Z", "2024-01-01T10:30:10.000Z", "abc"]);
    expect(/href="(\?[^"]+)">First page/.exec(second.text)![1]).not.toContain("until");
  });

  it("says beside its figures what the speed layer counts alone", async () => {
    const { serving } = fakeServices();
    const speed_ranges = [
      { from: "2024-01-01T10:30:00Z", to: "2024-01-01T11:00:00Z" },
      { from: "2024-01-01T12:00:00Z", to: null },
    ];
    const { text } = await page("/plugins/popular_movies", {
      serving: {
        ...serving,
        series: async (name, query) => ({ ...await serving.series(name, query), speed_ranges }),
      },
    });
    expect(text).toContain(
      "The speed layer alone counts the time from 2024-01-01 10:30:00 up to 2024-01-01 11:00:00 " +
        "and from 2024-01-01 12:00:00 UTC, finer than the grain of 1 h.",
    );
  });
});

describe("the page of a metric of a finer grain", () => {
  const { serving } = fakeServices();
  const info: MetricInfo = {
    ...moviesInfo,
    grain: "5minute",
    grain_seconds: 300,
    layers: { ...moviesInfo.layers, batch: ["5minute", "15minute", "hour", "day", "all"] },
  };
  const over = { serving: { ...serving, metrics: () => [info] } };
  const shown = async (query: string) =>
    (await page(`/plugins/popular_movies?${query}`, over)).text;

  it("is merged for spans of any length", async () => {
    expect(await shown("range=1h")).toMatch(/aria-current="true">Merged</);
    expect(await shown("range=5m")).toMatch(/aria-current="true">Merged</);
  });

  it("names the grain, offers its buckets and widens a custom time to it", async () => {
    const text = await shown("from=2024-01-01T10:32&to=2024-01-01T10:41&layer=batch");
    expect(text).toMatch(/>Grain<\/button><\/dt><dd[^>]*>5 min</);
    const [, options] = /<select name="bucket">(.*?)<\/select>/.exec(text)!;
    const titles = [...options.matchAll(/value="(\w+)"[^>]*>([^<]+)</g)].map(([, ...of]) => of);
    expect(titles).toEqual([
      ["5minute", "5 minutes"],
      ["15minute", "15 minutes"],
      ["hour", "Hour"],
      ["day", "Day"],
    ]);
    expect(text).toContain(
      "In units of 5 min, chart and rows cover the time from 2024-01-01 10:30:00",
    );
  });
});

describe("a metric that is not answered for all time", () => {
  const watermark = "2013-09-01T12:34:56.000Z";
  const status = {
    ...emptyStatus,
    topics: [{ ...emptyStatus.topics[0], partitions: [{ watermark }] }],
  } as unknown as Status;
  const asked: (string | undefined)[] = [];
  const { serving } = fakeServices();
  const over: Partial<Services> = {
    status: () => Promise.resolve(status),
    serving: {
      ...serving,
      metrics: () => [{ ...moviesInfo, needs_from: true }],
      query(metric, question) {
        asked.push(question.from);
        return serving.query(metric, question);
      },
    },
  };

  it("is shown for the year up to its newest event", async () => {
    const { text } = await page("/plugins/popular_movies", over);
    expect(asked.splice(0)).toEqual(["2012-09-01T00:00:00.000Z"]);
    expect(text).toContain('name="from" value="2012-09-01T00:00"');
    expect(text).not.toContain(">All<");
    await page("/plugins/popular_movies?range=all", over);
    await page("/plugins/popular_movies?to=2010-01-01T00:00", over);
    await page("/plugins/popular_movies?from=2011-01-01T00:00", over);
    expect(asked.splice(0).map((from) => from?.slice(0, 10)))
      .toEqual(["2012-09-01", "2009-01-01", "2011-01-01"]);
  });

  it("says on the overview since when its events count", async () => {
    const { text } = await page("/", over);
    expect(asked.splice(0)).toEqual(["2012-09-01"]);
    expect(text).toContain(", since 2012-09-01");
  });
});

describe("a HEAD", () => {
  const paths = ["/", "/overview.json", "/style.css", "/metrics", "/healthz", "/api/v1/status"];
  it.each([
    ...[...paths, "/nothing", "/api/v1/nothing", "/api/v1/openapi.json"].map((
      path,
    ) => [path, true]),
    ...["/metrics", "/api/v1/openapi.json", "/api/v1/nothing"].map((path) => [path, false]),
  ] as [string, boolean][])(
    "of %s tells the length of a GET or none, pages: %s",
    async (path, has) => {
      const app = createApp(fakeServices(), has ? await loadSite() : null, { report: () => {} });
      await using world = served((request) => app.fetch(request));
      for (const encoding of ["identity", "gzip"]) {
        const headers = { "accept-encoding": encoding };
        const get = await fetch(world.url + path, { headers });
        const sent = get.headers.get("content-length");
        await get.body?.cancel();
        const head = await world.head(path, headers);
        expect([head.status, head.text]).toEqual([get.status, ""]);
        if (head.length !== null) expect([encoding, head.length]).toEqual([encoding, sent]);
      }
    },
  );

  it("of what is not compressed tells the length", async () => {
    const app = createApp(fakeServices(), await loadSite(), { report: () => {} });
    await using world = served((request) => app.fetch(request));
    for (const path of ["/", "/overview.json", "/style.css", "/healthz"]) {
      const { length } = await world.head(path, { "accept-encoding": "identity" });
      expect([path, Number(length) > 10]).toEqual([path, true]);
    }
  });

  it("of a live question has no length", async () => {
    const app = createApp(fakeServices(), await loadSite(), { report: () => {} });
    await using world = served((request) => app.fetch(request));
    const { status, length } = await world.head("/api/v1/metrics/popular_movies/live");
    expect([status, length]).toEqual([200, null]);
  });
});

describe("createApp()", () => {
  it("serves the static files with their types", async () => {
    for (
      const [name, type] of [
        ["style.css", "text/css"],
        ["parts.css", "text/css"],
        ["icon.svg", "image/svg+xml"],
      ]
    ) {
      const { response, status, headers } = await ask(`/${name}`);
      expect([status, headers.get("content-type")]).toEqual([200, expect.stringContaining(type)]);
      await response.body?.cancel();
      const known = { "if-none-match": headers.get("etag")! };
      expect((await ask(`/${name}`, {}, { headers: known })).status).toBe(304);
    }
  });

  it("serves nothing else from the folder or above it", async () => {
    for (const path of ["/none.css", "/..%2fdeno.json", "/%2e%2e/deno.json", "/static/style.css"]) {
      const { response, status } = await ask(path);
      expect([path, status]).toEqual([path, 404]);
      await response.body?.cancel();
    }
  });

  it("serves the API with its own policy, and problem details for what it has not", async () => {
    const api = await ask("/api/v1/status");
    expect(api.headers.get("content-security-policy")).toMatch(/^default-src 'none'/);
    await api.response.body?.cancel();
    const nothing = await ask("/api/nothing");
    expect([nothing.status, nothing.headers.get("content-type")])
      .toEqual([404, "application/problem+json"]);
    await nothing.response.body?.cancel();
    const broken = await ask("/api/v1/metrics/%E0%A4%A");
    expect([broken.status, broken.headers.get("content-type")])
      .toEqual([404, "application/problem+json"]);
    await broken.response.body?.cancel();
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      const { response, status } = await ask(path);
      expect([path, status]).toEqual([path, 200]);
      await response.body?.cancel();
    }
  });
});
