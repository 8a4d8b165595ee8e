/**
 * Buckets of local time against Python's zoneinfo, which made `tests/golden/time_zones.json` around
 * every transition of ten zones from 1970 to 2040: in all layers, and in the buckets of a series.
 */
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { offsetsOf } from "../../runtime/expressions/time_zone.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import type { Layer } from "../../runtime/ports/services.ts";
import { readWidth, startOfBucket } from "../../runtime/serving/local_buckets.ts";
import { localBucketParameters, localBucketSql } from "../../runtime/serving/local_buckets_sql.ts";
import type { createServing } from "../../runtime/serving/serving.ts";
import { type PluginTables, tablesOf } from "../../runtime/sql/tables.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import userStats from "../../plugins/user_stats.ts";
import golden from "../golden/time_zones.json" with { type: "json" };
import { loadMutant } from "../support/parity/engine_modules.ts";
import { ServingWorld } from "../support/serving_world.ts";
import { tier } from "../support/tier.ts";

const names = ["hour", "day", "week", "month"] as const;
const layers: readonly Layer[] = ["merged", "batch", "speed"];

/** Each instant of a zone with the starts of its buckets, in the order of {@link names}. */
const zones = Object.entries(golden as Record<string, readonly (readonly number[])[]>)
  .map(([zone, rows]) => ({
    zone,
    cases: rows.map(([at, ...before]) => ({ at, starts: before.map((seconds) => at - seconds) })),
  }));

/** A user's events are those of one zone; minutes, because some clocks changed a minute past midnight. */
const tables: PluginTables = tablesOf(
  { ...userStats, name: "zone_stats", batch: { ...userStats.batch, grain: "minute" } },
  "v1_test",
);
const events = zones.flatMap(({ cases }, user_id) => cases.map(({ at }) => ({ user_id, at })));
/** Between blocks, and between transitions of most zones. */
const cut = Math.floor(events.length / 2 / 256) * 256;

/** Events by bucket. */
type Counts = Readonly<Record<string, number>>;

function expected(zone: number, bucket: number, layer: Layer, from: number): Counts {
  const counts: Record<string, number> = {};
  let offset = events.findIndex(({ user_id }) => user_id === zone);
  for (const { at, starts } of zones[zone].cases) {
    const counted = layer !== "batch" || offset < cut;
    offset++;
    if (!counted || at < from) continue;
    const start = new Date(starts[bucket] * 1000).toISOString();
    counts[start] = (counts[start] ?? 0) + 1;
  }
  return counts;
}

/** The offset of a zone that is no whole number of minutes ends with this instant. */
const MONROVIA = { zone: "Africa/Monrovia", from: "1972-01-07T00:45:00Z" };

async function counted(world: ServingWorld, zone: number, bucket: string, layer: Layer, from = "") {
  const { rows } = await world.serving.query(tables.plugin.name, {
    layer,
    bucket,
    tz: zones[zone].zone,
    limit: "10000",
    ...(from === "" ? {} : { from }),
    keys: { user_id: String(zone) },
  });
  return Object.fromEntries(
    rows.map((row) => [new Date(String(row.bucket)).toISOString(), Number(row.total_events)]),
  );
}

const dir = Deno.makeTempDirSync({ prefix: "zones-" });
let warehouse: Warehouse;
let world: ServingWorld;
beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "zones", memoryLimitBytes: 1.5e9 });
  world = new ServingWorld(warehouse, {}, [tables]);
  await world.clear();
  await world.events(events.map(({ user_id, at }, offset) => ({
    partition: 0,
    offset,
    user_id,
    at: new Date(at * 1000).toISOString().slice(0, 19).replace("T", " "),
  })));
  await world.flush(tables, 0, 0, events.length);
  await world.publish(tables, 1, [cut]);
  world.speed.move(events.length);
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

