import { afterAll, beforeAll, describe, expect, it } from "testing";
import { systemClock } from "../../runtime/clock.ts";
import { BusyError, UserError } from "../../runtime/errors.ts";
import type { Warehouse } from "../../runtime/ports.ts";
import { createSqlConsole } from "../../runtime/serving/sql_console.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { HandClock } from "../support/serving_world.ts";

const dir = Deno.makeTempDirSync({ prefix: "sql-console-" });
let warehouse: Warehouse;

beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "people", memoryLimitBytes: 3e9 });
  await warehouse.command("CREATE TABLE counts (a UInt64, b Decimal(38, 20)) ENGINE = Memory");
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

const sql = (text: string, limit?: number) =>
  createSqlConsole({ warehouse, clock: systemClock }).query(text, { limit });
const fault = (text: string, options: { timeoutMs?: number; maxResultBytes?: number } = {}) =>
  createSqlConsole({ warehouse, clock: systemClock, ...options }).query(text)
    .then(() => {
      throw new Error("it was accepted");
    }, (error) => {
      expect(error).toBeInstanceOf(UserError);
      expect(error.field).toBe("sql");
      return error.message as string;
    });

describe("SQL by people", () => {
  it("keeps every digit: what a number of JSON cannot hold is a text", async () => {
    const { rows, columns } = await sql(`SELECT 9007199254740991 AS safe,
      toUInt64(18446744073709551615) AS wide, toInt64(-9223372036854775808) AS low,
      toDecimal128('0.12345678901234567890', 20) AS fine, toDecimal64('1.50', 2) AS price,
      [toUInt64(1), toUInt64(9007199254740993)] AS list, 0.1 + 0.2 AS float, 1e20 AS large,
      '9007199254740993' AS text, toInt256('-170141183460469231731687303715884105728') AS huge`);
    expect(rows).toEqual([{
      safe: 9007199254740991,
      wide: "18446744073709551615",
      low: "-9223372036854775808",
      fine: "0.1234567890123456789",
      price: 1.5,
      list: [1, "9007199254740993"],
      float: 0.1 + 0.2,
      large: 1e20,
      text: "9007199254740993",
      huge: "-170141183460469231731687303715884105728",
    }]);
    const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]));
    expect([types.wide, types.low, types.fine]).toEqual(["UInt64", "Int64", "Decimal(38, 20)"]);
  });

  it("tells the columns of a result that has no rows", async () => {
    expect(await sql("SELECT a, b FROM counts")).toMatchObject({
      columns: [{ name: "a", type: "UInt64" }, { name: "b", type: "Decimal(38, 20)" }],
      rows: [],
      truncated: false,
    });
  });

  for (
    const text of [
      "SELECT 1 AS one;",
      "SELECT 1 AS one ; ; \n;",
      "SELECT 1 AS one; -- the end;",
      "SELECT 1 AS one /* ; */;/* ; */",
      "(SELECT 1 AS one)",
      "# a comment; \n SELECT 1 AS one",
    ]
  ) {
    it(`takes ${JSON.stringify(text)}`, async () => {
      expect((await sql(text)).rows).toEqual([{ one: 1 }]);
    });
  }

  it("keeps a semicolon that stands in a text", async () => {
    expect((await sql("SELECT ';' AS end")).rows).toEqual([{ end: ";" }]);
    expect((await sql("SELECT 'it''s; \\'so\\';' AS said;")).rows).toEqual([{
      said: "it's; 'so';",
    }]);
  });

  it("finds a second statement, whatever the quotes and comments that could hide it", async () => {
    const kill = "; KILL QUERY WHERE 1 ASYNC; SELECT 1 AS";
    for (
      const text of [
        `EXPLAIN SELECT 1 AS "a'b"${kill} "c'd"`,
        `EXPLAIN SELECT 1 AS \`a'b\`${kill} \`c'd\``,
        `EXPLAIN SELECT 1 AS “a'b”${kill} “c'd”`,
        `EXPLAIN SELECT ‘a'b’${kill} ‘c'd’`,
        `EXPLAIN SELECT 1 AS "--"${kill} b`,
        `EXPLAIN SELECT 1 AS "/*"${kill} "*/"`,
        `EXPLAIN SELECT 'it’s' AS a${kill} ‘b’`,
      ]
    ) expect(await fault(text)).toContain("expected one statement; another begins at line 1");
    expect(await fault(`EXPLAIN SELECT 1 /* /* */ ' */ AS a${kill} b -- '`)).toContain(
      "Cannot run the SQL",
    );
    // Comments nest: all of it is one.
    expect((await sql(`SELECT 1 /* /* */ '${kill} */ AS a -- '`)).rows).toEqual([{ a: 1 }]);
  });

  it("takes names and texts with any marks in them", async () => {
    const said = await sql(
      `SELECT 1 AS "it's; x", 2 AS "a--b", 3 AS \`/*\`, ';"’' AS “y”, ‘--’ AS z`,
    );
    expect(said.rows).toEqual([{ "it's; x": 1, "a--b": 2, "/*": 3, y: ';"’', z: "--" }]);
    expect((await sql('DESCRIBE "people".`counts`')).rows).toHaveLength(2);
  });

  it("explains, shows and describes", async () => {
    expect((await sql("SHOW TABLES;")).rows).toEqual([{ name: "counts" }]);
    expect((await sql("show create table counts")).rows[0].statement).toContain("CREATE TABLE");
    const [a] = (await sql("DESCRIBE TABLE people.counts")).rows;
    expect([a.name, a.type]).toEqual(["a", "UInt64"]);
    expect((await sql("DESC (SELECT 1 AS one)")).rows[0].name).toBe("one");
    const plan = await sql("EXPLAIN indexes = 1 SELECT a FROM counts", 2);
    expect(plan.columns).toEqual([{ name: "explain", type: "String" }]);
    expect([plan.rows.length, plan.truncated]).toEqual([2, true]);
    for (const  of of["AST", "SYNTAX", "PIPELINE", "QUERY TREE", "ESTIMATE"]) {
      await sql(`EXPLAIN ${of} SELECT a FROM counts`);
    }
  });

  it("reads no further than it shows", async () => {
    const { rows, truncated } = await sql("SELECT number FROM numbers(1000000000)", 3);
    expect([rows.length, truncated]).toEqual([3, true]);
  });

  it("says what to do where a result, its memory or its time is too much", async () => {
    const wide = "SELECT repeat('x', 1000000) AS x FROM numbers(200)";
    expect(await fault(wide)).toContain("more than 64 MiB");
    expect(await fault(wide, { maxResultBytes: 2 ** 20 })).toContain("more than 1 MiB");
    const memory = await fault("SELECT length(groupArray(number)) FROM numbers(500000000)");
    expect(memory).toContain("more than 1024 MiB of memory; ask for less");
    const slow = "SELECT sum(cityHash64(number)) FROM numbers(1900000000)";
    expect(await fault(slow, { timeoutMs: 100 })).toContain("took longer than 0.1 s; ask for less");
  });
});

