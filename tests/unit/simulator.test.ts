import { describe, expect, fc, it } from "testing";
import { random, zipf } from "../../plugins/viewing/chance.ts";
import { DueHeap } from "../../plugins/viewing/due_heap.ts";
import { simulate, type SimulatedChunk } from "../../plugins/viewing/simulator.ts";

/** A Monday. */
const startMs = Date.UTC(2026, 0, 5);
const DAY_MS = 86_400_000;
/** Events of a user in a day: about two sessions. */
const DAILY_EVENTS = 7;

interface Event {
  event_id: string;
  user_id: number;
  movie_id: number;
  event_type: string;
  timestamp: string;
  duration?: number | null;
  rating?: number | null;
}

type Options = Partial<Parameters<typeof simulate>[0]>;

function take(count: number, options: Options): SimulatedChunk[] {
  const chunks: SimulatedChunk[] = [];
  let events = 0;
  const { users = 100_000 } = options;
  for (const chunk of simulate({ startMs, rate: users * DAILY_EVENTS / 86_400, ...options })) {
    chunks.push(chunk);
    if ((events += chunk.events) >= count) break;
  }
  return chunks;
}

const textOf = (chunks: readonly SimulatedChunk[]) => chunks.map(({ ndjson }) => ndjson).join("");

const eventsOf = (chunks: readonly SimulatedChunk[]): Event[] =>
  textOf(chunks).trimEnd().split("\n").map((line) => JSON.parse(line));

const msOf = ({ timestamp }: Event) => Date.parse(timestamp);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Sessions whose view was seen, in order of their users' events. */
function sessionsOf(events: readonly Event[]): Event[][] {
  const last = new Map<number, Event[]>();
  const sessions: Event[][] = [];
  for (const event of events) {
    if (event.event_type === "view") {
      last.set(event.user_id, []);
      sessions.push(last.get(event.user_id)!);
    }
    last.get(event.user_id)?.push(event);
  }
  return sessions;
}

/** The slope of the line through points, by least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const [x, y] = [0, 1].map((i) => sum(points.map((point) => point[i])) / points.length);
  return sum(points.map((of) => (of[0] - x) * (of[1] - y))) /
    sum(points.map((of) => (of[0] - x) ** 2));
}

/** How often each value comes, the most frequent first. */
function counts(values: readonly number[]): number[] {
  const groups = Map.groupBy(values, (value) => value);
  return [...groups.values()].map(({ length }) => length).sort((a, b) => b - a);
}

