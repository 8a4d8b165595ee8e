import { describe, expect, it } from "testing";
import { earlierLogs } from "../../runtime/archive/earlier_logs.ts";
import type { Cut } from "../../runtime/model/frontier.ts";
import type { Manifest } from "../../runtime/ports/ports.ts";

describe("earlierLogs()", () => {
  const asked: Cut[] = [];
  let fails = false;
  const ranges: (readonly [number, number] | null)[] = [[5, 70], null, [1, 90], [2, 80]];
  const lastMs = earlierLogs({
    async *manifests(_base, cut) {
      asked.push(cut);
      if (fails) throw new Error("down");
      const of = Object.keys(cut).length === 0 ? [] : ranges;
      yield* of.map((eventMs) => ({ eventMs }) as Manifest);
    },
  }, "log-2");

  it("finds no event where the topic had no other log", async () => {
    expect(await lastMs({ "log-2": [7n] })).toBe(-1);
  });

  it("finds the newest event of the others, and reads what lies below a cut once", async () => {
    asked.splice(0);
    expect(await lastMs({ "log-1": [32n], "log-2": [7n] })).toBe(90);
    expect(await lastMs({ "log-1": [32n], "log-2": [9n] })).toBe(90);
    expect(asked).toEqual([{ "log-1": [32n] }]);
    ranges.push([3, 95]);
    expect(await lastMs({ "log-1": [48n], "log-2": [9n] })).toBe(95);
  });

  it("reads again what could not be read", async () => {
    fails = true;
    await expect(lastMs({ "log-1": [64n] })).rejects.toThrow("down");
    fails = false;
    expect(await lastMs({ "log-1": [64n] })).toBe(95);
  });
});
