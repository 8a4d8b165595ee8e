import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { movieEvents, take } from "../support/movie_events.ts";
import { folderInProject, root, RunningEngine } from "../support/running_engine.ts";

/**
 * What each plugin's function does at the event of user 3. The loop takes some ten seconds, longer
 * than a plugin may: Deno cannot end a thread that computes, and an endless one would keep a core
 * busy until the process ends.
 */
const FAULTS = {
  throwing: `throw new Error("cannot look at this event");`,
  looping: `for (let n = 0; n < 1e10; n++);`,
  hoarding:
    `const kept: unknown[] = []; for (;;) kept.push(new Array(100_000).fill(event.user_id));`,
  exiting: `(globalThis as any).Deno.exit(7);`,
};

/** A plugin that counts every event, unless it misbehaves at the event of user 3. */
const pluginText = (name: string, fault: string) => `
import { boolean, compute, count, definePlugin, type EventOf } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

const seen = (event: EventOf<typeof movieViewing>) => {
  if (event.user_id === 3) { ${fault} }
  return true;
};

export default definePlugin(movieViewing, {
  name: "${name}",
  summary: "Events by type",
  where: () => compute(boolean(), seen, { sql: "true" }),
  key: ({ event_type }) => ({ event_type }),
  measures: () => ({ events_seen: count() }),
});
`;

const EVENTS = 3000;

describe("plugins whose functions throw, loop forever, hoard memory or exit", () => {
  let dir: string;
  let engine: RunningEngine;
  const names = Object.keys(FAULTS);
  const write = (name: string, fault: string) =>
    Deno.writeTextFile(join(dir, "plugins", `${name}.ts`), pluginText(name, fault));

  beforeAll(async () => {
    dir = await folderInProject("isolates");
    const plugins = join(dir, "plugins");
    await Deno.mkdir(plugins);
    for (const name of ["movie_viewing.schema.ts", "popular_movies.ts", "hourly_stats.ts"]) {
      await Deno.copyFile(join(root, "plugins", name), join(plugins, name));
    }
    for (const [name, fault] of Object.entries(FAULTS)) await write(name, fault);
    for (const name of ["islands", "routes", "sql"]) {
      await Deno.symlink(join(root, name), join(dir, name));
    }
    engine = await RunningEngine.open({ dir: join(dir, "data"), root: dir });
  });
  afterAll(async () => {
    await engine?.close();
    if (dir) await Deno.remove(dir, { recursive: true });
  });

  const total = async (metric: string, measure: string, layer: string) => {
    const { rows } = await engine.metric(metric, { layer, limit: 1000 });
    return rows.reduce((sum, row) => sum + Number(row[measure]), 0);
  };

  it("are stopped and shown, and the others go on", async () => {
    const source = movieEvents({ seed: 5, firstUser: 1, aroundMs: Date.parse("2026-01-05") });
    const events = take(source, EVENTS);
    const frontiers = [];
    for (let at = 0; at < EVENTS; at += 1000) {
      frontiers.push((await engine.post(events.slice(at, at + 1000))).frontier);
    }
    await engine.metric("hourly_stats", { wait_for: frontiers[2] });
    expect(await total("hourly_stats", "event_count", "merged")).toBe(EVENTS);
    const views = events.filter((event) => event.event_type === "view").length;
    await engine.metric("popular_movies", { wait_for: frontiers[2] });
    expect(await total("popular_movies", "view_count", "merged")).toBe(views);
    const { plugins, problems } = await eventually(
      "all faults to be told",
      () => engine.status(),
      (status) =>
        status.plugins.every(({ plugin, error }) => names.includes(plugin) === (error !== null)),
      { deadlineMs: 60_000, pauseMs: 50 },
    );
    const errorOf = (name: string) => plugins.find(({ plugin }) => plugin === name)!.error;
    expect(errorOf("throwing")).toBe("cannot look at this event");
    const failed = problems.filter(({ code }) => code === "plugin_failed");
    expect(failed.find(({ plugin }) => plugin === "throwing")?.message).toMatch(
      /^A function of plugin throwing failed: cannot look at this event\. Correct plugins\/throwing\.ts;/,
    );
    expect(errorOf("looping")).toMatch(/took longer than 5 s for \d+ records/);
    expect(errorOf("hoarding")).toMatch(/memory limit/);
    expect(errorOf("exiting")).toMatch(/reading 'exit'/);
  });

  it("catch up exactly once they are mended", async () => {
    for (const name of names) await write(name, "");
    await engine.close();
    engine = await RunningEngine.open({ dir: join(dir, "data"), root: dir });
    await eventually(
      "all plugins to run",
      () => engine.status(),
      ({ plugins }) => plugins.every(({ state, error }) => state === "running" && error === null),
      { deadlineMs: 120_000, pauseMs: 200 },
    );
    const run = await engine.batch({ full: true });
    expect(run!.plugins.map(({ drift }) => drift)).toEqual(run!.plugins.map(() => 0));
    await eventually(
      "the mended code to answer",
      () => engine.status(),
      ({ problems }) => problems.length === 0,
      { deadlineMs: 60_000, pauseMs: 200 },
    );
    for (const name of names) {
      expect(await total(name, "events_seen", "speed")).toBe(EVENTS);
    }
    for (const name of names) expect(await total(name, "events_seen", "batch")).toBe(EVENTS);
  });
});
