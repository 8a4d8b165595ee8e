import { describe, expect, it } from "testing";
import { createApp } from "../../routes/app.ts";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import type { PluginStatus, Services } from "../../runtime/ports/services.ts";
import { api } from "../support/asked_api.ts";
import { fakeServices } from "../support/fake_services.ts";
import { noDrift, someDriftDay, someStatus } from "../support/sample_answers.ts";
import { fakeWorld } from "../support/fake_world.ts";
import { loadSite } from "../support/site.ts";

/** Services whose metric drifts as told. */
function drifting(part: Partial<PluginStatus>): Partial<Services> {
  const plugins = someStatus.plugins.map((plugin) => ({ ...plugin, ...noDrift, ...part }));
  return { status: () => Promise.resolve({ ...someStatus, plugins }) };
}

const behind = {
  drift: null,
  not_compared: {
    reason: "speed_behind",
    message: "the speed layer was behind",
    since: "2024-01-01T00:00:10.000Z",
  },
} as const;

async function pageOf(services: Partial<Services>, path: string): Promise<string> {
  const app = createApp(fakeServices(services), await loadSite(), {});
  const html = await (await app.fetch(new Request(`http://localhost${path}`))).text();
  return html.replace(/<!--.*?-->/g, "").replace(/<[^>]+>/g, " ").replace(/\s+/g, " ");
}

describe("drift", () => {
  it("is listed and accepted by the API", async () => {
    const { ask, asked } = api();
    expect((await ask("/api/v1/drift?metric=popular_movies")).body).toEqual({
      days: [someDriftDay],
      next: null,
    });
    const accept = (body: object) =>
      ask("/api/v1/drift/accept", {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
    const acceptance = { metric: "popular_movies", by: "ada", reason: "known" };
    expect((await accept(acceptance)).body).toEqual({ accepted: ["2024-01-01"] });
    expect(asked.accept).toEqual(acceptance);
    for (
      const [field, body] of [
        ["reason", { metric: "popular_movies", by: "ada" }],
        ["days", { ...acceptance, days: 1 }],
      ] as const
    ) {
      expect((await accept(body)).body).toMatchObject({ status: 400, field });
    }
  });

  it("is in /metrics, by days and with the reason where it is not known", async () => {
    const { ask } = api(drifting({ ...behind, accepted_days: 2, waiting_days: 1 }));
    const { text } = await ask("/metrics");
    const labels = `topic="movies",plugin="popular_movies"`;
    const seconds = Date.parse("2024-01-01T00:00:10Z") / 1000;
    expect(text).not.toContain("twofold_plugin_drift{");
    expect(text).toContain(`twofold_drift_dates{${labels},state="drifting"} 0\n`);
    expect(text).toContain(`twofold_drift_dates{${labels},state="accepted"} 2\n`);
    expect(text).toContain(`twofold_drift_dates{${labels},state="waiting"} 1\n`);
    expect(text).toContain(
      `twofold_drift_not_compared_since_seconds{${labels},reason="speed_behind"} ${seconds}\n`,
    );
    const known = await api(drifting({ drift: 0.25, drifting_days: 1 })).ask("/metrics");
    expect(known.text).toContain(`twofold_plugin_drift{${labels}} 0.25\n`);
    expect(known.text).not.toContain("twofold_drift_not_compared_since_seconds");
  });

  it("is on the metric's page with the first cells that differ, never rounded to 0", async () => {
    const text = await pageOf(
      drifting({ drift: 0.25, drifting_days: 1 }),
      "/plugins/popular_movies",
    );
    expect(text).toContain("2024-01-01 differs by 0.25 in 1 cell, since 2024-01-01 00:00:02");
    expect(text).toContain("2024-01-01 00:00:00 movie_id 7 view_count 3.25 3 0.25");
    const none = { list: () => Promise.resolve({ items: [], next: null }) };
    const without = await pageOf({
      ...drifting({}),
      drifts: { ...fakeServices().drifts, ...none },
    }, "/plugins/popular_movies");
    expect(without).not.toContain("give different values");
  });

  it("that is not known says why and since when, on the metric's page and in the list", async () => {
    for (const path of ["/plugins/popular_movies", "/plugins"]) {
      expect(await pageOf(drifting(behind), path)).toContain(
        "not compared: the speed layer was behind (since 2024-01-01 00:00:10)",
      );
    }
  });

  it("that is not known says why in `twofold status`", async () => {
    const world = fakeWorld();
    Object.assign(world.engine, drifting(behind));
    await runCommandLine(["status"], world);
    expect(world.out.text()).toMatch(/popular_movies .* speed behind\n/);
  });

  it("is listed and accepted by the command line", async () => {
    const run = async (...args: string[]) => {
      const world = fakeWorld();
      const code = await runCommandLine(args, world);
      return { code, out: world.out.text(), err: world.err.text(), asked: world.engine.asked };
    };
    const listed = await run("drift");
    expect(listed.out).toContain("popular_movies");
    expect(listed.out).toContain("2024-01-01T00:00:00Z 7 view_count: speed 3.25, batch 3");
    expect(JSON.parse((await run("drift", "--json")).out)).toEqual({
      days: [someDriftDay],
      next: null,
    });
    const accepting = ["drift", "accept", "popular_movies", "--by", "ada"];
    const accepted = await run(...accepting, "--reason", "known", "--day", "2024-01-01");
    expect(accepted.out).toBe("Accepted the drift of popular_movies on 1 event day: 2024-01-01\n");
    expect(accepted.asked.accept).toEqual({
      metric: "popular_movies",
      day: "2024-01-01",
      by: "ada",
      reason: "known",
    });
    const refused = await run(...accepting);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("--reason")]);
  });
});
