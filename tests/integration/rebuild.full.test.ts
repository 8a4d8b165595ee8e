import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Status } from "../../runtime/ports/services.ts";
import { runCommand } from "../support/command.ts";
import { type MovieEvent, movieEvents, take } from "../support/movie_events.ts";
import { answersOf, eventsIn, expectParity } from "../support/parity_of_layers.ts";
import { RunningEngine } from "../support/running_engine.ts";

const EVENTS = 2000;
const NEW_EVENTS = 700;
const REPEATS = 300;

describe("batch --full from the archive alone", () => {
  let dir: string;
  let old: MovieEvent[];
  let before_: Record<string, unknown>;
  const flags = { "block-size": "1024" };
  const made = movieEvents({ seed: 7, firstUser: 1, aroundMs: Date.parse("2026-03-01T12:00:00Z") });
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-rebuild-" });
    old = take(made, EVENTS);
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("gives the batch answers that were there before warehouse and log were removed", async () => {
    const first = await RunningEngine.open({ dir, flags });
    await first.post(old);
    await first.post(["not an event"]);
    await first.batch();
    before_ = await answersOf(first, "batch");
    expect(await eventsIn(first, "batch")).toBe(EVENTS);
    await first.close();

    for (const folder of ["warehouse", "log"]) {
      await Deno.remove(join(dir, folder), { recursive: true });
    }
    // The first run waits for a block of the new log, or a minute.
    const restored = await RunningEngine.open({ dir, flags });
    await expect(answersOf(restored, "merged")).rejects.toThrow(/earlier log wait for a batch run/);
    await restored.close();

    const settings = { TWOFOLD_BLOCK_SIZE: flags["block-size"] };
    const { code, out } = await runCommand(["batch", "--full", "--data", dir], settings);
    expect([code, out.includes("Run ")]).toEqual([0, true]);

    const again = await RunningEngine.open({ dir, flags });
    expect(await answersOf(again, "batch")).toEqual(before_);
    expect(await answersOf(again, "merged")).toEqual(before_);
    await again.close();
  });

  it("refuses another block size than the log was begun with, and says which that is", async () => {
    const { code, err } = await runCommand(["status", "--data", dir], {});
    expect(code).toBe(2);
    expect(err).toContain(`set TWOFOLD_BLOCK_SIZE=${flags["block-size"]}`);
  });

  it("merges new events rightly on top, and excludes repeats of old ones with the next run", async () => {
    const engine = await RunningEngine.open({ dir, flags });
    const { frontier } = await engine.post(take(made, NEW_EVENTS));
    await engine.metric("hourly_stats", { wait_for: frontier });
    expect(await eventsIn(engine, "merged")).toBe(EVENTS + NEW_EVENTS);
    await engine.batch();
    for (const layer of ["merged", "batch"] as const) {
      expect(await eventsIn(engine, layer)).toBe(EVENTS + NEW_EVENTS);
    }

    // The new log has never seen them: until a run has, they stand.
    const repeated = await engine.post(old.slice(0, REPEATS));
    await engine.metric("hourly_stats", { wait_for: repeated.frontier });
    expect(await eventsIn(engine, "merged")).toBe(EVENTS + NEW_EVENTS + REPEATS);
    const run = await engine.batch();
    expect(run!.plugins.find(({ plugin }) => plugin === "hourly_stats"))
      .toMatchObject({ unseenRepeats: REPEATS });
    for (const layer of ["merged", "batch"] as const) {
      expect([layer, await eventsIn(engine, layer)]).toEqual([layer, EVENTS + NEW_EVENTS]);
    }
    expect(await answersOf(engine, "merged")).toEqual(await answersOf(engine, "batch"));
    await engine.close();
  });

  it("tells what it holds without being started", async () => {
    const settings = { TWOFOLD_BLOCK_SIZE: flags["block-size"] };
    const { code, out } = await runCommand(["status", "--json", "--data", dir], settings);
    expect(code).toBe(0);
    const { topics: [{ partitions }] }: Status = JSON.parse(out);
    expect(partitions.reduce((sum, of) => sum + of.events, 0)).toBe(NEW_EVENTS + REPEATS);
    for (const { archived, cut, log_end, watermark } of partitions) {
      expect([archived, cut, watermark === null]).toEqual([log_end, log_end, false]);
    }
  });

  it("goes on where it stood when it is opened again", async () => {
    const engine = await RunningEngine.open({ dir, flags });
    expect(await eventsIn(engine, "merged")).toBe(EVENTS + NEW_EVENTS);
    const { topics: [{ partitions }] } = await engine.status();
    expect(partitions.reduce((sum, of) => sum + of.events, 0)).toBe(NEW_EVENTS + REPEATS);
    await engine.close();
  });

  it("holds for a folder that lost nothing: every layer says the same", async () => {
    const own = await Deno.makeTempDir({ prefix: "twofold-rebuild-" });
    const engine = await RunningEngine.open({ dir: own, flags });
    await engine.post(old);
    await engine.batch({ full: true });
    await expectParity(engine);
    expect(await answersOf(engine, "batch")).toEqual(before_);
    await engine.close();
    await Deno.remove(own, { recursive: true });
  });
});
