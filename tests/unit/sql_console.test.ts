import { afterAll, beforeAll, describe, expect, it } from "testing";
import { systemClock } from "../../runtime/std/clock.ts";
import { BusyError, UserError } from "../../runtime/std/errors.ts";
import type { SqlAnswer } from "../../runtime/ports/inspection.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { createSqlConsole, type SqlConsoleOptions } from "../../runtime/serving/sql_console.ts";
import { type BothWarehouses, openBoth, ways } from "../support/both_warehouses.ts";
import { HandClock } from "../support/serving_world.ts";

let both: BothWarehouses;
beforeAll(async () => {
  both = await openBoth("people");
  await both.embedded.command("CREATE TABLE counts (a UInt64, b Decimal(38, 20)) ENGINE = Memory");
});
afterAll(() => both.close());

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

for (const way of ways) {
  const consoleOf = (options: Partial<SqlConsoleOptions> = {}) =>
    createSqlConsole({
      warehouse: both[way],
      clock: systemClock,
      problems: new Problems(systemClock),
      ...options,
    });
  const sql = (text: string, limit?: number) => consoleOf().query(text, { limit });
  const fault = (text: string, options: Partial<SqlConsoleOptions> = {}) =>
    consoleOf(options).query(text)
      .then(() => {
        throw new Error("it was accepted");
      }, (error) => {
        expect(error).toBeInstanceOf(UserError);
        expect(error.field).toBe("sql");
        return error.message as string;
      });

  describe(`SQL by people, ${way}`, () => {
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

    it("gives pages: next asks for the rows behind", async () => {
      const numbers = "SELECT number AS n FROM numbers(7) ORDER BY n DESC";
      const shown: unknown[] = [];
      for (let after: string | null = "0"; after !== null;) {
        const page: SqlAnswer = await consoleOf().query(numbers, { limit: 3, after });
        shown.push(page.rows.map(({ n }) => n));
        expect(page.truncated).toBe(page.next !== null);
        after = page.next;
      }
      expect(shown).toEqual([[6, 5, 4], [3, 2, 1], [0]]);
      const look = await consoleOf().query("DESCRIBE counts", { limit: 1, after: "1" });
      expect([look.rows[0].name, look.next]).toEqual(["b", null]);
      await expect(consoleOf().query("SELECT 1", { after: "x" })).rejects.toMatchObject({
        field: "after",
      });
    });

    it("gives rows as they are made, and ends with its reader", async () => {
      const console = consoleOf({ maxResultBytes: 1000 });
      const { columns, blocks } = await console.open(
        "SELECT number AS n FROM numbers(1000000000)",
        { limit: 1_000_000 },
      );
      expect(columns).toEqual([{ name: "n", type: "UInt64" }]);
      const first = await blocks.next();
      expect(first.done).toBe(false);
      expect((first.value as unknown[])[1]).toEqual({ n: 1 });
      expect(console.load).toMatchObject({ running: 1, stuck: 0 });
      await blocks.return({ truncated: true, next: null, seconds: 0 });
      expect(console.load).toMatchObject({ running: 0, stuck: 0 });

      const whole = await console.open("SELECT number AS n FROM numbers(300000)", {
        limit: 300_000,
      });
      let rows = 0;
      let end = await whole.blocks.next();
      for (; !end.done; end = await whole.blocks.next()) rows += end.value.length;
      expect([rows, end.value]).toMatchObject([300_000, { truncated: false, next: null }]);
    });

    it("says what to do where a result, its memory or its time is too much", async () => {
      const wide = "SELECT repeat('x', 1000000) AS x FROM numbers(200)";
      if (way === "embedded") expect(await fault(wide)).toContain("more than 64 MiB");
      expect(await fault(wide, { maxResultBytes: 2 ** 20 })).toContain("more than 1 MiB");
      const memory = await fault(
        "SELECT length(groupArray(repeat('x', 100000))) FROM numbers(1000000)",
      );
      expect(memory).toContain("more than 1024 MiB of memory; ask for less");
      expect(await fault("SELECT sum(number) FROM numbers(2000000001)")).toContain(
        "read more than 2,000,000,000 rows; ask for less",
      );
      const slow = "SELECT sum(cityHash64(number)) FROM numbers(1900000000)";
      expect(await fault(slow, { timeoutMs: 100 })).toContain(
        "took longer than 0.1 s; ask for less",
      );
    });
  });

  describe(`a statement that the engine cannot stop, ${way}`, () => {
    // One row, so one block: about a second in which the engine looks at no clock.
    const endless = "SELECT hasAll(range(150000), range(150000)) AS all";

    it("is answered at the bound, told and counted while it runs on, and cleared at its end", async () => {
      const problems = new Problems(systemClock);
      const clock = new HandClock();
      const console = consoleOf({ problems, clock });
      const left = new AbortController();
      const answers = [
        console.query(endless).catch((error) => error.message),
        console.query(endless, { signal: left.signal }).catch((error) => error),
      ];
      const running = "SELECT count() AS n FROM system.processes WHERE query LIKE '%hasAll(range%'";
      // The one that counts is among them.
      while (Number((await both.embedded.query(running))[0].n) < 3) await pause(10);
      left.abort("left");
      // The bound of the first, and the grace of both.
      for (const _ of [1, 2]) {
        clock.strike();
        await pause(1);
      }
      expect(await Promise.all(answers)).toEqual([
        expect.stringContaining("took longer than 30 s; ask for less"),
        "left",
      ]);
      expect(console.load).toEqual({ running: 0, waiting: 0, stuck: 2, stuck_total: 2 });
      expect(problems.standing()).toMatchObject([{
        code: "sql_statement_stuck",
        subject: "SQL console",
        message: expect.stringContaining("2 of at most 4 statements run on"),
        blocking: false,
      }]);
      while (console.load.stuck > 0) {
        clock.strike();
        await pause(10);
      }
      expect(problems.standing()).toEqual([]);
      expect(console.load.stuck_total).toBe(2);
    });
  });
}

