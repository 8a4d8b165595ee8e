import { describe, expect, it } from "testing";
import {
  axisText,
  cellText,
  durationText,
  exactValue,
  measureName,
  valueText,
} from "../../routes/(_parts)/units.ts";

describe("a duration", () => {
  it.each<[number, string]>([
    [0, "0 s"],
    [0.0000042, "4.2 µs"],
    [0.12, "120 ms"],
    [0.99951, "1 s"],
    [45.23, "45.2 s"],
    [59.94, "59.9 s"],
    [59.96, "1 min"],
    [125, "2 min 5 s"],
    [3599.6, "1 h"],
    [4321.5, "1 h 12 min"],
    [86_370, "1 d"],
    [90_061, "1 d 1 h"],
    [172_799, "2 d"],
    [40_000_000 * 86_400, "40,000,000 d"],
    [-4321.5, "−1 h 12 min"],
  ])("of %s seconds is %s", (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });
});

describe("a value with a unit", () => {
  it.each<[number | null, string | undefined, string]>([
    [3_400_000, "bytes", "3.4 MB"],
    [999, "bytes", "999 B"],
    [999_960, "bytes", "1 MB"],
    [0.123, "share", "12.3 %"],
    [0.0004, "share", "0.04 %"],
    [0.99996, "share", "99.9 %"],
    [1, "share", "100 %"],
    [12.34, "percent", "12.3 %"],
    [1500, "milliseconds", "1.5 s"],
    [7.4, "stars", "7.40"],
    [7, undefined, "7"],
    [null, "seconds", "–"],
    [5, "toString", "5"],
  ])("%s in %s is %s", (value, unit, text) => {
    expect(valueText(value, unit)).toBe(text);
  });

  it("keeps the digits of keys, and of columns whose unit has no notation", () => {
    expect(cellText(7, { type: "uint32", unit: "stars" })).toBe("7");
    expect(cellText(7, { type: "decimal", unit: "stars" })).toBe("7.00");
    expect(cellText(4321.5, { type: "number", unit: "seconds" })).toBe("1 h 12 min");
    expect(cellText(null, { type: "number", unit: "seconds" })).toBe("–");
  });

  it("has all digits where its text has fewer", () => {
    expect(exactValue(4321.5, "seconds")).toBe("4321.5 seconds");
    expect([exactValue(7.4, "stars"), exactValue(null, "seconds")]).toEqual([undefined, undefined]);
  });

  it("is named at an axis where the figures do not carry it", () => {
    expect(measureName("avg_rating", "stars")).toBe("Avg rating, stars");
    expect(measureName("avg_duration", "seconds")).toBe("Avg duration");
    expect([axisText(7200, "seconds"), axisText(12_300, "stars")]).toEqual(["2 h", "12.3K"]);
  });
});
