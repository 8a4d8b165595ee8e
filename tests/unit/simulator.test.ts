import { describe, expect, fc, it } from "testing";
import type { Clock } from "../../runtime/clock.ts";
import { feed, simulate, type SimulatedChunk } from "../../runtime/sources/simulator.ts";

const startMs = Date.UTC(2026, 10, 23);

interface Event {
  event_id: string;
  user_id: number;
  movie_id: number;
  event_type: string;
  timestamp: string;
  duration: number | null;
  rating: number | null;
}

function take(count: number, options: { seed?: number; rate: number }): SimulatedChunk[] {
  const chunks: SimulatedChunk[] = [];
  let events = 0;
  for (const chunk of simulate({ startMs, ...options })) {
    chunks.push(chunk);
    if ((events += chunk.events) >= count) break;
  }
  return chunks;
}

const textOf = (chunks: readonly SimulatedChunk[]) =>
  chunks.map(({ bytes }) => new TextDecoder().decode(bytes)).join("");

const eventsOf = (chunks: readonly SimulatedChunk[]): Event[] =>
  textOf(chunks).trimEnd().split("\n").map((line) => JSON.parse(line));

/** A clock that jumps to where somebody sleeps to. */
function jumpingClock(): Clock {
  let now = startMs;
  return {
    now: () => now,
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  };
}

describe("simulate()", () => {
  it("gives the same bytes for the same seed and others for another", () => {
    const [first, again, other] = [5, 5, 6].map((seed) => textOf(take(3000, { seed, rate: 1000 })));
    expect(again === first).toBe(true);
    expect(other === first).toBe(false);
  });

  it("keeps to the rate at every moment", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), (rate) => {
        let sent = 0;
        for (const { events, bytes, dueMs } of take(Math.min(rate, 2000), { rate })) {
          sent += events;
          expect(events).toBeGreaterThan(0);
          expect(bytes.filter((byte) => byte === 10).length).toBe(events);
          expect(sent).toBe(Math.floor((dueMs - startMs) * rate / 1000));
        }
      }),
      { numRuns: 25 },
    );
  });

  it("makes valid events of every type, with nulls, late ones and repeats", () => {
    const chunks = take(50_000, { rate: 10_000 });
    const events = eventsOf(chunks);
    const byType = Map.groupBy(events, ({ event_type }) => event_type);
    expect([...byType.keys()].sort()).toEqual(["complete", "pause", "rating", "resume", "view"]);
    const fields = "event_id,user_id,movie_id,event_type,timestamp,duration,rating";
    const odd = events.filter((event) =>
      Object.keys(event).join() !== fields ||
      new Date(event.timestamp).toISOString() !== event.timestamp ||
      !(event.user_id > 0 && event.movie_id > 0) ||
      (event.rating === null) !== (event.event_type !== "rating") ||
      !((event.rating ?? 0) >= 0 && (event.rating ?? 0) <= 10) ||
      !((event.duration ?? 0) >= 0)
    );
    expect(odd).toEqual([]);
    const repeats = chunks.reduce((sum, chunk) => sum + chunk.repeats, 0);
    const identities = new Set(events.map(({ event_id, timestamp }) => event_id + timestamp));
    expect(identities.size).toBe(events.length - repeats);
    expect(repeats / events.length).toBeGreaterThan(0.005);
    const late = events.filter(({ timestamp }) => Date.parse(timestamp) < startMs).length;
    expect(late / events.length).toBeGreaterThan(0.005);
    expect(late / events.length).toBeLessThan(0.05);
  });

  it("has a few movies that are seen far more often than the others", () => {
    const views = eventsOf(take(50_000, { rate: 10_000 }))
      .filter(({ event_type }) => event_type === "view");
    const byMovie = Map.groupBy(views, ({ movie_id }) => movie_id);
    const counts = [...byMovie.values()].map((of) => of.length).sort((a, b) => b - a);
    expect(counts[0] / views.length).toBeGreaterThan(0.08);
    expect(counts.length).toBeGreaterThan(1000);
  });
});

describe("feed()", () => {
  it("sends at the clock's pace, from the clock's now on", async () => {
    const clock = jumpingClock();
    const stop = new AbortController();
    let sent = 0;
    await feed({
      rate: 500,
      clock,
      signal: stop.signal,
      send: ({ events, dueMs }) => {
        expect(clock.now()).toBe(dueMs);
        if ((sent += events) >= 5000) stop.abort();
        return Promise.resolve();
      },
    });
    expect(clock.now() - startMs).toBe(10_000);
  });

  it("starts again at now, under new ids, when it has fallen far behind", async () => {
    const clock = jumpingClock();
    const stop = new AbortController();
    const chunks: SimulatedChunk[] = [];
    await feed({
      rate: 100,
      clock,
      signal: stop.signal,
      send: async (chunk) => {
        chunks.push(chunk);
        if (chunks.length === 2) await clock.sleep(60_000);
        if (chunks.length === 4) stop.abort();
      },
    });
    expect(chunks[2].dueMs - chunks[1].dueMs).toBeGreaterThanOrEqual(60_000);
    const identities = new Set(eventsOf(chunks).map(({ event_id }) => event_id));
    expect(identities.size).toBe(40);
  });
});
