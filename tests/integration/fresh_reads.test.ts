import { afterAll, beforeAll, describe, expect, it } from "testing";
import { shareAnswers } from "../../runtime/engine/shared_answers.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { RunningEngine } from "../support/running_engine.ts";

/** Nobody sees by chance what is written so rarely. */
const IDLE_INTERVAL = "1m";
/** A second on a quiet machine, and far less than the idle interval on any. */
const SEEN_MS = 20_000;
const PAUSE_MS = 100;

describe("what is sent is seen at once although it is written once a minute", () => {
  let dir: string;
  let running: RunningEngine;
  let sent = 0;

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-fresh-" });
    running = await RunningEngine.open({
      dir,
      // No tick, and so no block, within the test.
      flags: { "idle-flush-interval": IDLE_INTERVAL, "block-span": "1h" },
    });
    // What comes after a long pause is written at once.
    await seen(async () => (await total("hourly_stats", "event_count")) === sent);
  });
  afterAll(async () => {
    await running.close();
    await Deno.remove(dir, { recursive: true });
  });

  /** Sends an event of user 7 that no reader has seen. */
  async function send() {
    const event = {
      event_id: `e${++sent}`,
      user_id: 7,
      movie_id: 3,
      event_type: "view",
      timestamp: "2026-05-01T12:00:00Z",
    };
    return await running.post([event]);
  }

  /** Sends one more event and asks until it is seen. */
  async function seen(look: () => Promise<boolean>): Promise<void> {
    await send();
    const sinceMs = performance.now();
    for (let isSeen = false; !isSeen;) {
      isSeen = await look();
      expect(performance.now() - sinceMs).toBeLessThan(SEEN_MS);
      if (!isSeen) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  const sumOf = (rows: readonly Readonly<Record<string, unknown>>[], measure: string) =>
    rows.reduce((sum, row) => sum + Number(row[measure]), 0);
  const total = async (metric: string, measure: string, params = {}) =>
    sumOf((await running.metric(metric, params)).rows, measure);
  const post = async <Answer>(path: string, body: unknown) => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(new URL(path, running.url), {
      method: "POST",
      body: JSON.stringify(body),
      headers,
    });
    return await answer.json() as Answer;
  };

  it("by a metric, of both layers and of the speed layer alone", async () => {
    await seen(async () => await total("popular_movies", "view_count") === sent);
    await seen(async () =>
      await total("popular_movies", "view_count", { layer: "speed" }) === sent
    );
  });

  it("by a question for one key", async () => {
    await seen(async () => await total("user_stats", "total_events", { user_id: 7 }) === sent);
    await seen(async () =>
      await total("user_stats", "total_events", { user_id: 7, layer: "speed" }) === sent
    );
  });

  it("by a time series", async () => {
    await seen(async () => {
      const { series } = await running.get<{ series: { values: (number | null)[] }[] }>(
        "/api/v1/metrics/hourly_stats/series?measure=event_count",
      );
      return series.flatMap(({ values }) => values).reduce<number>((a, b) => a + (b ?? 0), 0) ===
        sent;
    });
  });

  it("by answers that are shared", async () => {
    const { serving } = shareAnswers(running.engine, systemClock);
    const ask = async () =>
      sumOf((await serving.query("hourly_stats", { keys: {} })).rows, "event_count");
    expect(await ask()).toBe(sent);
    await seen(async () => await ask() === sent);
    const series = async () =>
      (await serving.series("hourly_stats", { measure: "event_count", keys: {} })).frontier;
    const before = await series();
    await seen(async () => await series() !== before);
  });

  it("by who follows a metric", async () => {
    const stop = new AbortController();
    const updates = await running.engine.serving.live("hourly_stats", { keys: {} }, {
      signal: stop.signal,
    });
    const reader = updates[Symbol.asyncIterator]();
    await reader.next();
    for (let n = 0; n < 3; n++) {
      await send();
      const sinceMs = performance.now();
      for (let total = 0; total !== sent;) {
        total = sumOf((await reader.next()).value!.answer.rows, "event_count");
      }
      expect(performance.now() - sinceMs).toBeLessThan(SEEN_MS);
    }
    stop.abort();
  });

  it("by who waits for the frontier of an answer", async () => {
    const { frontier } = await send();
    const sinceMs = performance.now();
    expect(await total("hourly_stats", "event_count", { wait_for: frontier })).toBe(sent);
    expect(performance.now() - sinceMs).toBeLessThan(SEEN_MS);
  });

  it("by SQL, of people and of the pages", async () => {
    const sql = "SELECT sum(event_count) AS n FROM merged_hourly_stats";
    await seen(async () => {
      const { rows } = await post<{ rows: { n: number }[] }>("/api/v1/sql", { sql });
      return Number(rows[0].n) === sent;
    });
    await seen(async () => Number((await running.engine.pageSql.query(sql)).rows[0].n) === sent);
  });

  it("by the status, which has no lag", async () => {
    await seen(async () => {
      const { topics: [{ partitions }] } = await running.status();
      return partitions.every((of) => of.lag_records === 0 && of.speed_frontier === of.log_end) &&
        partitions.reduce((sum, { events }) => sum + events, 0) === sent;
    });
  });

  it("by who lists dead letters, counts, exports or redrives them", async () => {
    let letters = 0;
    const sendLetter = async () => {
      await running.post([{ event_id: `wrong${++letters}` }]);
    };
    const looks: (() => Promise<number>)[] = [
      async () =>
        (await running.get<{ dead_letters: unknown[] }>("/api/v1/dead-letters")).dead_letters
          .length,
      async () => {
        const { reasons } = await running.get<{ reasons: { letters: number }[] }>(
          "/api/v1/dead-letters/reasons",
        );
        return sumOf(reasons, "letters");
      },
      async () => {
        const answer = await fetch(new URL("/api/v1/dead-letters/export", running.url));
        return (await answer.text()).trim().split("\n").filter((line) => line !== "").length;
      },
      async () => {
        const asked = { all: true, dry_run: true };
        const answer = await post<{ letters: number }>("/api/v1/dead-letters/redrive", asked);
        return answer.letters;
      },
    ];
    for (const look of looks) {
      await sendLetter();
      await seen(async () => await look() === letters);
    }
  });
});
