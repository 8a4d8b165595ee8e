import { afterAll, beforeAll, describe, expect, it } from "testing";
import { join } from "node:path";
import { openArchiveReader } from "../../runtime/archive/archive_reader.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";
import type { ArchiveReader, ObjectStore, Warehouse } from "../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { openArchiver, reading, readings } from "../support/archive_world.ts";
import { MemoryLog } from "../support/memory_log.ts";

describe("The archive, read by ClickHouse", () => {
  let dir: string;
  let store: ObjectStore;
  let reader: ArchiveReader;
  let warehouse: Warehouse;

  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    store = await openLocalStore(join(dir, "archive"));
    reader = openArchiveReader({ schema: readings, store });
    warehouse = await openEmbeddedWarehouse({ dir: join(dir, "warehouse"), database: "archive" });
  });

  afterAll(async () => {
    await warehouse.close();
    await Deno.remove(dir, { recursive: true });
  });

  const countOf = async (days: string[] | null, where = "1") => {
    await reader.check(days);
    const sql = `SELECT count() AS n FROM ${reader.relation(days)} WHERE ${where}`;
    return (await warehouse.query<{ n: number }>(sql))[0].n;
  };

  it("is an empty relation while there is no file", async () => {
    expect(await countOf(null)).toBe(0);
    expect(await countOf([])).toBe(0);
    expect(await countOf(["2013-07-20"])).toBe(0);
    expect(await countOf(["2013-07-20", "2013-07-21"])).toBe(0);
  });

  it("holds every type's values exactly", async () => {
    const log = new MemoryLog({ topic: "readings", partitions: 1, nowMs: 1_374_300_000_123 });
    const place = (fields: Record<string, unknown>) => {
      const value = JSON.stringify(reading(fields));
      log.place(0, { value });
      return value;
    };
    place({
      id: "ü😀",
      at: "2013-07-20T10:00:00.123456789Z",
      meter: 2 ** 32 - 1,
      count: -99_999_999_999,
      level: -1.234,
      state: "it's on",
      note: "",
    });
    const raw = place({
      at: "2105-12-31T23:59:59.999999999Z",
      count_or_null: 5,
      level_or_null: 914.16,
      state_or_null: "b",
      good: false,
      good_or_null: true,
      note: "n",
      other_or_null: 2 ** 32 - 1,
      unknown: { a: [1] },
    });
    place({ at: "1970-01-01T00:00:00Z" });
    log.skipTo(0, 10n);
    await openArchiver(log, store).archiveClosed(0);
    await reader.check(null);
    const common = {
      id: "r-1",
      meter: 7,
      count: 1,
      count_or_null: null,
      level: 1.5,
      level_or_null: null,
      state: "off",
      state_or_null: null,
      good: true,
      good_or_null: null,
      note: null,
      other_or_null: null,
      log: "memory-1",
      partition: 0,
      raw: "",
      append_time: "2013-07-20T06:00:00.123Z",
    };
    const rows = await warehouse.query(`SELECT * FROM ${reader.relation(null)} ORDER BY offset`);
    expect(rows).toEqual([
      {
        ...common,
        event_time: "2013-07-20T10:00:00.123456789Z",
        id: "ü😀",
        meter: 2 ** 32 - 1,
        count: -99_999_999_999,
        level: -1.234,
        state: "it's on",
        note: "",
        offset: 0,
      },
      {
        ...common,
        event_time: "2105-12-31T23:59:59.999999999Z",
        count_or_null: 5,
        level_or_null: 914.16,
        state_or_null: "b",
        good: false,
        good_or_null: true,
        note: "n",
        other_or_null: 2 ** 32 - 1,
        offset: 1,
        raw,
      },
      { ...common, event_time: "1970-01-01T00:00:00.000000000Z", offset: 2 },
    ]);
  });

  it("reads the days that are asked for, also where one has no file", async () => {
    expect(await countOf(["2013-07-20"])).toBe(1);
    expect(await countOf(["2013-07-20", "2014-01-01"])).toBe(1);
    expect(await countOf(["2014-01-01"])).toBe(0);
    const years = Array.from(
      { length: 800 },
      (_, day) => new Date(Date.UTC(2013, 0, 1) + day * 86_400_000).toISOString().slice(0, 10),
    );
    expect(await countOf(years.slice(0, 366))).toBe(1);
    expect(await countOf(years)).toBe(1);
  });

  it("filters by event time and offset, which the files have statistics of", async () => {
    expect(await countOf(null, "event_time < '2013-07-20 10:00:00.123456789'")).toBe(1);
    expect(await countOf(null, "event_time <= '2013-07-20 10:00:00.123456789'")).toBe(2);
    expect(await countOf(null, "offset < 2")).toBe(2);
    expect(await countOf(null, "offset >= 2")).toBe(1);
    expect(await countOf(null, "offset >= 3")).toBe(0);
  });

  it("has the same column types with files and without", async () => {
    const types = async (days: string[] | null) => {
      // An aggregate gives a row also where there is none.
      const sql = `SELECT toTypeName(any(tuple(*))) AS t FROM ${reader.relation(days)}`;
      return (await warehouse.query<{ t: string }>(sql))[0].t;
    };
    const all = await types(null);
    expect(await types([])).toBe(all);
    expect(all).toContain("Nullable(Decimal(18, 2))");
    expect(all).toContain("Enum8('it\\'s on' = 1, 'off' = 2, 'unknown' = 3)");
  });
});
