import { describe, expect, it } from "testing";
import { offsetsOf } from "../../runtime/expressions/time_zone.ts";
import {
  firstStart,
  fixedSeconds,
  nextStart,
  readWidth,
  startOfBucket,
  utc,
  widthText,
} from "../../runtime/serving/local_buckets.ts";
import { localBucketParameters, localBucketSql } from "../../runtime/serving/local_buckets_sql.ts";
import { bucketStartSql } from "../../runtime/sql/tables.ts";

const seconds = (text: string) => Date.parse(text) / 1000;
const iso = (at: number) => new Date(at * 1000).toISOString().slice(0, 16);

/** The starts of the first `count` buckets from the one on that holds `from`. */
function starts(width: string, zone: string, from: string, count: number): string[] {
  const bucket = { ...readWidth(width)!, zone: offsetsOf(zone) };
  const found = [startOfBucket(bucket, seconds(from))];
  while (found.length < count) found.push(nextStart(bucket, found.at(-1)!));
  return found.map(iso);
}

/** The hours of each bucket. */
const hours = (texts: readonly string[]) =>
  texts.slice(1).map((text, i) => (seconds(`${text}Z`) - seconds(`${texts[i]}Z`)) / 3600);

describe("buckets of local time", () => {
  it("have days of 23, 24 and 25 hours", () => {
    const spring = starts("day", "Europe/Berlin", "2024-03-30T12:00Z", 4);
    expect(spring[0]).toBe("2024-03-29T23:00");
    expect(hours(spring)).toEqual([24, 23, 24]);
    expect(hours(starts("day", "Europe/Berlin", "2024-10-26T12:00Z", 4))).toEqual([24, 25, 24]);
  });

  it("have an hour that is repeated twice, and one that is left out not at all", () => {
    expect(starts("hour", "Europe/Berlin", "2024-10-27T00:10Z", 3))
      .toEqual(["2024-10-27T00:00", "2024-10-27T01:00", "2024-10-27T02:00"]);
    expect(starts("hour", "Australia/Lord_Howe", "2024-04-06T14:10Z", 4))
      .toEqual(["2024-04-06T14:00", "2024-04-06T15:00", "2024-04-06T15:30", "2024-04-06T16:30"]);
  });

  it("leave out the day that Samoa left out", () => {
    expect(starts("day", "Pacific/Apia", "2011-12-29T12:00Z", 3))
      .toEqual(["2011-12-29T10:00", "2011-12-30T10:00", "2011-12-31T10:00"]);
  });

  it("hold a date whole whose midnight came twice", () => {
    const day = { ...readWidth("day")!, zone: offsetsOf("America/St_Johns") };
    // At 00:01 on 7 November 2010 clocks went back to 23:01 on the 6th.
    const of = (at: string) => iso(startOfBucket(day, seconds(at)));
    expect(of("2010-11-07T02:29Z")).toBe("2010-11-06T02:30");
    expect(of("2010-11-07T02:30Z")).toBe("2010-11-07T02:30");
    expect(of("2010-11-07T02:31Z")).toBe("2010-11-06T02:30");
    expect(of("2010-11-07T03:30Z")).toBe("2010-11-07T02:30");
    const first = (from: string, to: string) => iso(firstStart(day, seconds(from), seconds(to)));
    expect(first("2010-11-07T02:30Z", "2010-11-07T02:31Z")).toBe("2010-11-07T02:30");
    expect(first("2010-11-07T02:30Z", "2010-11-07T02:32Z")).toBe("2010-11-06T02:30");
  });

  it("begin weeks on Monday and months on the first, in UTC too", () => {
    expect(starts("week", "UTC", "2024-01-04", 2)).toEqual([
      "2024-01-01T00:00",
      "2024-01-08T00:00",
    ]);
    expect(starts("3month", "UTC", "2024-05-01", 3))
      .toEqual(["2024-04-01T00:00", "2024-07-01T00:00", "2024-10-01T00:00"]);
    expect(starts("month", "Asia/Kolkata", "2024-01-31T18:30Z", 2))
      .toEqual(["2024-01-31T18:30", "2024-02-29T18:30"]);
  });

  it("do not begin before time does", () => {
    for (const zone of ["Europe/Berlin", "America/New_York", "UTC"]) {
      for (const width of ["hour", "day", "week", "month", "1632month"]) {
        expect(starts(width, zone, "1970-01-01", 1)).toEqual(["1970-01-01T00:00"]);
      }
    }
    expect(starts("month", "America/New_York", "1970-01-01", 3))
      .toEqual(["1970-01-01T00:00", "1970-01-01T05:00", "1970-02-01T05:00"]);
  });

  it("hold six hours by the clock, one more or less where it changes", () => {
    expect(hours(starts("6hour", "Europe/Berlin", "2024-03-30T23:00Z", 4))).toEqual([5, 6, 6]);
    expect(hours(starts("6hour", "Europe/Berlin", "2024-10-26T22:00Z", 4))).toEqual([7, 6, 6]);
  });
});

describe("a statement", () => {
  it("has no offsets where buckets are those of UTC", () => {
    const sqlOf = (width: string, zone: string) => {
      const bucket = { ...readWidth(width)!, zone: offsetsOf(zone) };
      const params = Object.keys(localBucketParameters(bucket));
      const sql = localBucketSql(bucket, "at");
      for (const name of params) expect(sql).toContain(`{${name}:`);
      return { sql, offsets: params.length > 0 };
    };
    for (const width of ["minute", "hour", "day", "7day"]) {
      const sql = bucketStartSql(readWidth(width)!.count, "at");
      expect(sqlOf(width, "UTC")).toEqual({ sql, offsets: false });
    }
    expect(sqlOf("hour", "Europe/Berlin").sql).toBe(bucketStartSql(3600, "at"));
    expect([sqlOf("week", "UTC").offsets, sqlOf("month", "Africa/Abidjan").offsets])
      .toEqual([false, false]);
    expect([sqlOf("hour", "Asia/Kolkata").offsets, sqlOf("day", "Europe/Berlin").offsets])
      .toEqual([true, true]);
  });
});

describe("a bucket's width", () => {
  it.each([
    ["60second", "minute"],
    ["90second", "90second"],
    ["24hour", "day"],
    ["36hour", "36hour"],
    ["7day", "7day"],
    ["2week", "2week"],
    ["12month", "12month"],
  ])("reads %s as %s", (text, same) => {
    expect(widthText(readWidth(text)!)).toBe(same);
  });

  it.each(["", "0hour", "-1day", "1.5hour", "fortnight", "hours", "1633month"])(
    "refuses %j",
    (text) => expect(readWidth(text)).toBe(null),
  );

  it("is a number of seconds where all buckets have as many", () => {
    const of = (text: string, zone = utc) => fixedSeconds({ ...readWidth(text)!, zone });
    expect([of("hour"), of("week"), of("month")]).toEqual([3600, 604_800, null]);
    expect(of("day", offsetsOf("Europe/Berlin"))).toBe(null);
  });
});