describe("many statements at once", () => {
  const problems = new Problems(systemClock);
  /** A warehouse whose results end when the test says so. */
  function stuck() {
    let open = 0;
    const ends: (() => void)[] = [];
    const warehouse = {
      // What the parser, DESCRIBE and the list of processes say.
      query: () =>
        Promise.resolve([{
          line: "SELECT 1",
          explain: "SelectWithUnionQuery",
          name: "a",
          type: "UInt8",
          running: 0,
        }]),
      stream: () => {
        open++;
        return Promise.resolve(
          new ReadableStream<Uint8Array>({
            pull: (controller) =>
              // The engine lets go when the test says so, not when it is told to.
              new Promise((resolve) =>
                ends.push(() => {
                  open--;
                  controller.enqueue(new TextEncoder().encode("[1]\n"));
                  controller.close();
                  resolve();
                })
              ),
          }, { highWaterMark: 0 }),
        );
      },
    } as unknown as Warehouse;
    return { warehouse, open: () => open, ends };
  }
  const settled = () => pause(1);

  it("two run, the others wait for them", async () => {
    const { warehouse, open, ends } = stuck();
    const console = createSqlConsole({ warehouse, clock: new HandClock(), problems });
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
    const console = createSqlConsole({ warehouse, clock, problems });
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

  it("those that are stuck make room, up to four of them", async () => {
    const { warehouse, open, ends } = stuck();
    const clock = new HandClock();
    const console = createSqlConsole({ warehouse, clock, problems });
    const statements: Promise<unknown>[] = [];
    for (const most of [2, 4]) {
      statements.push(...[1, 2].map(() => console.query("SELECT 1").catch((error) => error)));
      await settled();
      expect(open()).toBe(most);
      // The bound, and then the grace.
      for (const _ of [1, 2]) {
        clock.strike();
        await settled();
      }
      expect(console.load).toMatchObject({ running: 0, stuck: most });
    }
    for (const error of await Promise.all(statements)) {
      expect((error as Error).message).toContain("took longer");
    }
    await expect(console.query("SELECT 1")).rejects.toThrow("4 statements run on after their time");
    expect(problems.standing()).toHaveLength(1);
    ends[0]();
    await settled();
    expect(console.load).toMatchObject({ stuck: 3, stuck_total: 4 });
    const next = console.query("SELECT 1");
    await settled();
    for (const end of ends.slice(1)) end();
    expect((await next).rows).toEqual([{ a: 1 }]);
    await settled();
    expect(console.load).toEqual({ running: 0, waiting: 0, stuck: 0, stuck_total: 4 });
    expect(problems.standing()).toEqual([]);
  });
});
