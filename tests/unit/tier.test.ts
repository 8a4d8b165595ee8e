import { expect, test } from "testing";
import { tierOf, tiers } from "../support/tier.ts";

test("tierOf() knows three tiers, of which `quick` is the default", () => {
  expect(tiers.map((name) => tierOf(name))).toEqual(["quick", "full", "long"]);
  expect(tierOf(undefined)).toBe("quick");
});

test("tierOf() refuses any other value, and names those that it knows", () => {
  expect(() => tierOf("fast")).toThrow(
    'TWOFOLD_TESTS must be one of quick, full, long, got "fast"',
  );
});
