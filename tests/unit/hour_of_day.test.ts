import { describe, expect, it } from "testing";
import { meanByHour } from "../../islands/HourOfDay.tsx";
import type { SeriesAnswer } from "../../runtime/ports/services.ts";

const HOUR = 3600;

/** A series from 1970-01-01 06:00 UTC on. */
function seriesOf(bucket_seconds: number, lines: readonly (readonly (number | null)[])[]) {
  const time = lines[0].map((_, i) => 6 * HOUR + i * bucket_seconds);
  const series = lines.map((values) => ({ key: null, values }));
  return { time, bucket_seconds, series } as unknown as SeriesAnswer;
}

const valuesOf = (answer: SeriesAnswer) =>
  new Map(meanByHour(answer)?.map(({ name, value }) => [name, value]));

describe("the mean of each hour of the day", () => {
  it("is over the hours that are shown, however often each of them is", () => {
    const values = Array.from({ length: 30 }, (_, i) => i < 24 ? i : 100 + i);
    const hours = valuesOf(seriesOf(HOUR, [values]));
    expect([...hours.keys()]).toEqual(
      Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0")),
    );
    expect([hours.get("06"), hours.get("11"), hours.get("12"), hours.get("05")])
      .toEqual([(0 + 124) / 2, (5 + 129) / 2, 6, 23]);
  });

  it("adds up finer buckets and all lines; what is not there is nothing", () => {
    const half = (value: number | null) => Array.from({ length: 48 }, () => value);
    const hours = valuesOf(seriesOf(HOUR / 2, [half(1), half(null), half(2)]));
    expect(new Set(hours.values())).toEqual(new Set([6]));
  });

  it("is not told of less than a day, nor of coarser buckets", () => {
    expect(meanByHour(seriesOf(HOUR, [Array(23).fill(1)]))).toBe(null);
    expect(meanByHour(seriesOf(24 * HOUR, [Array(7).fill(1)]))).toBe(null);
  });
});
