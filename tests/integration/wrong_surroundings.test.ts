import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { failSyncs } from "../support/failing_sync.ts";
import { movieEvents, take } from "../support/movie_events.ts";
import { RunningEngine } from "../support/running_engine.ts";

describe("a producer whose clock is wrong, and a log whose disk fails a sync", () => {
  const made = movieEvents({ seed: 1, firstUser: 1, aroundMs: Date.now() });
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

  it("an event of 2105 counts, is reported, and makes no other late", async () => {
    const [event] = take(made, 1);
    await running.post([{ ...event, timestamp: "2105-06-01T00:00:00Z" }]);
    await running.post(take(made, 20));
    await eventually("the events", counted, (events) => events === 21);
    const { problems, ready, topics: [{ partitions }] } = await running.status();
    expect(problems).toEqual([
      expect.objectContaining({
        code: "future_events",
        subject: "movie-viewing-events",
        blocking: false,
        message: expect.stringMatching(/^1 event of .* up to 2105-06-01T00:00:00/),
      }),
    ]);
    expect(ready).toBe(true);
    const ahead = partitions.filter(({ future_events }) => future_events > 0);
    expect(ahead.map(({ last_event }) => last_event)).toEqual(["2105-06-01T00:00:00.000Z"]);
    for (const { watermark } of partitions) expect(watermark ?? "").not.toMatch(/^2105/);
    const { problems: carried } = await running.metric("hourly_stats", {});
    expect(carried.map(({ code }) => code)).toEqual(["future_events"]);
  });

  it("a failed sync refuses events with 503 and the reason, tells it everywhere, and answers on", async () => {
    syncs.arm();
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(running.post(take(made, 10))).rejects
        .toThrow(/answered 503.*takes no more events, because the disk failed a write/);
    }
    const { problems, ready } = await running.status();
    const failed = problems.filter(({ code }) => code !== "future_events");
    expect(failed.map(({ code, subject, blocking }) => ({ code, subject, blocking }))).toEqual([
      { code: "log_failed", subject: "movie-viewing-events", blocking: true },
    ]);
    expect(ready).toBe(false);
    await expect(running.get("/readyz")).rejects.toThrow(/503.*restart Twofold/);
    expect(await counted()).toBe(21);
  });
});
