import { describe, expect, it } from "testing";
import { KeyLoader } from "../../runtime/serving/key_loader.ts";
import { Semaphore } from "../../runtime/std/semaphore.ts";

/** Loads that end when the test says so; an answer is the key with the number of its load. */
function loader(turns = new Semaphore(1)) {
  const loads: {
    readonly shape: string;
    readonly keys: readonly number[];
    readonly signal: AbortSignal;
    end(error?: Error): void;
  }[] = [];
  const load = (shape: string, keys: readonly number[], signal: AbortSignal) => {
    const { promise, resolve, reject } = Promise.withResolvers<(key: number) => string>();
    const number = loads.length;
    const end = (error?: Error) => error ? reject(error) : resolve((key) => `${key} of ${number}`);
    loads.push({ shape, keys: [...keys], signal, end });
    return promise;
  };
  return { loads, keys: new KeyLoader<string, number, string>(turns, load) };
}

const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setTimeout(resolve));

describe("KeyLoader", () => {
  it("loads at once while nothing is under way", async () => {
    const { loads, keys } = loader();
    const answer = keys.get("a", 1, never);
    await settled();
    expect(loads.map(({ keys }) => keys)).toEqual([[1]]);
    loads[0].end();
    expect(await answer).toBe("1 of 0");
  });

  it("gathers what comes while a load is under way, and answers it by one that begins after", async () => {
    const { loads, keys } = loader();
    const first = keys.get("a", 1, never);
    await settled();
    const later = [2, 3, 1].map((key) => keys.get("a", key, never));
    loads[0].end();
    await settled();
    expect(loads.map(({ keys }) => keys)).toEqual([[1], [2, 3, 1]]);
    loads[1].end();
    expect(await Promise.all([first, ...later])).toEqual(["1 of 0", "2 of 1", "3 of 1", "1 of 1"]);
  });

  it("keeps shapes apart, each waiting for its turn", async () => {
    const { loads, keys } = loader();
    const asked = [keys.get("a", 1, never), keys.get("b", 1, never), keys.get("b", 2, never)];
    await settled();
    expect(loads.map(({ shape }) => shape)).toEqual(["a"]);
    loads[0].end();
    await settled();
    expect(loads.map(({ shape, keys }) => [shape, keys])).toEqual([["a", [1]], ["b", [1, 2]]]);
    loads[1].end();
    expect(await Promise.all(asked)).toEqual(["1 of 0", "1 of 1", "2 of 1"]);
  });

  it("loads of two shapes run side by side as far as there are turns", async () => {
    const { loads, keys } = loader(new Semaphore(2));
    void keys.get("a", 1, never);
    void keys.get("b", 1, never);
    void keys.get("c", 1, never);
    await settled();
    expect(loads.map(({ shape }) => shape)).toEqual(["a", "b"]);
  });

  it("a load that fails fails for its own keys alone", async () => {
    const { loads, keys } = loader();
    const first = keys.get("a", 1, never);
    await settled();
    const second = keys.get("a", 2, never);
    loads[0].end(new Error("broken"));
    await expect(first).rejects.toThrow("broken");
    await settled();
    loads[1].end();
    expect(await second).toBe("2 of 1");
  });

  it("who gives up is not waited for, and a load that nobody waits for is cancelled", async () => {
    const { loads, keys } = loader();
    const [one, two] = [new AbortController(), new AbortController()];
    const answers = [keys.get("a", 1, one.signal), keys.get("a", 2, two.signal)];
    await settled();
    one.abort(new Error("first left"));
    await expect(answers[0]).rejects.toThrow("first left");
    expect(loads[0].signal.aborted).toBe(false);
    two.abort(new Error("second left"));
    await expect(answers[1]).rejects.toThrow("second left");
    expect(loads[0].signal.aborted).toBe(true);
    loads[0].end();
  });

  it("a group that everybody left is not loaded; who comes then begins another", async () => {
    const { loads, keys } = loader();
    const first = keys.get("a", 1, never);
    await settled();
    const gone = new AbortController();
    const left = keys.get("a", 2, gone.signal);
    gone.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    const third = keys.get("a", 3, never);
    loads[0].end();
    await settled();
    loads[1].end();
    expect(await Promise.all([first, third])).toEqual(["1 of 0", "3 of 1"]);
    expect(loads.map(({ keys }) => keys)).toEqual([[1], [3]]);
  });

  it("a load has at most 500 keys", async () => {
    const { loads, keys } = loader();
    const first = keys.get("a", 0, never);
    await settled();
    const others = Array.from({ length: 600 }, (_, i) => keys.get("a", i + 1, never));
    for (let i = 0; i < 3; i++) {
      loads[i].end();
      await settled();
    }
    expect(loads.map(({ keys }) => keys.length)).toEqual([1, 500, 100]);
    expect((await Promise.all([first, ...others])).at(-1)).toBe("600 of 2");
  });
});