describe("simulate()", () => {
  it("gives the same bytes for the same options, other events and ids for any other", () => {
    const other: Options[] = [{ seed: 6 }, { users: 999 }, { late: 0 }, { startMs: startMs + 1 }];
    const [first, again, ...others] = [{}, {}, ...other].map((more) =>
      take(5000, { seed: 5, users: 1000, ...more })
    );
    expect(textOf(again) === textOf(first)).toBe(true);
    const ids = new Set(eventsOf(first).map(({ event_id }) => event_id));
    for (const chunks of others) {
      expect(eventsOf(chunks).filter(({ event_id }) => ids.has(event_id))).toEqual([]);
    }
  });

  it("keeps to a rate at every moment", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), (rate) => {
        let sent = 0;
        for (const chunk of take(Math.min(rate, 2000), { rate, users: 500 })) {
          const { events, ndjson, dueMs } = chunk;
          sent += events;
          expect(events).toBeGreaterThan(0);
          expect(ndjson.match(/\n/g)).toHaveLength(events);
          expect(sent).toBe(Math.floor((dueMs - startMs) * rate / 1000));
        }
      }),
      { numRuns: 25 },
    );
  });

  it("makes valid events; what is null is null, or left out by some players", () => {
    const events = eventsOf(take(50_000, { rate: 10_000, users: 20_000 }));
    const byType = Map.groupBy(events, ({ event_type }) => event_type);
    expect([...byType.keys()].sort()).toEqual(["complete", "pause", "rating", "resume", "view"]);
    const odd = events.filter((event) =>
      new Date(event.timestamp).toISOString() !== event.timestamp ||
      !(event.user_id >= 1 && event.user_id <= 20_000) ||
      !(event.movie_id >= 1 && event.movie_id <= 5000) ||
      (event.rating ?? null) === null !== (event.event_type !== "rating") ||
      !((event.rating ?? 0) >= 0 && (event.rating ?? 0) <= 10) ||
      (event.event_type === "view" || event.event_type === "rating") && event.duration
    );
    expect(odd).toEqual([]);
    const share = (kind: (event: Event) => boolean) => events.filter(kind).length / events.length;
    const leftOut = share((event) => !("rating" in event));
    expect(leftOut).toBeGreaterThan(0.02);
    expect(leftOut).toBeLessThan(0.08);
    const untold = byType.get("complete")!.filter(({ duration }) => (duration ?? null) === null);
    expect(untold.length / byType.get("complete")!.length).toBeCloseTo(0.03, 2);
  });

  it("tells sessions from view to rating, one per user at a time, with what was watched", () => {
    const after: Record<string, string[]> = {
      view: ["pause", "complete"],
      pause: ["resume"],
      resume: ["pause", "complete"],
      complete: ["rating"],
      rating: [],
    };
    const life = { late: 0, repeat: 0, users: 2000 };
    for (const options of [life, { ...life, rate: 500 }]) {
      const sessions = sessionsOf(eventsOf(take(60_000, options)));
      const odd = sessions.filter((session) => {
        let watchedMs = 0;
        return session.some((event, i) => {
          if (i === 0) return false;
          const before = session[i - 1];
          const gapMs = msOf(event) - msOf(before);
          if (event.event_type === "pause" || event.event_type === "complete") watchedMs += gapMs;
          const told = event.duration ?? null;
          return !after[before.event_type].includes(event.event_type) || gapMs <= 0 ||
            event.movie_id !== before.movie_id ||
            (told !== null && Math.round(told * 1000) !== watchedMs);
        });
      });
      expect(odd).toEqual([]);
      const finished = sessions.filter((session) => session.at(-1)!.event_type === "rating").length;
      expect(finished / sessions.length).toBeGreaterThan(0.3);
    }
  });

  it("lets a movie take as long as movies do", () => {
    const events = eventsOf(take(40_000, { late: 0, repeat: 0, users: 2000 }));
    const minutes = events
      .filter((event) => event.event_type === "complete" && event.duration)
      .map(({ duration }) => duration! / 60);
    expect(minutes.length).toBeGreaterThan(100);
    expect(Math.min(...minutes)).toBeGreaterThan(60);
    // What is due waits for its turn, so that the rate is kept.
    expect(Math.max(...minutes)).toBeLessThan(200);
    const gaps = sessionsOf(events).flatMap((session) =>
      session.slice(1).map((event, i) => (msOf(event) - msOf(session[i])) / 60_000)
    );
    expect(gaps.filter((gap) => gap < 0.05)).toEqual([]);
    expect(sum(gaps) / gaps.length).toBeGreaterThan(10);
  });

  it("has movies that are popular by Zipf's law", () => {
    const events = eventsOf(take(400_000, { users: 400_000, movies: 2000, late: 0, repeat: 0 }));
    const views = events.filter(({ event_type }) => event_type === "view");
    expect(msOf(events.at(-1)!) - startMs).toBeLessThan(DAY_MS);
    const byRank = counts(views.map(({ movie_id }) => movie_id)).slice(0, 100);
    const points = byRank.map((count, i) => [Math.log(i + 1), Math.log(count)] as const);
    expect(slope(points)).toBeGreaterThan(-1.1);
    expect(slope(points)).toBeLessThan(-0.8);
  });

  it("lets popularity drift: a week later others are on top, a few hours later hardly", () => {
    const events = eventsOf(take(450_000, { users: 10_000, movies: 1000, late: 0, repeat: 0 }));
    const top = (day: number) => {
      const views = events.filter((event) =>
        event.event_type === "view" && Math.floor((msOf(event) - startMs) / DAY_MS) === day
      );
      const byMovie = [...Map.groupBy(views, ({ movie_id }) => movie_id)];
      const ranked = byMovie.sort(([, a], [, b]) => b.length - a.length).slice(0, 20);
      return new Set(ranked.map(([movie]) => movie));
    };
    const shared = (day: number) => top(0).intersection(top(day)).size;
    expect(shared(1)).toBeGreaterThan(shared(6));
    expect(shared(1)).toBeGreaterThanOrEqual(10);
    expect(shared(6)).toBeLessThan(18);
  });

  it("has users with habits: busy ones, and each with hours and movies of their own", () => {
    const events = eventsOf(take(150_000, { users: 1000, late: 0, repeat: 0 }));
    const views = events.filter(({ event_type }) => event_type === "view");
    const byUser = counts(views.map(({ user_id }) => user_id));
    expect(sum(byUser.slice(0, 100)) / views.length).toBeGreaterThan(0.2);
    const users = [...Map.groupBy(views, ({ user_id }) => user_id).values()]
      .filter(({ length }) => length > 30);
    expect(users.length).toBeGreaterThan(50);
    const isMorning = ({ timestamp }: Event) => timestamp.slice(11, 13) < "12";
    const usual = views.filter(isMorning).length / views.length;
    const spread = users.map((own) => {
      const expected = own.length * usual;
      return (own.filter(isMorning).length - expected) ** 2 / (expected * (1 - usual));
    });
    // It would be 1 if all users had the same hours.
    expect(sum(spread) / spread.length).toBeGreaterThan(2);
    const favourites = users.map((own) =>
      counts(own.map(({ movie_id }) => movie_id))[0] / own.length
    );
    expect(sum(favourites) / favourites.length).toBeGreaterThan(0.07);
  });

  it("sends the shares of late and of repeated events that it is asked for", () => {
    for (const [late, repeat] of [[0, 0], [0.02, 0.01], [0.2, 0.1]]) {
      const chunks = take(200_000, { users: 1000, late, repeat });
      const lines = textOf(chunks).trimEnd().split("\n");
      const repeated = lines.length - new Set(lines).size;
      expect(repeated).toBe(sum(chunks.map((chunk) => chunk.repeats)));
      expect(Math.abs(repeated / lines.length - repeat)).toBeLessThan(0.1 * repeat + 1e-9);
      let greatest = 0;
      let behind = 0;
      for (const line of new Set(lines)) {
        const ms = msOf(JSON.parse(line));
        if (ms < greatest - 5000) behind++;
        greatest = Math.max(greatest, ms);
      }
      // Where little happens, nothing later may have come before a late event.
      expect(behind / lines.length).toBeLessThanOrEqual(late);
      expect(behind / lines.length).toBeGreaterThanOrEqual(0.6 * late);
      expect(Math.abs(sum(chunks.map((chunk) => chunk.late)) / lines.length - late))
        .toBeLessThan(0.1 * late + 1e-9);
    }
  });

  it("works with the fewest users and movies that there can be", () => {
    for (const rate of [0.01, 100]) {
      const events = eventsOf(take(3000, { rate, users: 2, movies: 1 }));
      expect(new Set(events.map(({ movie_id }) => movie_id))).toEqual(new Set([1]));
      expect(new Set(events.map(({ user_id }) => user_id)).size).toBe(2);
    }
  });
});

describe("zipf()", () => {
  it("gives rank r in proportion to 1 / (r + 1)", () => {
    const rank = zipf(1000);
    const next = random(4);
    const counted = new Float64Array(1000);
    for (let i = 0; i < 1_000_000; i++) counted[rank(next())]++;
    const points = Array.from(
      counted.slice(0, 200),
      (count, i) => [Math.log(i + 1), Math.log(count)] as const,
    );
    expect(slope(points)).toBeCloseTo(-1, 1);
  });
});

describe("DueHeap", () => {
  it("gives slots in the order in which they are due", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(20), { nil: null }), { maxLength: 60 }), (moves) => {
        const heap = new DueHeap(60);
        let model: { slot: number; ms: number }[] = [];
        moves.forEach((ms, slot) => {
          if (ms !== null) {
            heap.add(slot, ms);
            model.push({ slot, ms });
          } else if (model.length > 0) {
            const first = Math.min(...model.map((of) => of.ms));
            expect(heap.firstMs).toBe(first);
            const taken = heap.take();
            expect(model.find(({ slot }) => slot === taken)!.ms).toBe(first);
            model = model.filter(({ slot }) => slot !== taken);
          }
          expect(heap.size).toBe(model.length);
        });
      }),
    );
  });
});
