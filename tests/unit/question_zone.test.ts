import { describe, expect, it } from "testing";
import ratings from "../../plugins/ratings.ts";
import type { Grain } from "../../runtime/plugin.ts";
import type { MetricQuery } from "../../runtime/ports/services.ts";
import { readMetricQuery } from "../../runtime/serving/metric_query.ts";
import { isoInZone } from "../../runtime/serving/instant.ts";
import { offsetsOf } from "../../runtime/expressions/time_zone.ts";

const ofGrain = (grain: Grain) => ({ ...ratings, batch: { ...ratings.batch, grain } });

function ask(query: Partial<MetricQuery>, grain: Grain = "hour") {
  return readMetricQuery(
    ofGrain(grain),
    { layer: "batch", bucket: "day", keys: {}, ...query },
    1000,
  );
}

describe("the time zone of a question", () => {
  it("is UTC where none is named", () => {
    expect(ask({}).zone.zone).toBe("UTC");
  });

  it("is named as the database spells it", () => {
    expect(ask({ tz: "europe/berlin" }).zone.zone).toBe("Europe/Berlin");
  });

  it.each([
    ["Europe/Berlinn", 'got "Europe/Berlinn"; did you mean "Europe/Berlin"?'],
    ["+01:00", 'got "+01:00"'],
    ["", 'got ""'],
    ["x".repeat(9999), '…"'],
  ])("is refused for %.20s", (tz, message) => {
    expect(() => ask({ tz })).toThrow(message);
    expect(() => ask({ tz })).toThrow('Cannot query metric "ratings": tz: expected a time zone');
  });

  it("has to fit the grain, by the offsets of the range", () => {
    expect(() => ask({ tz: "Asia/Kolkata" })).toThrow(
      'Cannot query metric "ratings": tz: Asia/Kolkata is at +05:30 from 1970-01-01T00:00:00Z on, ' +
        "and the batch layer has rows of 3600 s, which must not lie across its hours; " +
        "ask with layer=speed, or give the metric a grain of 15minute",
    );
    // These have windows, as far as they are whole.
    expect(ask({ tz: "Asia/Kolkata", layer: "speed" }).layer).toBe("speed");
    expect(ask({ tz: "Asia/Kolkata", layer: "merged" }).layer).toBe("merged");
    expect(ask({ tz: "Asia/Kolkata" }, "15minute").zone.zone).toBe("Asia/Kolkata");
    expect(() => ask({ tz: "Europe/Berlin" }, "day")).toThrow("give the metric a grain of hour");
    expect(ask({ tz: "Asia/Kolkata", bucket: "all" }).bucket).toBe("all");
  });

  it("may be one of half hours before the range", () => {
    const tz = "Asia/Singapore";
    expect(() => ask({ tz })).toThrow("ask for a range from 1981-12-31T16:00:00Z on");
    expect(() => ask({ tz, to: "1990-01-01" })).toThrow("from 1981-12-31T16:00:00Z on");
    expect(ask({ tz, from: "1981-12-31T16:00:00Z" }).zone.zone).toBe(tz);
    expect(ask({ tz: "Asia/Pyongyang", from: "2013-01-01", to: "2015-01-01" }).from).not.toBe(null);
    expect(() => ask({ tz: "Asia/Pyongyang", from: "2013-01-01", to: "2016-01-01" })).toThrow(
      "Asia/Pyongyang is at +08:30 from 2015-08-14T15:00:00Z on",
    );
  });

  it("has to change its offset between rows, too", () => {
    const query = { tz: "America/St_Johns", from: "2010-11-06", to: "2010-11-09" };
    expect(() => ask(query, "15minute")).toThrow("give the metric a grain of minute");
    expect(ask(query, "minute").zone.zone).toBe("America/St_Johns");
  });
});

describe("an instant in a time zone", () => {
  it.each([
    ["2024-07-01T00:00:00Z", "Europe/Berlin", "2024-07-01T02:00:00+02:00"],
    ["2024-01-01T00:00:00Z", "Europe/London", "2024-01-01T00:00:00+00:00"],
    ["2024-01-01T00:00:00Z", "America/St_Johns", "2023-12-31T20:30:00-03:30"],
    ["1971-01-01T00:00:00Z", "Africa/Monrovia", "1971-01-01T00:00:00Z"],
  ])("%s in %s is %s", (utc, zone, text) => {
    expect(isoInZone(Date.parse(utc) / 1000, offsetsOf(zone))).toBe(text);
    expect(Date.parse(text)).toBe(Date.parse(utc));
  });
});
