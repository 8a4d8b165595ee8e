import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { failSyncs } from "../support/failing_sync.ts";
import { movieEvents, take } from "../support/movie_events.ts";
import { RunningEngine } from "../support/running_engine.ts";

describe("a log whose disk fails a sync", () => {
  const made = movieEvents({ seed: 1, firstUser: 1, aroundMs: Date.UTC(2026, 0, 1) });
  const syncs = failSyncs();
  let dir: string, running: RunningEngine;
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-failed-log-" });
    // No tick comes in between.
    running = await RunningEngine.open({ dir, flags: { "block-span": "1h" } });
  });
  afterAll(async () => {
    await running.close();
    syncs.undo();
    await Deno.remove(dir, { recursive: true });
  });

  const counted = async () => {
    const { rows } = await running.metric("hourly_stats", {});
    return rows.reduce((sum, row) => sum + Number(row.event_count), 0);
  };

  it("refuses events with 503 and the reason, tells it everywhere, and answers on", async () => {
    await running.post(take(made, 10));
    await eventually("the events", counted, (events) => events === 10);
    syncs.arm();
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(running.post(take(made, 10))).rejects
        .toThrow(/answered 503.*takes no more events, because the disk failed a write/);
    }
    const { problems, ready } = await running.status();
    expect(problems.map(({ code, subject, blocking }) => ({ code, subject, blocking }))).toEqual([
      { code: "log_failed", subject: "movie-viewing-events", blocking: true },
    ]);
    expect(ready).toBe(false);
    await expect(running.get("/readyz")).rejects.toThrow(/503.*restart Twofold/);
    expect(await counted()).toBe(10);
  });
});
