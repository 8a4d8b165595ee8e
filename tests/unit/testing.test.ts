import { afterEach, describe, expect, fc, it, test, vi } from "testing";

describe("the names that tests use", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  const seen: string[] = [];

  it.each([[1, 2, 3], [2, 3, 5]])("%i and %i make %i", (a, b, sum) => {
    expect(a + b).toBe(sum);
    seen.push(`${a}${b}`);
  });

  it.each([{ text: "a", size: 1 }, { text: "bc", size: 2 }])("$text has $size", (each) => {
    expect(each.text.length).toBe(each.size);
    seen.push(each.text);
  });

  test("it.each() ran every case once, in order", () => {
    expect(seen).toEqual(["12", "23", "a", "bc"]);
  });

  describe.each(["left", "right"])("describe.each() of %s", (side) => {
    it("has its case", () => {
      expect(["left", "right"]).toContain(side);
    });
  });

  it("vi.fn() remembers its calls and answers as told", () => {
    const add = vi.fn((a: number, b: number) => a + b);
    expect(add(1, 2)).toBe(3);
    add.mockReturnValueOnce(7);
    expect([add(3, 4), add(3, 4)]).toEqual([7, 7]);
    expect(add).toHaveBeenCalledTimes(3);
    expect(add).toHaveBeenCalledWith(1, 2);
    expect(add).not.toHaveBeenCalledWith(2, 1);
  });

  it("vi.spyOn() watches a method until it is restored", () => {
    const counter = { value: 1, next: () => counter.value++ };
    const spy = vi.spyOn(counter, "next").mockImplementation(() => 99);
    expect(counter.next()).toBe(99);
    expect(spy).toHaveBeenCalledTimes(1);
    spy.mockRestore();
    expect(counter.next()).toBe(1);
  });

  it("vi.useFakeTimers() moves time by hand", async () => {
    vi.useFakeTimers({ now: Date.UTC(2024, 0, 1) });
    const done = vi.fn();
    setTimeout(done, 1000);
    vi.advanceTimersByTime(999);
    expect(done).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(done).toHaveBeenCalledTimes(1);
    expect(new Date().toISOString()).toBe("2024-01-01T00:00:01.000Z");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("fc has a time limit, at which a case that failed is reported though shrinking is cut", async () => {
    expect(fc.readConfigureGlobal()).toMatchObject({ markInterruptAsFailure: true });
    expect(fc.readConfigureGlobal().interruptAfterTimeLimit).toBeGreaterThan(0);
    const found = await fc.check(
      fc.asyncProperty(fc.array(fc.nat(), { minLength: 20 }), async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw new Error("never holds");
      }),
      { interruptAfterTimeLimit: 50, seed: 1 },
    );
    expect(found).toMatchObject({ failed: true, interrupted: true, seed: 1 });
    expect(found.counterexample).toHaveLength(1);
    expect(found.counterexamplePath).not.toBe(null);
  });
});
