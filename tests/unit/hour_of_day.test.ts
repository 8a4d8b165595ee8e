import { describe, expect, it } from "testing";
import { meanByHour } from "../../islands/HourOfDay.tsx";
import type { SeriesAnswer } from "../../runtime/ports/services.ts";

const HOUR = 3600;

/** A series from 1970-01-01 06:00 UTC on. */
function seriesOf(
  bucketSeconds: number,
  lines: readonly (readonly (number | null)[])[],
  offsetAt: (seconds: number) => number = () => 0,
) {
  const time = lines[0].map((_, i) => 6 * HOUR + i * bucketSeconds);
  const end = time.at(-1)! + bucketSeconds;
  const series = lines.map((values) => ({ key: null, values }));
  return { time, end, offsets: time.map(offsetAt), series } as unknown as SeriesAnswer;
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

  it("is by the local time at each bucket; an hour that is repeated counts twice", () => {
    const west = (seconds: number) => seconds < 20 * HOUR ? -7 * HOUR : -8 * HOUR;
    const values = Array.from({ length: 25 }, (_, i) => i);
    const hours = valuesOf(seriesOf(HOUR, [values], west));
    // 06:00 UTC is 23:00; 19:00 and 20:00 UTC are both 12:00.
    expect([hours.get("23"), hours.get("00"), hours.get("12"), hours.get("22")])
      .toEqual([0, 1, (13 + 14) / 2, 24]);
  });

  it("is not told of less than a day, nor of coarser buckets", () => {
    expect(meanByHour(seriesOf(HOUR, [Array(23).fill(1)]))).toBe(null);
    expect(meanByHour(seriesOf(24 * HOUR, [Array(7).fill(1)]))).toBe(null);
  });
});
