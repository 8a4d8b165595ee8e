import { describe, expect, it } from "testing";
import { SharedCalls } from "../../runtime/std/shared_calls.ts";
import { ManualClock } from "../support/manual_clock.ts";

const SHARED_MS = 200;

/** An answer that is given when the test says so. */
function source() {
  const made: { resolve(value: string): void; reject(error: Error): void; signal: AbortSignal }[] =
    [];
  const make = (signal: AbortSignal) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    made.push({ resolve, reject, signal });
    return promise;
  };
  return { made, make };
}

describe("SharedCalls", () => {
  it("asks once for those who ask the same while the answer is being made", async () => {
    const clock = new ManualClock();
    const calls = new SharedCalls(clock, { freshMs: SHARED_MS });
    const { made, make } = source();
    const first = calls.get(["a"], make);
    clock.advance(10 * SHARED_MS);
    const second = calls.get(["a"], make);
    const other = calls.get(["b"], make);
    expect(made.length).toBe(2);
    made[0].resolve("one");
    made[1].resolve("two");
    expect(await Promise.all([first, second, other])).toEqual(["one", "one", "two"]);
  });

  it("asks anew once the answer is too old, or when it is told to forget", async () => {
    const clock = new ManualClock();
    const calls = new SharedCalls(clock, { freshMs: SHARED_MS });
    const { made, make } = source();
    const ask = async () => {
      const answer = calls.get(["a"], make);
      made.at(-1)!.resolve("x");
      await answer;
    };
    await ask();
    clock.advance(SHARED_MS - 1);
    await ask();
    expect(made.length).toBe(1);
    clock.advance(1);
    await ask();
    expect(made.length).toBe(2);
    calls.forget();
    await ask();
    expect(made.length).toBe(3);
  });

  it("shares a fault with those who wait, and with nobody else", async () => {
    const calls = new SharedCalls(new ManualClock(), { freshMs: SHARED_MS });
    const { made, make } = source();
    const both = [calls.get(["a"], make), calls.get(["a"], make)];
    made[0].reject(new Error("broken"));
    for (const answer of both) await expect(answer).rejects.toThrow("broken");
    const again = calls.get(["a"], make);
    made[1].resolve("whole");
    expect(await again).toBe("whole");
  });

  it("stops the work when all who waited have left, and not before", async () => {
    const calls = new SharedCalls(new ManualClock(), { freshMs: SHARED_MS });
    const { made, make } = source();
    const [one, two] = [new AbortController(), new AbortController()];
    const first = calls.get(["a"], make, { signal: one.signal });
    const second = calls.get(["a"], make, { signal: two.signal });
    one.abort(new Error("left"));
    await expect(first).rejects.toThrow("left");
    expect(made[0].signal.aborted).toBe(false);
    two.abort(new Error("left, too"));
    await expect(second).rejects.toThrow("left, too");
    expect(made[0].signal.aborted).toBe(true);
    void calls.get(["a"], make);
    expect(made.length).toBe(2);
  });

  describe("that hold answers while the next one is made", () => {
    const HELD_MS = 500;

    /** A question whose first answer is there, and no longer fresh. */
    async function aged() {
      const clock = new ManualClock();
      const calls = new SharedCalls(clock, { freshMs: SHARED_MS, heldMs: HELD_MS });
      const { made, make } = source();
      const ask = () => calls.get(["a"], make);
      const first = ask();
      made[0].resolve("one");
      await first;
      clock.advance(SHARED_MS);
      return { clock, calls, made, ask };
    }

    it("make nobody wait, and ask once", async () => {
      const { made, ask } = await aged();
      expect(await Promise.all([ask(), ask()])).toEqual(["one", "one"]);
      expect(made.length).toBe(2);
      made[1].resolve("two");
      await Promise.resolve();
      expect(await ask()).toBe("two");
      expect(made.length).toBe(2);
    });

    it("make those wait who would be given one that is too old", async () => {
      const { clock, made, ask } = await aged();
      expect(await ask()).toBe("one");
      clock.advance(HELD_MS - SHARED_MS);
      const waiting = ask();
      made[1].resolve("two");
      expect(await waiting).toBe("two");
      expect(made.length).toBe(2);
    });

    it("keep the one that is there when the next one fails, and ask again", async () => {
      const { made, ask } = await aged();
      expect(await ask()).toBe("one");
      made[1].reject(new Error("broken"));
      await new Promise((resolve) => setTimeout(resolve));
      expect(await ask()).toBe("one");
      made[2].resolve("three");
      await Promise.resolve();
      expect(await ask()).toBe("three");
    });

    it("never hand out what was being made when they were told to forget", async () => {
      const { calls, made, ask } = await aged();
      expect(await ask()).toBe("one");
      calls.forget(["a"]);
      const waiting = ask();
      made[1].resolve("before");
      made[2].resolve("after");
      expect(await waiting).toBe("after");
      expect(await ask()).toBe("after");
    });
  });
});
