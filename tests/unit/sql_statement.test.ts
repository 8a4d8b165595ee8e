import { afterAll, beforeAll, describe, expect, it } from "testing";
import { UserError } from "../../runtime/std/errors.ts";
import {
  allowedFunctions,
  isAllowedFunction,
  isAllowedTableFunction,
} from "../../runtime/sql/sql_functions.ts";
import { readStatement } from "../../runtime/serving/sql_statement.ts";
import { type BothWarehouses, openBoth, ways } from "../support/both_warehouses.ts";

let both: BothWarehouses;
beforeAll(async () => {
  both = await openBoth("people");
  await both.embedded.command("CREATE TABLE counts (a UInt64) ENGINE = Memory");
});
afterAll(() => both.close());

const { signal } = new AbortController();

for (const way of ways) {
  const read = (sql: string) => readStatement(both[way], sql, signal);
  const fault = (sql: string) =>
    read(sql).then(() => {
      throw new Error(`it was accepted: ${sql}`);
    }, (error) => {
      expect(error).toBeInstanceOf(UserError);
      expect(error.field).toBe("sql");
      return error.message as string;
    });

  describe(`readStatement(), ${way}`, () => {
    it("takes a word for what it is where it stands", async () => {
      for (
        const sql of [
          "SELECT 'The Merge'",
          "SELECT 1 AS settings",
          "SELECT 'file(1)' AS sleep",
          "SELECT a AS merge FROM counts -- sqlite('x', 't')",
          "SELECT $$url()$$ /* s3() */",
          'SELECT a AS "system", "system" + 1 AS executable FROM counts',
        ]
      ) expect((await read(sql)).query).toBe(true);
    });

    it("takes what analysis needs", async () => {
      for (
        const sql of [
          "WITH x AS (SELECT 1 AS n) SELECT n FROM x UNION DISTINCT SELECT 2 EXCEPT SELECT 3",
          "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT n FROM t",
          `SELECT sumIf(a, a > 1), COUNT(DISTINCT a), quantiles(0.5, 0.9)(a), uniqExactIfState(a, 1),
            avgOrNull(a), groupArray(a)[1], (1, 2).1, -a, NOT a, a ? 1 : 2, a BETWEEN 1 AND 2,
            a IS NULL, a LIKE 'x', a ILIKE 'y', a::String, CAST(a AS UInt8), [1, 2], map('a', 1),
            INTERVAL 1 DAY + now(), EXTRACT(YEAR FROM today()), DATE '2024-01-01',
            arrayMap(x -> x + 1, [1]), CASE WHEN a THEN 1 ELSE 2 END, CASE a WHEN 1 THEN 2 END,
            if(a, 1, 2), coalesce(a, 1), a || 'x', SUBSTRING(toString(a) FROM 1 FOR 2),
            TRIM(BOTH ' ' FROM 'x'), POSITION('a' IN 'b'), dateDiff('day', now(), now()),
            EXISTS(SELECT 1), a = ANY (SELECT 1), median(a), max(a) FILTER (WHERE a > 1)
          FROM people.counts FINAL SAMPLE 1 / 10 ARRAY JOIN [1] AS j PREWHERE a WHERE a
          GROUP BY a WITH ROLLUP HAVING a ORDER BY a WITH FILL LIMIT 1 BY a LIMIT 2`,
          `SELECT row_number() OVER (PARTITION BY a ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW),
            lagInFrame(a) OVER w, * EXCEPT (a) REPLACE (1 AS a), COLUMNS('a'), c.*, grouping(a)
          FROM counts AS c WINDOW w AS (ORDER BY a) QUALIFY a`,
          "SELECT * FROM counts AS a ASOF LEFT JOIN counts AS b USING (a) CROSS JOIN numbers(3)",
          "SELECT 1 IN (SELECT a FROM counts), 2 IN counts, 3 NOT IN (1, 2), 4 GLOBAL IN people.counts",
          "SELECT * FROM values('a UInt8', 1, 2), (VALUES (1), (2)) AS v, view(SELECT 1) AS w",
          "SELECT name FROM system.tables UNION ALL SELECT name FROM system.functions",
        ]
      ) expect((await read(sql)).query).toBe(true);
      for (
        const sql of [
          "EXPLAIN SELECT 1",
          "EXPLAIN indexes = 1, actions = 1 SELECT 1",
          "DESCRIBE counts",
          "EXPLAIN AST SELECT 1",
          "EXPLAIN ESTIMATE SELECT a FROM counts",
          "EXISTS counts",
          "DESC (SELECT 1)",
          "DESCRIBE TABLE numbers(1)",
          "SHOW TABLES",
          "SHOW DATABASES",
          "show full tables from people like 'x\\'%' limit 3",
          "SHOW CREATE VIEW people.counts",
          "SHOW COLUMNS FROM counts FROM people",
          "SHOW FUNCTIONS ILIKE 'a%'",
          "SHOW INDEXES FROM counts",
          "SHOW CREATE counts",
          "SHOW CREATE TABLE system.one",
        ]
      ) expect((await read(sql)).query).toBe(false);
    });

    it("refuses table functions that reach out, wherever they stand, and nothing is created", async () => {
      const made = `sqlite('${both.dir}/made', 't')`;
      for (
        const sql of [
          `SELECT * FROM ${made}`,
          `SELECT * FROM (SELECT * FROM ${made})`,
          `WITH x AS (SELECT * FROM ${made}) SELECT * FROM x`,
          `WITH (SELECT max(a) FROM ${made}) AS x SELECT x`,
          `SELECT * FROM view(SELECT * FROM ${made})`,
          `SELECT 1 IN (SELECT * FROM ${made})`,
          `SELECT 1 IN ${made}`,
          `SELECT EXISTS(SELECT * FROM ${made})`,
          `SELECT * FROM counts JOIN ${made} AS t ON 1 = 1`,
          `SELECT 1 UNION ALL SELECT * FROM ${made}`,
          `SELECT 1 ORDER BY (SELECT 1 FROM ${made})`,
          `SELECT sum(1) OVER (ORDER BY (SELECT 1 FROM ${made}))`,
          `SELECT 1 LIMIT (SELECT 1 FROM ${made})`,
          `SELECT * REPLACE ((SELECT 1 FROM ${made}) AS a) FROM counts`,
          `EXPLAIN SELECT * FROM ${made}`,
          `EXPLAIN AST SELECT * FROM ${made}`,
          `SELECT * FROM (EXPLAIN SELECT * FROM ${made})`,
          `DESCRIBE TABLE ${made}`,
          `DESCRIBE (SELECT * FROM ${made})`,
        ]
      ) expect(await fault(sql)).toMatch(/function (sqlite|viewExplain) is/);
      expect(await fault(`SHOW TABLES WHERE 1 IN ${made}`)).toContain("without WHERE");
      expect(await fault(`SHOW COLUMNS FROM counts WHERE 1 IN ${made}`)).toContain("without WHERE");
      expect(await fault(`EXPLAIN TABLE OVERRIDE ${made} PARTITION BY a`)).toContain(
        "expected one",
      );
      expect(await fault(`SELECT 1 INTO OUTFILE '${both.dir}/made'`)).toContain("INTO OUTFILE");
      expect(await fault("SELECT 1; CREATE TABLE made (a UInt8) ENGINE = Memory"))
        .toContain("expected one statement");
      expect(await fault("CREATE TABLE made (a UInt8) ENGINE = Memory")).toContain("expected one");
      await expect(Deno.stat(`${both.dir}/made`)).rejects.toThrow(Deno.errors.NotFound);
      expect(await both[way].query("SHOW TABLES LIKE 'made'")).toEqual([]);
      for (
        const name of [
          "file",
          "url",
          "s3",
          "remote",
          "mysql",
          "executable",
          "cluster",
          "merge",
          "input",
          "dictionary",
          "mergeTreeIndex",
          "hdfs",
          "redis",
          "loop",
          "generateRandom",
          "eval",
        ]
      ) {
        expect(await fault(`SELECT * FROM ${name}('x', 'y')`)).toContain(
          `table function ${name} is`,
        );
      }
    });

    it("refuses a function that is not on the list, in any spelling, by its name", async () => {
      for (
        const [sql, name] of [
          ["SELECT editDistance('a', 'b')", "editDistance"],
          ["SELECT `editDistance`('a', 'b')", "editDistance"],
          ["SELECT levenshteinDistance('a', 'b')", "levenshteinDistance"],
          ["SELECT arrayMap(x -> sleep(x), [1])", "sleep"],
          ["SELECT a FROM counts ORDER BY file('x')", "file"],
          [
            "SELECT sum(a) OVER (ROWS BETWEEN toUInt8(file('x')) PRECEDING AND CURRENT ROW) FROM counts",
            "file",
          ],
          ["SELECT dictGet('d', 'x', 1)", "dictGet"],
          ["SELECT joinGet('j', 'x', 1)", "joinGet"],
          ["SELECT arrayReduce('sum', [1])", "arrayReduce"],
          ["SELECT getSetting('max_threads')", "getSetting"],
          ["SELECT hostName()", "hostName"],
          ["SELECT aiGenerate('x')", "aiGenerate"],
          ["SELECT * APPLY sum FROM counts", "APPLY"],
          ["SELECT COLUMNS('a') APPLY(x -> file(x)) FROM counts", "APPLY"],
          ["SELECT summ(a) FROM counts", "summ"],
          ["SELECT lengthIf(a) FROM counts", "lengthIf"],
        ]
      ) {
        expect(await fault(sql)).toBe(
          `Cannot run the SQL: function ${name} is unknown or not allowed`,
        );
      }
    });

    it("refuses tables of others, settings, formats and statements that do more than read", async () => {
      for (
        const table of [
          "system.users",
          "system.processes",
          "default.x",
          "INFORMATION_SCHEMA.TABLES",
        ]
      ) {
        for (
          const sql of [
            `SELECT * FROM ${table}`,
            `SELECT 1 IN ${table}`,
            `DESCRIBE ${table}`,
            `SHOW CREATE TABLE ${table}`,
            `EXISTS ${table}`,
            `EXPLAIN SELECT * FROM ${table}`,
          ]
        ) expect(await fault(sql)).toContain(`table ${table} is not allowed`);
      }
      expect(await fault("SELECT 1 SETTINGS max_threads = 9")).toContain("SETTINGS are not");
      expect(await fault("SELECT (SELECT 1 SETTINGS readonly = 0)")).toContain("SETTINGS are not");
      expect(await fault("SELECT 1 FORMAT CSV")).toContain("FORMAT and INTO OUTFILE are not");
      for (
        const sql of [
          "SET readonly = 0",
          "USE system",
          "SYSTEM SHUTDOWN",
          "KILL QUERY WHERE 1",
          "SHOW GRANTS",
          "INSERT INTO counts VALUES (1)",
          "INSERT INTO counts SELECT 1",
          "DROP TABLE counts",
          "SHOW PROCESSLIST",
          "SHOW SETTINGS LIKE 'x'",
          "SHOW CREATE DATABASE people",
          "CHECK TABLE counts",
          "EXPLAIN CURRENT TRANSACTION",
          "SELECT 1 PARALLEL WITH SELECT 2",
          "EXISTS DATABASE people",
          "BEGIN TRANSACTION",
        ]
      ) expect(await fault(sql)).toContain("expected one SELECT");
      expect(await fault("EXPLAIN INSERT INTO counts SELECT 1")).toContain("InsertQuery is not");
    });

    it("says where the text stops being SQL", async () => {
      expect(await fault("SELECT 1,\n  FROM FROM")).toContain("at line 2, column 12, at the end");
      expect(await fault(`SELECT '${"x".repeat(100_000)}'`)).toContain("at most 100000 bytes");
    });
  });
}

