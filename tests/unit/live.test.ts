import { describe, expect, it } from "testing";
import { BusyError, UserError } from "../../runtime/std/errors.ts";
import type { LiveUpdate, MetricAnswer, MetricQuery } from "../../runtime/ports/services.ts";
import { LiveQuestions } from "../../runtime/serving/live.ts";
import { ManualClock } from "../support/manual_clock.ts";

/** A metric of one row, whose value and position the test sets; answers may be held back. */
class Source {
  value = 0;
  at = 0;
  asked = 0;
  /** What the row shows whatever the value is, so that only the frontier moves. */
  shown: number | null = null;
  held: Promise<void> | null = null;
  fault: Error | null = null;

  query = async (metric: string, _query: MetricQuery): Promise<MetricAnswer> => {
    this.asked++;
    const { value, fault } = this;
    await this.held;
    if (fault !== null) throw fault;
    return {
      metric,
      layer: "merged",
      tz: "UTC",
      compare: null,
      cut: "",
      frontier: String(value),
      problems: [],
      generation: "v1_00000000",
      frozen_at: null,
      rebuilding: null,
      kept_from: null,
      kept_until: null,
      speed_ranges: [],
      not_compared: null,
      next: null,
      columns: [{ name: "movie_id", type: "uint32" }, { name: "views", type: "integer" }],
      rows: [{ movie_id: 1, views: this.shown ?? value }],
    };
  };
  identity = () => ["movie_id"];
  position = () => Promise.resolve(String(this.at));

  move(value: number): void {
    this.value = value;
    this.at++;
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

async function followed(source: Source, clock: ManualClock) {
  const stop = new AbortController();
  const live = new LiveQuestions(clock, source);
  const updates = await live.follow("movies", { keys: {} }, { signal: stop.signal });
  const iterator = updates[Symbol.asyncIterator]() as AsyncIterator<LiveUpdate>;
  const next = async () => (await iterator.next()).value as LiveUpdate;
  const views = async () => (await next()).answer.rows[0].views;
  return { live, stop, next, views };
}

describe("followed questions", () => {
  it("take a third of the time together, however many and slow they are", async () => {
    const [source, clock] = [new Source(), new ManualClock()];
    const stop = new AbortController();
    const live = new LiveQuestions(clock, source);
    for (const limit of ["1", "2", "3"]) {
      await live.follow("movies", { keys: {}, limit }, { signal: stop.signal });
    }
    expect(source.asked).toBe(3);
    let underWayMs = 0;
    for (let second = 0; second < 60; second++) {
      const held = Promise.withResolvers<void>();
      source.held = held.promise;
      source.move(second);
      const before = source.asked;
      clock.advance(500);
      await settled();
      if (source.asked > before) {
        // Each answer takes half a second.
        expect(source.asked).toBe(before + 1);
        clock.advance(500);
        underWayMs += 500;
      }
      held.resolve();
      await settled();
    }
    const tookMs = 60 * 500 + underWayMs;
    expect(source.asked - 3).toBeGreaterThan(12);
    expect(underWayMs / tookMs).toBeLessThanOrEqual(1 / 3);
    stop.abort();
  });
});

describe("a followed question", () => {
  it("what changes while its first answer is being made comes a second later", async () => {
    const [source, clock] = [new Source(), new ManualClock()];
    const held = Promise.withResolvers<void>();
    source.held = held.promise;
    const following = followed(source, clock);
    await settled();
    source.move(7);
    held.resolve();
    const { stop, views } = await following;
    expect(await views()).toBe(0);
    clock.advance(1000);
    expect(await views()).toBe(7);
    stop.abort();
  });

  it("that is not answered any more ends, so that its reader asks again and is told why", async () => {
    const [source, clock] = [new Source(), new ManualClock()];
    const { live, stop, next, views } = await followed(source, clock);
    expect(await views()).toBe(0);
    const refused = new UserError("from has no windows");
    source.fault = refused;
    source.move(1);
    clock.advance(1000);
    expect(await next()).toBeUndefined();
    const again = live.follow("movies", { keys: {} }, { signal: stop.signal });
    await expect(again).rejects.toBe(refused);
    stop.abort();
  });

  it("what changes while a later answer is being made is asked again, too", async () => {
    const [source, clock] = [new Source(), new ManualClock()];
    const { stop, views } = await followed(source, clock);
    expect(await views()).toBe(0);
    const held = Promise.withResolvers<void>();
    source.held = held.promise;
    source.move(1);
    clock.advance(1000);
    await settled();
    source.move(2);
    held.resolve();
    expect(await views()).toBe(1);
    await settled();
    clock.advance(1000);
    expect(await views()).toBe(2);
    stop.abort();
  });

  it("is not asked while nothing moves, and after a fault until it is answered", async () => {
    const [source, clock] = [new Source(), new ManualClock()];
    const { stop, views } = await followed(source, clock);
    expect(await views()).toBe(0);
    for (let i = 0; i < 5; i++) {
      clock.advance(1000);
      await settled();
    }
    expect(source.asked).toBe(1);
    source.move(3);
    source.fault = new Error("out of reach");
    clock.advance(1000);
    await settled();
    source.fault = null;
    clock.advance(1000);
    expect(await views()).toBe(3);
    expect(source.asked).toBe(3);
    stop.abort();
  });
});

describe("an answer that reaches further with the same rows", () => {
  it("is a change without rows, so that readers of other parts of it ask again", async () => {
    const [source, clock] = [new Source(), new ManualClock()];
    source.shown = 5;
    const { stop, next } = await followed(source, clock);
    expect((await next()).kind).toBe("snapshot");
    source.move(9);
    clock.advance(1000);
    const { kind, answer, removed } = await next();
    expect([kind, answer.rows, removed, answer.frontier]).toEqual(["change", [], [], "9"]);
    stop.abort();
  });
});

describe("many questions", () => {
  it("a hundred different ones are followed, one more is told to come back", async () => {
    const live = new LiveQuestions(new ManualClock(), new Source());
    const stops = Array.from({ length: 100 }, () => new AbortController());
    const follow = (limit: number, { signal }: AbortController) =>
      live.follow("movies", { limit: String(limit), keys: {} }, { signal });
    for (const [i, stop] of stops.entries()) await follow(i, stop);
    const more = new AbortController();
    await expect(follow(100, more)).rejects.toThrow(BusyError);
    await follow(7, more);
    stops[0].abort();
    await follow(100, more);
    for (const stop of [...stops, more]) stop.abort();
  });
});