describe("buckets of local time", () => {
  for (const { zone, cases } of zones) {
    it(`are those of zoneinfo around each transition of ${zone}, here and in SQL`, async () => {
      const offsets = offsetsOf(zone);
      const at = cases.map((each) => each.at);
      expect(at.length).toBeGreaterThan(3);
      for (const [i, name] of names.entries()) {
        const bucket = { ...readWidth(name)!, zone: offsets };
        const wanted = cases.map(({ starts }) => starts[i]);
        expect([name, at.map((each) => startOfBucket(bucket, each))]).toEqual([name, wanted]);
        const found = await warehouse.query<{ start: number }>(
          `SELECT toUnixTimestamp(${localBucketSql(bucket, "at")}) AS start
           FROM (SELECT toDateTime(arrayJoin({at:Array(UInt32)}), 'UTC') AS at) ORDER BY at`,
          { params: { at, ...localBucketParameters(bucket) } },
        );
        expect([name, found.map(({ start }) => Number(start))]).toEqual([name, wanted]);
      }
    });
  }

  for (const [index, { zone }] of zones.entries()) {
    // A question to a batch table of 70 years takes a second.
    if (tier === "quick" && !["America/Sao_Paulo", "Australia/Lord_Howe"].includes(zone)) continue;
    it(`are the same in the answers of all layers: ${zone}`, async () => {
      for (const [i, name] of names.entries()) {
        for (const layer of layers) {
          const from = zone === MONROVIA.zone && layer !== "speed" ? MONROVIA.from : "";
          const fromSeconds = from === "" ? 0 : Date.parse(from) / 1000;
          expect({ name, layer, counts: await counted(world, index, name, layer, from) })
            .toEqual({ name, layer, counts: expected(index, i, layer, fromSeconds) });
        }
      }
    });
  }
});

const mutants = [
  {
    name: "the offset at the start of a local day in place of that at the event",
    zone: "America/Sao_Paulo",
    patch: {
      file: "runtime/serving/local_buckets_sql.ts",
      find: "const since = `roundDown(toUnixTimestamp(${column}),",
      replace: "const since = `roundDown(intDiv(toUnixTimestamp(${column}), 86400) * 86400,",
    },
  },
  {
    name: "the offset at the event in place of that at the start of its bucket",
    zone: "Europe/Berlin",
    patch: {
      file: "runtime/serving/local_buckets_sql.ts",
      find:
        '`greatest(${ofArrival("zone_arrival")}, ${start} - ${ofArrival("zone_arrival_offset")})`',
      replace: '`greatest(0, ${start} - ${offset} + 0 * ${ofArrival("zone_arrival")})`',
    },
  },
  {
    name: "one offset for all times",
    zone: "Pacific/Apia",
    patch: {
      file: "runtime/serving/local_buckets_sql.ts",
      find: "zone_offset: zone.offsetSeconds,",
      replace: "zone_offset: zone.offsetSeconds.map(() => zone.offsetSeconds[0]),",
    },
  },
  {
    name: "hours that go on where the clock is changed within one",
    zone: "Australia/Lord_Howe",
    patch: {
      file: "runtime/serving/local_buckets_sql.ts",
      find: "`greatest(toInt64(${since}), ${instant} - ${past})`",
      replace: "`greatest(toInt64(0), ${instant} - ${past})`",
    },
  },
];

describe("the law of local time fails on an engine with", () => {
  for (const [i, { name, zone, patch }] of mutants.entries()) {
    it(name, async () => {
      const engine = await loadMutant(`time-zones-${i}`, [patch]);
      const create = engine.createServing as typeof createServing;
      const wrong = new ServingWorld(warehouse, {}, [tables], { create });
      wrong.speed.move(events.length);
      const index = zones.findIndex((each) => each.zone === zone);
      const differs = await Promise.all(
        names.map(async (bucket, i) =>
          JSON.stringify(Object.entries(await counted(wrong, index, bucket, "merged")).sort()) !==
            JSON.stringify(Object.entries(expected(index, i, "merged", 0)).sort())
        ),
      );
      expect(differs).toContain(true);
    });
  }
});
