import { afterAll, beforeAll, describe, expect, it } from "testing";
import { statementFacts } from "../../runtime/sql/statement_facts.ts";
import { type BothWarehouses, openBoth, ways } from "../support/both_warehouses.ts";

let both: BothWarehouses;
beforeAll(async () => {
  both = await openBoth("facts");
});
afterAll(() => both.close());

for (const way of ways) {
  const facts = (sql: string, params?: Record<string, string>) =>
    statementFacts(both[way], sql, { params });
  const fault = (sql: string) =>
    facts(sql).then(() => {
      throw new Error("it was accepted");
    }, (error) => {
      expect(error).toBeInstanceOf(SyntaxError);
      return error.message as string;
    });

  describe(`statementFacts(), ${way}`, () => {
    it("lists tables, functions and table functions wherever they stand", async () => {
      const found = await facts(`
      WITH days AS (SELECT toDate(t) AS day FROM events), more(a) AS MATERIALIZED (SELECT 1),
        3 AS three, (SELECT max(x) FROM limits) AS most, \`odd name\` AS (SELECT 2)
      SELECT sumIf(a, b > 0) OVER w, * REPLACE (upper(c) AS c), arrayMap(x -> lower(x), d)
      FROM days JOIN system.one AS o ON length(o) = 1, more, view(SELECT min(y) FROM inner.one),
        "odd name", numbers(three)
      WHERE e IN (SELECT round(f) FROM values('f UInt8', 1)) AND g NOT IN system.users
      WINDOW w AS (ORDER BY abs(z) ROWS BETWEEN floor(1.5) PRECEDING AND CURRENT ROW)
      UNION ALL SELECT ceil(1) ORDER BY sqrt(2) LIMIT toUInt8(3)`);
      expect(found.kind).toBe("SelectWithUnionQuery");
      expect(found.tables.toSorted()).toEqual(["events", "inner.one", "limits", "system.one"]);
      expect(found.inNames).toEqual(["system.users"]);
      expect(found.tableFunctions.toSorted()).toEqual(["numbers", "values", "view"]);
      for (
        const name of [
          "toDate",
          "max",
          "sumIf",
          "greater",
          "upper",
          "arrayMap",
          "lower",
          "length",
          "min",
          "round",
          "in",
          "notIn",
          "abs",
          "floor",
          "ceil",
          "sqrt",
          "toUInt8",
        ]
      ) expect(found.functions).toContain(name);
      expect([found.settings, found.output]).toEqual([false, false]);
    });

    it("reads what stands in texts, names and comments as texts, names and comments", async () => {
      const found = await facts(
        "SELECT 'sqlite(1); DROP' AS `file(1)`, $$merge('x')$$, 1 AS settings -- url(); \n" +
          '/* s3(/* nested */) ; */ FROM "remote" # executable()\n ; ;',
      );
      expect(found.functions).toEqual([]);
      expect([found.tables, found.settings]).toEqual([["remote"], false]);
      expect(found.sql).toBe(
        "SELECT 'sqlite(1); DROP' AS `file(1)`, 'merge(\\'x\\')', 1 AS settings FROM remote",
      );
    });

    it("runs nothing of what it reads", async () => {
      const file = `${both.dir}/made`;
      for (
        const sql of [
          `SELECT * FROM sqlite('${file}', 't')`,
          `EXPLAIN SELECT 1 IN sqlite('${file}', 't')`,
          `DESCRIBE TABLE sqlite('${file}', 't')`,
          `SELECT 1 INTO OUTFILE '${file}'`,
          "CREATE TABLE made (a UInt8) ENGINE = Memory",
        ]
      ) await facts(sql);
      await fault("SELECT 1; CREATE TABLE made (a UInt8) ENGINE = Memory");
      await expect(Deno.stat(file)).rejects.toThrow(Deno.errors.NotFound);
      expect(await both[way].query("SELECT name FROM system.tables WHERE name = 'made'")).toEqual(
        [],
      );
    });

    it("names the kind of every statement, and what else it does", async () => {
      const kindOf = async (sql: string) => (await facts(sql)).kind;
      expect(await kindOf("(SELECT 1) UNION ALL SELECT 2")).toBe("SelectWithUnionQuery");
      expect(await kindOf("DROP TABLE a")).toBe("DropQuery");
      expect(await kindOf("SYSTEM SHUTDOWN")).toBe("SYSTEM");
      expect((await facts("SHOW CREATE TABLE b.c")).tables).toEqual(["b.c"]);
      expect((await facts("EXISTS c")).tables).toEqual(["c"]);
      expect((await facts("DESCRIBE b.c")).tables).toEqual(["b.c"]);
      expect((await facts("DESCRIBE url('http://x')")).tableFunctions).toEqual(["url"]);
      expect((await facts("EXPLAIN indexes = 1 SELECT 1")).settings).toBe(false);
      expect((await facts("EXPLAIN SELECT 1 SETTINGS max_threads = 1")).settings).toBe(true);
      expect((await facts("SELECT 1 UNION ALL SELECT 2 SETTINGS max_threads = 1")).settings)
        .toBe(true);
      for (const sql of ["SHOW TABLES", "SELECT 1", "EXPLAIN SELECT 1", "EXPLAIN AST SELECT 1"]) {
        expect((await facts(`${sql} INTO OUTFILE 'x'`)).output).toBe(true);
        expect((await facts(sql)).output).toBe(false);
      }
      for (const sql of ["SELECT 1", "DESCRIBE a", "SHOW TABLES", "EXPLAIN SELECT 1"]) {
        for (const format of ["CSV", "Null", "JSONEachRow"]) {
          expect((await facts(`${sql} FORMAT ${format};`)).output).toBe(true);
        }
      }
      expect((await facts("SELECT * APPLY sum FROM a")).functions).toContain("APPLY");
      expect((await facts("SELECT {n:UInt8} FROM a", { n: "1" })).tables).toEqual(["a"]);
    });

    it("says where a text stops being SQL, in the text's own lines and characters", async () => {
      expect(await fault("SELECT\n  a,\n  b b b\nFROM x"))
        .toBe('syntax error at line 3, column 7, near "b\\nFROM x"');
      expect(await fault("SELECT 'ü', '🎬', b b b"))
        .toBe('syntax error at line 1, column 22, near "b"');
      expect(await fault("SELEC 1")).toBe('syntax error at line 1, column 1, near "SELEC 1"');
      expect(await fault("SELECT (1")).toContain("a bracket is not closed at line 1, column 8");
      expect(await fault("SELECT 'a")).toContain("a quote or a comment is not closed at line 1");
      expect(await fault("SELECT 1 /* a")).toContain(
        "a quote or a comment is not closed at line 1",
      );
      expect(await fault("SELECT 1; SELECT 2")).toContain("another begins at line 1, column 9");
      expect(await fault(" -- nothing")).toBe("expected a statement, got none");
    });
  });
}
