import { describe, expect, fc, it } from "testing";
import { decodeFrontier, encodeFrontier } from "../../runtime/model/frontier.ts";

describe("encodeFrontier()", () => {
  it("gives a text that decodeFrontier() reads, for any logs and partitions", () => {
    const offsets = fc.array(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), { maxLength: 4 });
    fc.assert(fc.property(fc.dictionary(fc.stringMatching(/^[a-z0-9-]{1,9}$/), offsets), (cut) => {
      expect(decodeFrontier(encodeFrontier(cut))).toEqual({ ...cut });
    }));
  });

  it("gives a text that can be waited for when nothing was appended", () => {
    expect(decodeFrontier(encodeFrontier({ "local-1": [] }))).toEqual({ "local-1": [] });
  });
});
