import { describe, expect, it } from "testing";
import { coveredFrom } from "../../runtime/archive/archived_ranges.ts";

describe("coveredFrom()", () => {
  const block = (start: bigint, end: bigint) => ({ log: "a", partition: 0, start, end });

  it("tells from where on ranges reach the end without a hole", () => {
    expect(coveredFrom([block(0n, 4n), block(4n, 9n)], 2n, 8n)).toBe(2n);
    expect(coveredFrom([block(0n, 4n), block(5n, 7n), block(7n, 8n)], 2n, 8n)).toBe(5n);
    expect(coveredFrom([block(3n, 8n)], 2n, 8n)).toBe(3n);
  });

  it("tells the end where they do not reach it", () => {
    expect(coveredFrom([block(0n, 4n), block(4n, 7n)], 2n, 8n)).toBe(8n);
    expect(coveredFrom([], 2n, 8n)).toBe(8n);
  });
});
