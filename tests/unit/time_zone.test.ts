import { afterAll, beforeAll, describe, expect, it } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { offsetsOf } from "../../runtime/expressions/time_zone.ts";
import { generationOf } from "../../runtime/model/generation.ts";
import { count } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { expectParity } from "../../runtime/testing/mod.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { byTier } from "../support/tier.ts";

const byLocalTime = (zone: string) =>
  definePlugin(movieViewing, {
    name: "local_hours",
    summary: "Views by local hour",
    key: ({ timestamp }) => ({
      local_hour: timestamp.hour(zone),
      local_weekday: timestamp.weekday(zone),
      local_date: timestamp.date(zone),
    }),
    measures: () => ({ event_count: count() }),
  });

describe("the offsets of a time zone", () => {
  const dir = Deno.makeTempDirSync({ prefix: "zones-" });
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openEmbeddedWarehouse({ dir, database: "zones", memoryLimitBytes: 1e9 });
  });
  afterAll(async () => {
    await warehouse.close();
    await Deno.remove(dir, { recursive: true });
  });

  // ClickHouse has a database of its own, which is wrong elsewhere, as in Pacific/Apia.
  it.each([
    "Europe/Berlin",
    "Europe/London",
    "Europe/Moscow",
    "Europe/Istanbul",
    "America/New_York",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
  ])("are those of ClickHouse around each transition until 2040: %s", async (zone) => {
    const { fromSeconds, offsetSeconds } = offsetsOf(zone);
    const points = fromSeconds.flatMap((from, i) => [
      ...i === 0 ? [] : [{ at: from - 1, offset: offsetSeconds[i - 1] }],
      { at: from, offset: offsetSeconds[i] },
    ]).filter(({ at }) => at < Date.UTC(2040, 0) / 1000);
    const [{ offsets }] = await warehouse.query<{ offsets: number[] }>(
      `SELECT arrayMap(at -> timezoneOffset(toDateTime64(at, 0, '${zone}')), {at:Array(UInt32)})
         AS offsets`,
      { params: { at: points.map(({ at }) => at) } },
    );
    expect(points.length).toBeGreaterThan(0);
    expect(offsets.map(Number)).toEqual(points.map(({ offset }) => offset));
  });

  it("know the day that Samoa left out", () => {
    const { fromSeconds, offsetSeconds } = offsetsOf("Pacific/Apia");
    const at = fromSeconds.indexOf(Date.UTC(2011, 11, 30, 10) / 1000);
    expect(offsetSeconds.slice(at - 1, at + 1)).toEqual([-10 * 3600, 14 * 3600]);
  });

  it("are part of what makes a generation", () => {
    const facts = { decoderVersion: 1, blockSize: 512, horizon: 1024 };
    const generation = (zone: string) =>
      generationOf(byLocalTime(zone), { ...facts, batchSql: "SELECT 1" });
    expect(generation("Asia/Kolkata")).toBe(generation("Asia/Kolkata"));
    expect(generation("Asia/Kolkata")).not.toBe(generation("Asia/Tokyo"));
    expect(byLocalTime("Asia/Tokyo").batch.sql).toContain("32400");
  });
});

describe("parts of the event time in a time zone", () => {
  it("are the same in both layers", async () => {
    const runs = byTier({ quick: 3, full: 20, long: 100 });
    await expect(expectParity(byLocalTime("America/St_Johns"), { runs })).resolves.toBeUndefined();
  });

  it.each([
    ["Europe/Berlinn", 'got "Europe/Berlinn"; did you mean "Europe/Berlin"?'],
    ["+01:00", 'expected a time zone such as "Europe/Berlin", got "+01:00"'],
    ["", 'expected a time zone such as "Europe/Berlin", got ""'],
  ])("are refused for %j, which is no zone", (zone, message) => {
    expect(() => byLocalTime(zone)).toThrow(message);
  });
});
