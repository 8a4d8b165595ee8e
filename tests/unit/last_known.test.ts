import { describe, expect, it } from "testing";
import { LastKnown } from "../../runtime/engine/last_known.ts";
import { ManualClock } from "../support/manual_clock.ts";

const START_MS = Date.UTC(2026, 0, 1);
const fail = (text: string) => () => Promise.reject(new Error(text));
const later = () => Promise.withResolvers<number>();

describe("LastKnown", () => {
  it("gives what a part said last, since when it has not answered, and why at first", async () => {
    const clock = new ManualClock(START_MS);
    const known = new LastKnown(clock);
    expect(await known.ask("log", "end", fail("refused"), 0)).toBe(0);
    clock.advance(1000);
    expect(await known.ask("log", "end", () => Promise.resolve(7), 0)).toBe(7);
    expect(known.unreached()).toEqual([]);
    clock.advance(1000);
    expect(await known.ask("log", "end", fail("refused"), 0)).toBe(7);
    clock.advance(5000);
    expect(await known.ask("log", "end", fail("gone"), 0)).toBe(7);
    const unreached = [
      { part: "log", since: new Date(START_MS + 2000).toISOString(), error: "refused" },
    ];
    expect(known.unreached()).toEqual(unreached);
    expect(known.faults(60_000)).toMatchObject([{ part: "log", error: new Error("refused") }]);
  });

  it("waits two seconds for one that hangs, asks it once, and takes its answer when it comes", async () => {
    const clock = new ManualClock(START_MS);
    const known = new LastKnown(clock);
    const answer = later();
    let asked = 0;
    const ask = () => {
      const asking = known.ask("archive", "how far", () => (asked++, answer.promise), 1);
      clock.advance(2000);
      return asking;
    };
    expect(await ask()).toBe(1);
    const unreached = [{
      part: "archive",
      since: new Date(START_MS + 2000).toISOString(),
      error: "no answer within 2 s",
    }];
    expect(known.unreached()).toEqual(unreached);
    expect(known.faults(5000)).toEqual([]);
    expect(await known.ask("archive", "how far", fail("not asked"), 1)).toBe(1);
    expect([asked, known.unreached()]).toEqual([1, unreached]);
    expect(clock.sleeping).toBe(0);
    clock.advance(5000);
    expect(known.faults(5000)).toMatchObject([{ part: "archive", error: unreached[0].error }]);
    answer.resolve(5);
    expect(await known.ask("archive", "how far", fail("not asked"), 1)).toBe(5);
    expect(await known.ask("archive", "how far", () => Promise.resolve(6), 1)).toBe(6);
    expect(known.unreached()).toEqual([]);
  });

  it("a part is reached again when all that was asked of it is answered", async () => {
    const clock = new ManualClock(START_MS);
    const known = new LastKnown(clock);
    await known.ask("warehouse", "a", fail("first"), null);
    clock.advance(500);
    await known.ask("warehouse", "b", fail("second"), null);
    await known.ask("log", "c", () => Promise.resolve(1), null);
    expect(known.unreached()).toEqual([
      { part: "warehouse", since: new Date(START_MS).toISOString(), error: "first" },
    ]);
    await known.ask("warehouse", "a", () => Promise.resolve(1), null);
    expect(known.unreached().map(({ error }) => error)).toEqual(["second"]);
    await known.ask("warehouse", "b", () => Promise.resolve(1), null);
    expect(known.unreached()).toEqual([]);
  });

  it("forgets the faults of a question that is asked no more, and not what a rare one said", async () => {
    const clock = new ManualClock(START_MS);
    const known = new LastKnown(clock);
    await known.ask("warehouse", "a dropped table", fail("gone"), null);
    await known.ask("log", "end", () => Promise.resolve(7), 0);
    clock.advance(30_000);
    await known.ask("log", "end", () => Promise.resolve(8), 0);
    expect(known.faults(0)).toMatchObject([{ part: "warehouse" }]);
    clock.advance(3_600_000);
    expect(await known.ask("log", "end", fail("refused"), 0)).toBe(8);
    known.faults(0);
    expect(known.faults(0)).toMatchObject([{ part: "log" }]);
  });
});
