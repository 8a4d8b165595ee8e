import { describe, expect, it } from "testing";
import { createApp } from "../../routes/app.ts";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import type { Problem } from "../../runtime/model/problems.ts";
import type { MetricAnswer, PluginStatus, Services } from "../../runtime/ports/services.ts";
import { LiveQuestions } from "../../runtime/serving/live.ts";
import { api } from "../support/asked_api.ts";
import { fakeServices } from "../support/fake_services.ts";
import { moviesAnswer, moviesSeries, someStatus } from "../support/sample_answers.ts";
import { fakeWorld } from "../support/fake_world.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { loadSite } from "../support/site.ts";

const problem = (part: Partial<Problem> = {}): Problem => ({
  code: "drift",
  subject: "plugin popular_movies",
  message: "Plugin popular_movies: speed and batch layer differ by 7",
  since: "2024-01-01T00:00:00.000Z",
  blocking: false,
  plugin: "popular_movies",
  ...part,
});

/** Services whose metric and status have problems. */
function troubled(problems: readonly Problem[]): Partial<Services> {
  const { serving } = fakeServices();
  return {
    serving: {
      ...serving,
      query: () => Promise.resolve({ ...moviesAnswer, problems }),
      series: () => Promise.resolve({ ...moviesSeries, problems }),
    },
    status: () => Promise.resolve({ ...someStatus, problems }),
  };
}

describe("a problem that stands", () => {
  it("is in a metric's rows and series", async () => {
    const { ask } = api(troubled([problem()]));
    for (const path of ["", "/series"]) {
      const { body } = await ask(`/api/v1/metrics/popular_movies${path}`);
      expect(body.problems).toEqual([problem()]);
    }
  });

  it("is in the header of CSV, each code once, and no header stands without one", async () => {
    const problems = [problem(), problem({ subject: "x" }), problem({ code: "flush_failing" })];
    const csv = "/api/v1/metrics/popular_movies?format=csv";
    const { response } = await api(troubled(problems)).ask(csv);
    expect(response.headers.get("x-twofold-problems")).toBe("drift, flush_failing");
    const well = await api().ask(csv);
    expect(well.response.headers.has("x-twofold-problems")).toBe(false);
  });

  it("is in /metrics by code, with the time of the oldest", async () => {
    const problems = [
      problem({ subject: "plugin b", since: "2024-01-01T00:00:20.000Z" }),
      problem({ since: "2024-01-01T00:00:10.000Z" }),
    ];
    const { text } = await api(troubled(problems)).ask("/metrics");
    const seconds = Date.parse("2024-01-01T00:00:10Z") / 1000;
    expect(text).toContain(`twofold_problem_since_seconds{code="drift"} ${seconds}\n`);
    expect(text).toContain("twofold_problems 2\n");
  });

  it("is on the first page and on the metric's page", async () => {
    const app = createApp(fakeServices(troubled([problem()])), await loadSite(), {});
    for (const path of ["/", "/plugins/popular_movies"]) {
      const text = await (await app.fetch(new Request(`http://localhost${path}`))).text();
      expect(text).toContain("speed and batch layer differ by 7");
      expect(text).toContain("Since 2024-01-01 00:00:00 UTC.");
    }
  });

  it("shows what fails by it on the pages of all that fail, and in `twofold status`", async () => {
    const affects = [
      { code: "flush_failing" as const, subject: "views", topic: someStatus.topics[0].topic },
      { code: "batch_plugin_failing" as const, subject: "plugin popular_movies" },
    ];
    const { plugin: _, ...unreached } = problem({ code: "part_unreached", affects });
    const { serving } = fakeServices();
    const services = {
      ...troubled([unreached]),
      serving: { ...serving, query: () => Promise.reject(new Error("broken")) },
    };
    const words = "flush_failing (views), batch_plugin_failing (plugin popular_movies)";
    const app = createApp(fakeServices(services), await loadSite(), { report: () => {} });
    for (const path of ["/", "/plugins/popular_movies"]) {
      const text = await (await app.fetch(new Request(`http://localhost${path}`))).text();
      expect(text).toContain(`Affects ${words}.`);
    }
    const world = fakeWorld();
    Object.assign(world.engine, services);
    await runCommandLine(["status"], world);
    expect(world.out.text()).toContain(`; affects ${words})`);
  });

  it("is on the list of metrics: why a plugin fails in the batch layer, or does not run", async () => {
    const [plugin] = someStatus.plugins;
    const error = "a page cannot be decoded";
    const plugins: PluginStatus[] = [
      { ...plugin, state: "batch-failing", batch: { ...plugin.batch, error } },
      { ...plugin, plugin: "mistyped", state: "refused", error: "it reads table evnts" },
    ];
    const status = () => Promise.resolve({ ...someStatus, plugins });
    const app = createApp(fakeServices({ status }), await loadSite(), { report: () => {} });
    const page = (path: string) => app.fetch(new Request(`http://localhost${path}`));
    const text = await (await page("/plugins")).text();
    for (const words of ["batch-failing", error, "it reads table evnts"]) {
      expect(text).toContain(words);
    }
    const refused = await page("/plugins/mistyped");
    expect([refused.status, (await refused.text()).includes("it reads table evnts")]).toEqual([
      503,
      true,
    ]);
  });

  it("is on a metric's page when the question itself fails, without those of others", async () => {
    const { serving } = fakeServices();
    const problems = [problem(), problem({ plugin: "other", message: "Not of this metric" })];
    const services = fakeServices({
      ...troubled(problems),
      serving: { ...serving, query: () => Promise.reject(new Error("broken")) },
    });
    const app = createApp(services, await loadSite(), { report: () => {} });
    const response = await app.fetch(new Request("http://localhost/plugins/popular_movies"));
    const text = await response.text();
    expect(text).toContain("speed and batch layer differ by 7");
    expect(text).not.toContain("Not of this metric");
  });

  it("is told by `twofold query` beside the rows, and by `twofold status`", async () => {
    const world = fakeWorld();
    Object.assign(world.engine, troubled([problem()]));
    expect(await runCommandLine(["query", "popular_movies"], world)).toBe(0);
    expect(world.err.text()).toContain(
      "Problem since 2024-01-01T00:00:00.000Z: " +
        "Plugin popular_movies: speed and batch layer differ by 7\n",
    );
    await runCommandLine(["status"], world);
    expect(world.out.text()).toContain("differ by 7 (since 2024-01-01T00:00:00.000Z)");
  });

  it("reaches those who follow a metric whose rows stand still", async () => {
    const clock = new ManualClock();
    let problems: readonly Problem[] = [];
    const live = new LiveQuestions(clock, {
      query: () => Promise.resolve<MetricAnswer>({ ...moviesAnswer, problems }),
      identity: () => ["movie_id"],
      position: () => Promise.resolve(JSON.stringify(problems)),
    });
    const stop = new AbortController();
    const updates = await live.follow("m", { keys: {} }, { signal: stop.signal });
    const iterator = updates[Symbol.asyncIterator]();
    expect((await iterator.next()).value.answer.problems).toEqual([]);
    problems = [problem()];
    clock.advance(1000);
    const { kind, answer } = (await iterator.next()).value;
    expect([kind, answer.rows, answer.problems]).toEqual(["change", [], [problem()]]);
    stop.abort();
  });
});
