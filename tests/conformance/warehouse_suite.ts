/** What every warehouse has to do. */
import { Buffer } from "node:buffer";
import { describe, expect, it } from "testing";
import type { QueryParams, Warehouse } from "../../runtime/ports/ports.ts";
import { TwofoldError } from "../../runtime/std/errors.ts";
import { failure, statementsAtOnce } from "./warehouse_statements_suite.ts";
import { clickHouseCode } from "../../runtime/warehouse/warehouse_error.ts";

/** Opens a warehouse on a database of its own; `connections` is the most statements at once. */
export type OpenWarehouse = (
  database: string,
  options?: { readonly connections?: number },
) => Promise<Warehouse>;

/** Runs the suite for one adapter; `name` is what the tests are listed under. */
export function warehouseConformance(name: string, open: OpenWarehouse): void {
  let cases = 0;
  /** A test with an empty warehouse. */
  const test = (
    title: string,
    body: (warehouse: Warehouse) => Promise<void>,
    options?: { readonly connections?: number },
  ) =>
    it(title, async () => {
      const warehouse = await open(`conformance_${++cases}`, options);
      try {
        await body(warehouse);
      } finally {
        await warehouse.close();
      }
    });

  describe(`${name}: parameters`, () => {
    const cases: ReadonlyArray<[type: string, value: QueryParams[string], seen: unknown]> = [
      ["String", "plain", "plain"],
      ["String", "'; DROP TABLE t; --", "'; DROP TABLE t; --"],
      ["String", "\\' OR 1=1 /* {x:String} */", "\\' OR 1=1 /* {x:String} */"],
      ["String", "a\tb\nc\r\\n\\N", "a\tb\nc\r\\n\\N"],
      ["String", "before\0after", "before\0after"],
      ["String", "Ünï→🎬", "Ünï→🎬"],
      ["String", "", ""],
      ["UInt64", 42n, 42],
      ["UInt64", 9007199254740991n, 9007199254740991],
      ["Int64", -5, -5],
      ["Float64", 1e-7, 1e-7],
      ["Bool", true, true],
      ["Bool", false, false],
      ["Decimal(18, 3)", "12.345", 12.345],
      ["Array(UInt64)", [1n, 2n, 3n], [1, 2, 3]],
      ["Array(String)", ["it's", "a,b", "\\", "\0", "]"], ["it's", "a,b", "\\", "\0", "]"]],
      ["Array(String)", [], []],
      ["Date", "2024-02-29", "2024-02-29"],
      ["DateTime", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"],
      ["DateTime", "2024-02-29 12:00:00", "2024-02-29T12:00:00Z"],
      ["DateTime", 5, "1970-01-01T00:00:05Z"],
      ["DateTime64(3)", "2024-02-29T12:00:00.123Z", "2024-02-29T12:00:00.123Z"],
      ["DateTime64(3)", "2024-02-29T12:00:00.123+02:00", "2024-02-29T10:00:00.123Z"],
      ["DateTime64(3)", "1969-12-31T23:59:58.500Z", "1969-12-31T23:59:58.500Z"],
      ["DateTime64(3)", 1709208000123, "2024-02-29T12:00:00.123Z"],
      ["DateTime64(3)", 7, "1970-01-01T00:00:00.007Z"],
      ["DateTime64(3, 'Asia/Tokyo')", "2024-02-29T12:00:00.123Z", "2024-02-29T12:00:00.123Z"],
      [
        "DateTime64(9, 'UTC')",
        "2024-02-29T12:00:00.123456789Z",
        "2024-02-29T12:00:00.123456789Z",
      ],
      ["Nullable(DateTime64(3))", "2024-02-29T12:00:00.123Z", "2024-02-29T12:00:00.123Z"],
      ["Array(DateTime64(3))", ["2024-02-29T12:00:00.5Z", 7], [
        "2024-02-29T12:00:00.500Z",
        "1970-01-01T00:00:00.007Z",
      ]],
    ];
    test("query() binds a value of each type unchanged", async (warehouse) => {
      for (const [type, value, seen] of cases) {
        const rows = await warehouse.query(`SELECT {x:${type}} AS x`, { params: { x: value } });
        expect({ type, rows }).toEqual({ type, rows: [{ x: seen }] });
      }
    });
    test("query() takes an injection as a value", async (warehouse) => {
      await warehouse.command("CREATE TABLE t (s String) ENGINE = MergeTree ORDER BY s");
      await warehouse.command("INSERT INTO t SELECT {s:String}", { params: { s: "kept" } });
      const rows = await warehouse.query("SELECT count() AS n FROM t WHERE s = {s:String}", {
        params: { s: "x' OR '1'='1'; DROP TABLE t" },
      });
      expect(rows).toEqual([{ n: 0 }]);
      expect(await warehouse.query("SELECT s FROM t")).toEqual([{ s: "kept" }]);
    });
    test("query() refuses a parameter that is not bound", async (warehouse) => {
      await warehouse.query("SELECT {x:String} AS x", { params: { x: "before" } });
      expect(clickHouseCode(await failure(warehouse.query("SELECT {x:String}")))).toBe(456);
    });
  });

  describe(`${name}: results`, () => {
    test("query() gives numbers as numbers and times as ISO 8601 with Z", async (warehouse) => {
      const [row] = await warehouse.query(`SELECT
        toUInt64(9007199254740991) AS u, toInt64(-1) AS i, toDecimal64('1.25', 2) AS d,
        CAST(NULL AS Nullable(UInt64)) AS n, [toUInt64(1)] AS a, 0/0 AS nan,
        toDateTime('2024-01-02 03:04:05') AS t, toDateTime64('2024-01-02 03:04:05.678', 3) AS t3,
        toDateTime64('2024-01-02 03:04:05.123456789', 9) AS t9, toDate('2024-01-02') AS day`);
      expect(row).toEqual({
        u: 9007199254740991,
        i: -1,
        d: 1.25,
        n: null,
        a: [1],
        nan: null,
        t: "2024-01-02T03:04:05Z",
        t3: "2024-01-02T03:04:05.678Z",
        t9: "2024-01-02T03:04:05.123456789Z",
        day: "2024-01-02",
      });
    });
    test("query() reads times without a zone as UTC", async (warehouse) => {
      expect(
        await warehouse.query(
          "SELECT toUnixTimestamp('2024-07-01 00:00:00') AS s, timeZone() AS z",
        ),
      )
        .toEqual([{ s: 1719792000, z: "UTC" }]);
    });
    test("query() returns no rows as an empty list", async (warehouse) => {
      expect(await warehouse.query("SELECT 1 AS x WHERE 0")).toEqual([]);
    });
    test("the database is the warehouse's own, of engine Atomic", async (warehouse) => {
      const [row] = await warehouse.query(
        "SELECT name, engine FROM system.databases WHERE name = currentDatabase()",
      );
      expect(row).toEqual({ name: warehouse.database, engine: "Atomic" });
    });
    test("stream() gives all bytes of a large result in chunks", async (warehouse) => {
      const stream = await warehouse.stream("SELECT number FROM numbers(1000000)", "RowBinary");
      let bytes = 0, chunks = 0, last = 0n;
      for await (const chunk of stream) {
        bytes += chunk.length;
        chunks++;
        last = new DataView(chunk.buffer, chunk.byteOffset + chunk.length - 8).getBigUint64(
          0,
          true,
        );
      }
      expect({ bytes, last, many: chunks > 3 }).toEqual({ bytes: 8e6, last: 999999n, many: true });
    });
    test("stream() writes a format's header once", async (warehouse) => {
      const sql = "SELECT number FROM numbers(200000)";
      const text = await new Response(await warehouse.stream(sql, "CSVWithNames")).text();
      expect(text.split('"number"').length - 1).toBe(1);
      expect(text.split("\n").length).toBe(200002);
    });
    test("stream() frees its connection when it is cancelled early", async (warehouse) => {
      for (let round = 0; round < 3; round++) {
        const stream = await warehouse.stream("SELECT number FROM numbers(1e12)", "RowBinary");
        const reader = stream.getReader();
        expect((await reader.read()).done).toBe(false);
        await reader.cancel();
        expect(await warehouse.query("SELECT 1 AS x")).toEqual([{ x: 1 }]);
      }
    }, { connections: 1 });
    test("stream() fails where the statement fails on its way", async (warehouse) => {
      const sql = "SELECT throwIf(number = 900000) FROM numbers(1000000)";
      const error = await failure((async () => {
        for await (const _ of await warehouse.stream(sql, "RowBinary"));
      })());
      expect(clickHouseCode(error)).toBe(395);
      expect(await warehouse.query("SELECT 1 AS x")).toEqual([{ x: 1 }]);
    }, { connections: 1 });
  });

  statementsAtOnce(name, test);

  describe(`${name}: inserts`, () => {
    const TABLE = "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n";
    test("insert() shows all rows or none", async (warehouse) => {
      const size = 300_000, rounds = 6;
      await warehouse.command(TABLE);
      const rows = new Uint8Array(
        BigUint64Array.from({ length: size }, (_, i) => BigInt(i)).buffer,
      );
      let inserting = true;
      const seen = new Set<number>();
      const reading = (async () => {
        while (inserting) {
          const [{ n }] = await warehouse.query<{ n: number }>("SELECT count() AS n FROM t");
          seen.add(n);
        }
      })();
      for (let round = 0; round < rounds; round++) await warehouse.insert("t (n)", rows);
      inserting = false;
      await reading;
      expect([...seen].filter((n) => n % size !== 0)).toEqual([]);
      expect(await warehouse.query("SELECT count() AS n FROM t")).toEqual([{ n: size * rounds }]);
    });
    test("insert() is one block beyond the engine's usual block size", async (warehouse) => {
      await warehouse.command(TABLE);
      await warehouse.insert("t (n)", new Uint8Array(8 * 1_200_000));
      const parts = await warehouse.query(
        "SELECT rows FROM system.parts WHERE database = currentDatabase() AND table = 't' AND active",
      );
      expect(parts).toEqual([{ rows: 1_200_000 }]);
    });
    test("insert() of bytes that are cut short stores nothing", async (warehouse) => {
      await warehouse.command(TABLE);
      expect(clickHouseCode(await failure(warehouse.insert("t (n)", new Uint8Array(8 * 1000 + 3)))))
        .toBe(33);
      expect(await warehouse.query("SELECT count() AS n FROM t")).toEqual([{ n: 0 }]);
    });
    test("insert() keeps blank lines, SQL and any bytes in data as data", async (warehouse) => {
      await warehouse.command("CREATE TABLE t (i UInt8, s String) ENGINE = MergeTree ORDER BY i");
      const every = Uint8Array.from({ length: 256 }, (_, i) => i);
      const values = [Buffer.from("a\n\nDROP TABLE t;\n\n;SELECT 1"), Buffer.from(every)];
      const rows = values.map((value, i) => Buffer.concat([Buffer.from([i]), rowBinary(value)]));
      await warehouse.insert("t (i, s)", Buffer.concat(rows));
      const stored = await warehouse.query<{ hex: string }>(
        "SELECT hex(s) AS hex FROM t ORDER BY i",
      );
      expect(stored.map(({ hex }) => hex)).toEqual(
        values.map((value) => value.toString("hex").toUpperCase()),
      );
    });
    test("insert() keeps the rows of two identical inserts", async (warehouse) => {
      await warehouse.command(`${TABLE} SETTINGS non_replicated_deduplication_window = 100`);
      for (let time = 0; time < 2; time++) await warehouse.insert("t (n)", new Uint8Array(80));
      for (let time = 0; time < 2; time++) {
        await warehouse.command("INSERT INTO t SELECT number FROM numbers(10) ORDER BY number");
      }
      expect(await warehouse.query("SELECT count() AS n FROM t")).toEqual([{ n: 40 }]);
    });
    test("insert() of no rows stores none", async (warehouse) => {
      await warehouse.command(TABLE);
      await warehouse.insert("t (n)", new Uint8Array(0));
      expect(await warehouse.query("SELECT count() AS n FROM t")).toEqual([{ n: 0 }]);
    });
    test("insert() takes a view of a larger buffer", async (warehouse) => {
      await warehouse.command(TABLE);
      const rows = new Uint8Array(new BigUint64Array([1n, 2n, 3n]).buffer, 8, 8);
      await warehouse.insert("t (n)", rows);
      expect(await warehouse.query("SELECT n FROM t")).toEqual([{ n: 2 }]);
    });
    test("insert() from several callers at once stores all", async (warehouse) => {
      await warehouse.command(TABLE);
      const rows = new Uint8Array(8 * 1000);
      await Promise.all(Array.from({ length: 16 }, () => warehouse.insert("t (n)", rows)));
      expect(await warehouse.query("SELECT count() AS n FROM t")).toEqual([{ n: 16000 }]);
    });
  });

  describe(`${name}: errors`, () => {
    test("an error carries ClickHouse's code and text and is not retriable", async (warehouse) => {
      const error = await failure(warehouse.query("SELECT nope"));
      expect(error).toBeInstanceOf(TwofoldError);
      expect(error.message).toMatch(/nope.*code 47, UNKNOWN_IDENTIFIER/s);
      expect([clickHouseCode(error), (error as TwofoldError).retriable]).toEqual([47, false]);
      expect(clickHouseCode(await failure(warehouse.insert("absent (n)", new Uint8Array(8)))))
        .toBe(60);
      const settings = { no_such_setting: 1 };
      expect(clickHouseCode(await failure(warehouse.query("SELECT 1", { settings })))).toBe(115);
    });
    test(
      "a statement beyond its memory fails retriably, and the next one works",
      async (warehouse) => {
        const settings = { max_memory_usage: 20_000_000 };
        const sql = "SELECT length(groupArray(number)) AS n FROM numbers(100000000)";
        const error = await failure(warehouse.query(sql, { settings }));
        expect(clickHouseCode(error)).toBe(241);
        expect(error).toMatchObject({ retriable: true, fault: "external" });
        expect(await warehouse.query("SELECT 1 AS x")).toEqual([{ x: 1 }]);
      },
      { connections: 1 },
    );
    test("an insert into too many partitions fails for good", async (warehouse) => {
      await warehouse.command(
        "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n PARTITION BY n",
      );
      const rows = new Uint8Array(BigUint64Array.from({ length: 200 }, (_, i) => BigInt(i)).buffer);
      const error = await failure(warehouse.insert("t (n)", rows));
      expect(clickHouseCode(error)).toBe(252);
      expect(error).toMatchObject({ retriable: false });
    });
  });
}

/** A String in RowBinary. */
function rowBinary(value: Buffer): Buffer {
  const length = value.length < 128
    ? [value.length]
    : [value.length & 0x7f | 0x80, value.length >> 7];
  return Buffer.concat([Buffer.from(length), value]);
}