describe("the list of functions", () => {
  it("has only names that the engine knows, and no name twice", async () => {
    const rows = await both.embedded.query<{ name: string }>("SELECT name FROM system.functions");
    const known = new Set(rows.map(({ name }) => name));
    // The parser's own.
    for (const name of ["lambda", "exists", "grouping", "untuple"]) known.add(name);
    expect(allowedFunctions.filter((name) => !known.has(name))).toEqual([]);
    const names = allowedFunctions.map((name) => name.toLowerCase());
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  it("lets nothing pass by its case or by what looks like a combinator", async () => {
    const rows = await both.embedded.query<{ name: string; alias_to: string }>(
      "SELECT name, alias_to FROM system.functions",
    );
    const listed = new Set(allowedFunctions);
    const stranger = rows.filter(({ name, alias_to }) =>
      isAllowedFunction(name) && !listed.has(name) && !listed.has(alias_to)
    );
    expect(stranger).toEqual([]);
  });

  it("shares no name with a table function that is not allowed, but one that reads its own text", async () => {
    const rows = await both.embedded.query<{ name: string }>(
      "SELECT name FROM system.table_functions",
    );
    const shared = rows.filter(({ name }) =>
      isAllowedFunction(name) && !isAllowedTableFunction(name)
    );
    expect(shared).toEqual([{ name: "format" }]);
  });
});
