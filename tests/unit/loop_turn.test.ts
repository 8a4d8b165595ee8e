import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "testing";
import { loopTurn } from "../../runtime/std/loop_turn.ts";

describe("loopTurn", () => {
  it("lets one step go on per turn of the event loop, in the order in which they asked", async () => {
    const steps: string[] = [];
    const work = async (name: string, count: number) => {
      for (let i = 0; i < count; i++) {
        await loopTurn();
        steps.push(name);
      }
    };
    const done = Promise.all([work("a", 3), work("b", 2), work("c", 1)]);
    const perTurn: number[] = [];
    while (steps.length < 6) {
      const before = steps.length;
      await setImmediate();
      perTurn.push(steps.length - before);
    }
    await done;
    expect(Math.max(...perTurn)).toBe(1);
    expect(steps.join("")).toBe("abcaba");
  });

  it("goes on where a step fails", async () => {
    const failing = loopTurn().then(() => {
      throw new Error("broken");
    });
    const other = loopTurn();
    await expect(failing).rejects.toThrow("broken");
    await other;
  });
});