describe("many statements at once", () => {
  /** A warehouse whose results end when the test says so. */
  function stuck() {
    let open = 0;
    const ends: (() => void)[] = [];
    const warehouse = {
      query: (sql: string) =>
        Promise.resolve([
          { line: "SELECT 1", explain: "SelectWithUnionQuery", name: "a", type: "UInt8", sql },
        ]),
      stream: () => {
        open++;
        return Promise.resolve(
          new ReadableStream<Uint8Array>({
            start: (controller) => {
              ends.push(() => {
                open--;
                controller.enqueue(new TextEncoder().encode("[1]\n"));
                controller.close();
              });
            },
          }),
        );
      },
    } as unknown as Warehouse;
    return { warehouse, open: () => open, ends };
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve, 1));

  it("two run, the others wait for them", async () => {
    const { warehouse, open, ends } = stuck();
    const console = createSqlConsole({ warehouse, clock: new HandClock() });
    const answers = [1, 2, 3].map(() => console.query("SELECT 1"));
    await settled();
    expect(open()).toBe(2);
    ends[0]();
    await settled();
    expect([open(), ends.length]).toEqual([2, 3]);
    ends[1]();
    ends[2]();
    expect((await Promise.all(answers)).map(({ rows }) => rows)).toEqual(
      [1, 2, 3].map(() => [{ a: 1 }]),
    );
  });

  it("who waits too long, or behind too many, is told to come back", async () => {
    const { warehouse, ends } = stuck();
    const clock = new HandClock();
    const console = createSqlConsole({ warehouse, clock });
    const running = [1, 2].map(() => console.query("SELECT 1"));
    await settled();
    const waiting = Array.from({ length: 20 }, () => console.query("SELECT 1").catch((e) => e));
    await settled();
    await expect(console.query("SELECT 1")).rejects.toThrow(BusyError);
    const left = new AbortController();
    left.abort(new Error("left"));
    await expect(console.query("SELECT 1", { signal: left.signal })).rejects.toThrow();
    clock.strike();
    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(BusyError);
    // The clock's hand ended the time of those that ran, too: they were refused, and made room.
    ends.forEach((end) => end());
    await Promise.allSettled(running);
    const next = console.query("SELECT 1");
    await settled();
    ends.at(-1)!();
    expect((await next).rows).toEqual([{ a: 1 }]);
  });
});
