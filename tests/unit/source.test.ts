import { describe, expect, it } from "testing";
import { defineSchema, instant, string } from "../../runtime/events.ts";
import { defineSource, type MadeEvents } from "../../runtime/source.ts";
import { feed } from "../../runtime/sources/feed.ts";
import type { Clock } from "../../runtime/std/clock.ts";

const startMs = Date.UTC(2026, 0, 5);
const ticks = defineSchema({
  topic: "ticks",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "id",
  fields: { id: string(), at: instant() },
});
const declaration = {
  name: "ticks",
  summary: "Ten at a time",
  *events({ rate, startMs }: { rate: number | null; startMs: number }): Generator<MadeEvents> {
    for (let tens = 1;; tens++) {
      const lines = Array.from({ length: 10 }, (_, i) => `{"id":"${startMs}-${tens}-${i}"}\n`);
      const dueMs = startMs + tens * 10_000 / (rate ?? 10);
      yield { ndjson: lines.join(""), events: 10, dueMs };
    }
  },
};

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

describe("defineSource()", () => {
  it("reports all faults of a declaration at once", () => {
    const given = {
      name: "No",
      summary: 1,
      events: [],
      evnts: 1,
      catalog: {},
    } as unknown as typeof declaration;
    expect(() => defineSource({} as typeof ticks, given)).toThrow(
      'Cannot define source "No": \n' +
        "- its first argument must be a schema of defineSchema(), got {}\n" +
        '- evnts is no member; known are name, summary, events, catalog; did you mean "events"?\n' +
        '- name must be lower-case letters, digits and "-", got "No"\n' +
        "- summary must be a text, got 1\n" +
        "- events must be a function that makes events, got []\n" +
        "- catalog.of must be a catalog of defineCatalog(), got undefined\n" +
        "- catalog.rows must be a function that makes rows, got undefined",
    );
  });
});

describe("feed()", () => {
  const source = defineSource(ticks, declaration);

  it("keeps to the clock's pace, from the clock's now on", async () => {
    const clock = jumpingClock();
    const stop = new AbortController();
    let sent = 0;
    for await (
      const { events, dueMs } of feed({ source, rate: 500, clock, signal: stop.signal })
    ) {
      expect(clock.now()).toBe(dueMs);
      if ((sent += events) >= 5000) stop.abort();
    }
    expect(clock.now() - startMs).toBe(10_000);
  });

  it("starts again at now, under new ids, when it has fallen far behind", async () => {
    const clock = jumpingClock();
    const stop = new AbortController();
    const chunks: MadeEvents[] = [];
    for await (const made of feed({ source, rate: 100, clock, signal: stop.signal })) {
      chunks.push(made);
      if (chunks.length === 2) await clock.sleep(60_000);
      if (chunks.length === 4) stop.abort();
    }
    expect(chunks[2].dueMs - chunks[1].dueMs).toBeGreaterThanOrEqual(60_000);
    const lines = chunks.flatMap(({ ndjson }) => ndjson.trimEnd().split("\n"));
    expect(new Set(lines).size).toBe(40);
  });
});
