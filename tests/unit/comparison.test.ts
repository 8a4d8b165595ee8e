import { describe, expect, it } from "testing";
import ratings from "../../plugins/ratings.ts";
import { offsetsOf } from "../../runtime/expressions/time_zone.ts";
import type { Plugin } from "../../runtime/plugin.ts";
import {
  type Change,
  changeColumns,
  changeOf,
  comparedEnd,
  type ComparedQuestion,
  comparedRanges,
  readComparison,
} from "../../runtime/serving/comparison.ts";
import { readWidth, utc } from "../../runtime/serving/local_buckets.ts";

const seconds = (text: string) => Date.parse(text) / 1000;

function ask(
  compare: string,
  { bucket = "all", from, to, zone = "UTC" }: {
    readonly bucket?: string;
    readonly from: string;
    readonly to: string;
    readonly zone?: string;
  },
) {
  const own = offsetsOf(zone);
  const question: ComparedQuestion = {
    layer: "merged",
    zone: own,
    bucket: bucket === "all" ? "all" : { ...readWidth(bucket)!, zone: own },
    from: seconds(from),
    to: seconds(to),
  };
  const comparison = readComparison(ratings, "merged", compare)!;
  const { from: first, to: end } = comparedRanges(ratings, question, comparison, seconds(to)).shown;
  return [first, end];
}

describe("the earlier range of a question", () => {
  it("is as long as its own, or so much earlier", () => {
    const range = { from: "2024-03-10T06:00Z", to: "2024-03-10T18:00Z" };
    expect(ask("previous", range)).toEqual(["2024-03-09T18:00:00Z", "2024-03-10T06:00:00Z"]);
    expect(ask("7d", range)).toEqual(["2024-03-03T06:00:00Z", "2024-03-03T18:00:00Z"]);
    expect(ask("24h", range)).toEqual(["2024-03-09T06:00:00Z", "2024-03-09T18:00:00Z"]);
    expect(ask("2w", range)).toEqual(["2024-02-25T06:00:00Z", "2024-02-25T18:00:00Z"]);
  });

  it("shows the same local time, whatever the clock did in between", () => {
    const range = { zone: "Europe/Berlin", from: "2024-03-31T22:00Z", to: "2024-04-01T22:00Z" };
    expect(ask("7d", range)).toEqual(["2024-03-24T23:00:00Z", "2024-03-25T23:00:00Z"]);
    // The day before has 23 hours.
    expect(ask("previous", { ...range, bucket: "day" }))
      .toEqual(["2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"]);
    expect(ask("previous", range)).toEqual(["2024-03-30T22:00:00Z", "2024-03-31T22:00:00Z"]);
  });

  it("is that of an hour that comes twice, and of one before an hour left out", () => {
    const berlin = { zone: "Europe/Berlin", bucket: "hour" };
    const first = { ...berlin, from: "2024-10-27T00:00Z", to: "2024-10-27T01:00Z" };
    expect(ask("previous", first)).toEqual(["2024-10-26T23:00:00Z", "2024-10-27T00:00:00Z"]);
    expect(ask("24h", first)).toEqual(["2024-10-26T00:00:00Z", "2024-10-26T01:00:00Z"]);
    const second = { ...berlin, from: "2024-10-27T01:00Z", to: "2024-10-27T02:00Z" };
    expect(ask("24h", second)).toEqual(["2024-10-26T00:00:00Z", "2024-10-26T01:00:00Z"]);
    const both = { ...berlin, from: "2024-10-27T00:00Z", to: "2024-10-27T02:00Z" };
    expect(ask("previous", both)).toEqual(["2024-10-26T23:00:00Z", "2024-10-27T00:00:00Z"]);
    const spring = { ...berlin, from: "2024-03-31T00:00Z", to: "2024-03-31T01:00Z" };
    expect(ask("previous", spring)).toEqual(["2024-03-30T23:00:00Z", "2024-03-31T00:00:00Z"]);
    expect(() => ask("previous", { ...first, from: "2024-10-27T00:30Z", to: "2024-10-27T01:30Z" }))
      .toThrow("parts of an hour that comes twice");
  });

  it("is whole buckets before", () => {
    const months = { bucket: "month", from: "2024-03-01T00:00Z", to: "2024-05-01T00:00Z" };
    expect(ask("previous", months)).toEqual(["2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"]);
    const cut = { bucket: "day", from: "2024-03-09T06:00Z", to: "2024-03-10T18:00Z" };
    expect(ask("previous", cut)).toEqual(["2024-03-07T06:00:00Z", "2024-03-08T18:00:00Z"]);
    // Of the month before there is no 31st.
    const ends = { bucket: "month", from: "2024-03-01T00:00Z", to: "2024-03-31T12:00Z" };
    expect(ask("previous", ends)).toEqual(["2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"]);
    expect(() => ask("7d", months)).toThrow("compare must be whole buckets of month, or previous");
    expect(() => ask("24h", { ...cut, bucket: "week" })).toThrow("whole buckets of week");
  });

  it("ends with the newest whole step", () => {
    const from = seconds("2024-03-10T06:00Z");
    const question = { layer: "merged", bucket: "all", from, to: null } as const;
    const end = (watermark: string, to: number | null = null) =>
      comparedEnd(ratings, { ...question, to }, Date.parse(watermark));
    // Windows, where grains are not wanted.
    for (const asked of [{ layer: "speed" } as const, { bucket: readWidth("minute") }]) {
      const watermark = Date.parse("2024-03-10T09:59:59.999Z");
      expect(comparedEnd(ratings, { ...question, ...asked }, watermark))
        .toBe(seconds("2024-03-10T09:59:50Z"));
    }
    expect(end("2024-03-10T09:59:59.999Z")).toBe(seconds("2024-03-10T09:00Z"));
    expect(end("2024-03-10T09:59Z", seconds("2024-03-10T08:00Z"))).toBe(
      seconds("2024-03-10T08:00Z"),
    );
    expect(() => end("2024-03-10T06:30Z")).toThrow(
      'Cannot query metric "ratings": from must lie before the newest events to be compared; they ' +
        "end at 2024-03-10T06:00:00Z",
    );
    expect(() => comparedEnd(ratings, question, -1)).toThrow("there are no events");
    expect(() => comparedEnd(ratings, { ...question, from: null }, 0))
      .toThrow("from must be given with compare");
  });
});

