import { describe, expect, it, vi } from "testing";
import { beginningCheck } from "../../runtime/log/kafka/check_beginning.ts";

const bounds = [{ partition: 1, low: "700" }, { partition: 0, low: "0" }, {
  partition: 10,
  low: "90",
}];

describe("beginningCheck()", () => {
  it("asks for what the archive holds only where records are gone", async () => {
    const archived = vi.fn((_: readonly number[]) => Promise.resolve([700n, 90n]));
    const whole = [{ partition: 0, low: "0" }];
    expect((await beginningCheck("t", whole, { archived, lostRanges: "stop" })).found)
      .toBe("t begins at offset 0");
    expect(archived).not.toHaveBeenCalled();
    expect(await beginningCheck("t", bounds, { archived, lostRanges: "stop" }))
      .toMatchObject({ state: "ok", found: "what t no longer holds is archived" });
    expect(archived).toHaveBeenCalledWith([1, 10]);
  });

  it("names each range that is lost, and the way out; with it, nothing is to be done", async () => {
    const archived = () => Promise.resolve([512n, 128n]);
    const found = "neither t nor the archive holds offsets [512, 700) of partition 1";
    expect(await beginningCheck("t", bounds, { archived, lostRanges: "stop" })).toMatchObject({
      state: "fail",
      found,
      advice: expect.stringContaining("--lost-ranges skip"),
    });
    expect(await beginningCheck("t", bounds, { archived, lostRanges: "skip" }))
      .toMatchObject({ state: "ok", found: `${found}: they are skipped`, advice: null });
  });

  it("warns where the archive does not answer", async () => {
    const archived = () => Promise.reject(new Error("no such bucket"));
    const { state, found } = await beginningCheck("t", bounds, { archived, lostRanges: "stop" });
    expect([state, found]).toEqual(["warn", expect.stringMatching(/not known: no such bucket$/)]);
  });
});
