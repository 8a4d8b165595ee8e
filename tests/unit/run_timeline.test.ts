import { describe, expect, it } from "testing";
import { createApp } from "../../routes/app.ts";
import { scaleOf } from "../../routes/(_parts)/run_scale.ts";
import type { BatchRun } from "../../runtime/ports/services.ts";
import { fakeServices } from "../support/fake_services.ts";
import { someRun } from "../support/sample_answers.ts";
import { loadSite } from "../support/site.ts";

/** The page of these runs. */
async function pageOf(runs: readonly BatchRun[]): Promise<string> {
  const [layer] = fakeServices().batch.values();
  const batch = new Map([["movies", { ...layer, history: () => Promise.resolve([...runs]) }]]);
  const app = createApp(fakeServices({ batch }), await loadSite(), { report: () => {} });
  return await (await app.fetch(new Request("http://localhost/runs"))).text();
}

describe("the timeline of runs", () => {
  const [part] = someRun.plugins;
  const runAt = (run: number, minute: number, state: BatchRun["state"], drift = 0) => ({
    ...someRun,
    run,
    state,
    started: new Date(Date.UTC(2024, 0, 1, 0, minute)).toISOString(),
    finished: new Date(Date.UTC(2024, 0, 1, 0, minute, 30)).toISOString(),
    plugins: [{ ...part, status: state, drift }],
  });

  it("has a link to each run, says its state in words, and marks drift", async () => {
    const text = await pageOf([
      runAt(9, 20, "cancelled"),
      runAt(8, 10, "published", 4),
      runAt(7, 0, "failed"),
    ]);
    for (const [run, state] of [[9, "cancelled"], [8, "published"], [7, "failed"]]) {
      expect(text).toContain(`href="#run-movies-${run}" aria-label="Run ${run}, ${state}, 2024-`);
      expect(text).toContain(`id="run-movies-${run}"`);
    }
    const words = text.replaceAll(/<[^>]+>/g, " ").replaceAll(/\s+/g, " ");
    expect(words).toMatch(/1 published 1 failed 1 cancelled drift/);
    // The marks of the lane, and of the legend.
    expect(text.match(/class="drifts"/g)).toHaveLength(2);
  });

  it("is above runs that say how many metrics they published before they ended", async () => {
    const run = runAt(9, 20, "cancelled");
    const plugins = [{ ...part, status: "published" as const }, {
      ...part,
      status: "cancelled" as const,
    }];
    const text = await pageOf([{ ...run, plugins }, runAt(8, 10, "published")]);
    expect(text.match(/\d of \d metrics published/g)).toEqual(["1 of 2 metrics published"]);
  });

  it("is not there without runs", async () => {
    expect(await pageOf([])).not.toContain("Timeline");
  });
});

describe("the scale of runs", () => {
  const run = (startMs: number, endMs: number | null) => ({
    ...someRun,
    started: new Date(startMs).toISOString(),
    finished: endMs === null ? null : new Date(endMs).toISOString(),
  });

  it("keeps every bar inside, however short it is, and reaches the end with what is under way", () => {
    const runs = [run(100_000, null), run(99_990, 99_999), run(0, 50_000)];
    const { place, toMs } = scaleOf(runs);
    for (const each of runs) {
      const { x, width, height } = place(each);
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(100.001);
      expect(height).toBeLessThanOrEqual(100);
    }
    expect(toMs).toBe(101_500);
    expect(place(runs[2])).toMatchObject({ x: 0, height: 100 });
    const { x, width } = place(runs[0]);
    expect(x + width).toBeCloseTo(100);
  });
});