describe("compare", () => {
  it.each(["", "7", "day", "0d", "-1d", "7D", "12345d"])("is not %j", (text) => {
    expect(() => readComparison(ratings, "merged", text)).toThrow(
      "compare must be previous, or hours, days or weeks such as 7d",
    );
  });

  it("is not of the batch layer", () => {
    expect(() => readComparison(ratings, "batch", "7d")).toThrow("needs layer merged or speed");
    expect(readComparison(ratings, "batch", undefined)).toBe(null);
  });

  it("adds no column that a metric has", () => {
    const [shown] = ratings.shownColumns;
    const shownColumns = [...ratings.shownColumns, { ...shown, name: "rating_count_change" }];
    const plugin: Plugin = { ...ratings, shownColumns };
    expect(() => changeColumns(plugin)).toThrow("would add the column rating_count_change");
    expect(changeColumns(ratings).map(({ name }) => name).slice(0, 3))
      .toEqual(["rating_count_before", "rating_count_change", "rating_count_percent"]);
  });
});

describe("what has changed", () => {
  const cases: [unknown, unknown, Change][] = [
    [6, 4, { before: 4, change: 2, percent: 50 }],
    [8.5, 8.3, { before: 8.3, change: 0.2, percent: 2.40963855422 }],
    [1, 3, { before: 3, change: -2, percent: -66.6666666667 }],
    [5, 0, { before: 0, change: 5, percent: null }],
    [5, null, { before: null, change: null, percent: null }],
    [null, 5, { before: 5, change: null, percent: null }],
    [5, undefined, { before: null, change: null, percent: null }],
  ];
  it.each(cases)("from %j to %j is %j", (value, before, change) => {
    expect(changeOf(value, before)).toEqual(change);
  });
});

describe("a question in UTC", () => {
  it("has no earlier range before 1970", () => {
    const question = { layer: "merged", zone: utc, bucket: "all", from: 3600, to: 7200 } as const;
    const { earlier } = comparedRanges(
      ratings,
      question,
      readComparison(ratings, "merged", "7d")!,
      7200,
    );
    expect(earlier).toEqual({ from: 0, to: 0 });
  });
});
