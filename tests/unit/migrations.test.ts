import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { migrate, type Migration, readMigrations } from "../../runtime/warehouse/migrations.ts";
import { splitStatements } from "../../runtime/warehouse/sql_statements.ts";

const folder = join(import.meta.dirname!, "..", "..", "sql", "migrations");
const dir = Deno.makeTempDirSync({ prefix: "migrations-" });
let root: Warehouse;

beforeAll(async () => {
  root = await open("root");
});
afterAll(async () => {
  await root.close();
  await Deno.remove(dir, { recursive: true });
});

describe("migrate()", () => {
  it("applies the migrations of the repository once, in order", async () => {
    const warehouse = await open("all");
    const migrations = await readMigrations(folder);
    expect(await migrate(warehouse, migrations)).toEqual(migrations.map(({ name }) => name));
    expect(await migrate(warehouse, migrations)).toEqual([]);
    const tables = await warehouse.query("SHOW TABLES");
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["batch_runs", "dead_letters", "schema_migrations"]),
    );
    await warehouse.close();
  });
  it("is harmless where several processes run it at once", async () => {
    const warehouse = await open("at_once");
    const migrations = await readMigrations(folder);
    await Promise.all(Array.from({ length: 4 }, () => migrate(warehouse, migrations)));
    expect(await migrate(warehouse, migrations)).toEqual([]);
    const [{ n }] = await warehouse.query("SELECT count() AS n FROM schema_migrations FINAL");
    expect(n).toBe(migrations.length);
    await warehouse.close();
  });
  it("runs every statement of the repository's migrations a second time without harm", async () => {
    const warehouse = await open("twice");
    const tables = async () => {
      for (const { sql } of await readMigrations(folder)) {
        for (const statement of splitStatements(sql)) await warehouse.command(statement);
      }
      return await warehouse.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() " +
          "ORDER BY name",
      );
    };
    const once = await tables();
    expect(once).not.toEqual([]);
    expect(await tables()).toEqual(once);
    await warehouse.close();
  });
  it("goes on where an earlier run was interrupted", async () => {
    const warehouse = await open("interrupted");
    const first = migration(1, "CREATE TABLE IF NOT EXISTS a (x UInt8) ENGINE = Memory");
    const broken = migration(2, "CREATE TABLE IF NOT EXISTS b (x UInt8) ENGINE = Memory; nonsense");
    await expect(migrate(warehouse, [first, broken])).rejects.toThrow("code 62");
    const mended = migration(2, "CREATE TABLE IF NOT EXISTS b (x UInt8) ENGINE = Memory; SELECT 1");
    expect(await migrate(warehouse, [first, mended])).toEqual([mended.name]);
    await warehouse.close();
  });
  it("refuses a migration that was changed, but not one whose comment was", async () => {
    const warehouse = await open("changed");
    await migrate(warehouse, [migration(1, "SELECT 1")]);
    expect(await migrate(warehouse, [migration(1, "-- why\nSELECT 1;")])).toEqual([]);
    await expect(migrate(warehouse, [migration(1, "SELECT 2")])).rejects
      .toThrow('migration "0001_test" was changed after it had been applied');
    await warehouse.close();
  });
  it("refuses a warehouse of a newer version", async () => {
    const warehouse = await open("newer");
    await migrate(warehouse, [migration(1, "SELECT 1"), migration(2, "SELECT 2")]);
    await expect(migrate(warehouse, [migration(1, "SELECT 1")])).rejects
      .toThrow('it has migration "0002_test", the newest known here is 1');
    await warehouse.close();
  });
});

describe("readMigrations()", () => {
  it("refuses a gap in the numbers", async () => {
    const gap = await Deno.makeTempDir();
    await Deno.writeTextFile(`${gap}/0001_create_a.sql`, "SELECT 1");
    await Deno.writeTextFile(`${gap}/0003_create_c.sql`, "SELECT 3");
    await expect(readMigrations(gap)).rejects
      .toThrow('expected 0002_verb_noun.sql next, got "0003_create_c.sql"');
  });
});

describe("splitStatements()", () => {
  const cases: ReadonlyArray<[text: string, statements: string[]]> = [
    ["SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]],
    [";;\n ; -- only; this\n", []],
    ["SELECT ';', 'it''s; \\'; ok' ; SELECT 2", ["SELECT ';', 'it''s; \\'; ok'", "SELECT 2"]],
    ['SELECT 1 AS "a;b", 2 AS `c;d`;', ['SELECT 1 AS "a;b", 2 AS `c;d`']],
    ["SELECT /* a; 'b */ 1 -- c; \"d\n; SELECT 2 - 1 / 1", ["SELECT   1", "SELECT 2 - 1 / 1"]],
    ["SELECT '-- no comment', '/* none */'", ["SELECT '-- no comment', '/* none */'"]],
    ["SELECT $$a;'b$$; SELECT $x$;$$;$x$", ["SELECT $$a;'b$$", "SELECT $x$;$$;$x$"]],
  ];
  for (const [text, statements] of cases) {
    it(`splits ${JSON.stringify(text)}`, () => {
      expect(splitStatements(text).map((one) => one.replace(/ +$/gm, ""))).toEqual(statements);
    });
  }
  it("refuses a quote that is not closed, naming its line", () => {
    expect(() => splitStatements("SELECT 1;\nSELECT 'a; SELECT 2")).toThrow("' opened on line 2");
    expect(() => splitStatements("SELECT /* 1")).toThrow("opened on line 1");
  });
});

function open(database: string): Promise<Warehouse> {
  return openEmbeddedWarehouse({ dir, database, memoryLimitBytes: 1_000_000_000 });
}

function migration(number: number, sql: string): Migration {
  return { number, name: `000${number}_test`, sql };
}
