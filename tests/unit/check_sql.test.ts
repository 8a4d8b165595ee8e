import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventColumns } from "../../runtime/archive/archive_relation.ts";
import { checkBatchSql } from "../../runtime/batch/check_sql.ts";
import { ExternalError, UserError } from "../../runtime/std/errors.ts";
import { loadDeclarations } from "../../runtime/engine/load_plugins.ts";
import { pluginFolders } from "../../runtime/engine/plugin_folders.ts";
import type { Plugin } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import {
  openWarehouse,
  totalsPlugin,
  totalsSql,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";
import { projectRoot } from "../support/test_engine.ts";

describe("checkBatchSql()", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
    await warehouse.command("CREATE TABLE movies (movie_id UInt32) ENGINE = Memory");
  });
  afterAll(() => warehouse.close());

  const check = (batchSql: string, plugin: Plugin = usersPlugin) =>
    checkBatchSql(warehouse, { plugin, batchSql, columns: eventColumns(plugin.source) });
  const fault = async (batchSql: string, plugin?: Plugin) => {
    const error = await check(batchSql, plugin).then(() => null, (error) => error);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(
      `Cannot run the batch SQL of plugin "${(plugin ?? usersPlugin).name}": `,
    );
    return error.message as string;
  };
  const instead = (text: string, by: string) => {
    expect(usersSql).toContain(text);
    return usersSql.replace(text, by);
  };

  it("accepts the SQL of every plugin here, and of tests", async () => {
    const { plugins } = await loadDeclarations(pluginFolders(projectRoot));
    expect(plugins.length).toBeGreaterThan(5);
    for (const { plugin, batchSql } of plugins) await check(batchSql, plugin);
    await check(usersSql);
    await check(`${totalsSql};\n-- the end`, totalsPlugin);
  });

  it("accepts common table expressions, subqueries and lists", async () => {
    const from = "FROM events";
    await check(instead(from, "FROM (WITH good AS (SELECT * FROM events) SELECT * FROM good)"));
    await check(instead(from, "FROM events WHERE user_id IN (SELECT user_id FROM events)"));
    await check(instead(from, "FROM events WHERE user_id IN (1, 2)"));
  });

  it.each([
    ["FROM evnts", "it reads table evnts"],
    ["FROM movies", "it reads table movies"],
    ["FROM system.one", "it reads table system.one"],
    ["FROM events WHERE movie_id IN movies", "it reads table movies"],
    ["FROM events WHERE movie_id IN (SELECT movie_id FROM movies)", "it reads table movies"],
    ["FROM events CROSS JOIN movies AS m", "it reads table movies"],
    ["FROM numbers(3) AS events", "table function numbers"],
    ["FROM file('/etc/passwd', 'LineAsString') AS events", "table function file"],
  ])("refuses another source: %s", async (from, expected) => {
    expect(await fault(instead("FROM events", from))).toContain(expected);
  });

  it.each([
    "now()",
    "today()",
    "rand()",
    "rand64()",
    "NOW()",
    "hour(now64())",
    "rowNumberInAllBlocks()",
    "generateUUIDv4()",
    "currentUser()",
    "hostName()",
    "version()",
    "queryID()",
    "dictGet('d', 'a', 1)",
    "getSetting('max_threads')",
    "sleep(1)",
    "currentDatabase()",
    "any(user_id)",
    "anyLastIf(user_id, 1)",
    "first_value(user_id)",
    "groupArraySample(2)(user_id)",
  ])("refuses %s, whose value does not follow from the events", async (call) => {
    const message = await fault(
      instead("count() * one", `count() * one + length(toString(${call}))`),
    );
    expect(message).toContain(`function ${/^\w+/.exec(call.replace("hour(", ""))![0]} is `);
  });

  it("refuses what is not one SELECT, with the place of the fault", async () => {
    expect(await fault("DROP TABLE movies")).toContain("expected one SELECT");
    expect(await fault("SELECT 1; SELECT 2")).toMatch(/line 1/);
    expect(await fault("SELECT 1\nFROM WHERE 2")).toMatch(/line 2/);
    expect(await fault(`${totalsSql} SETTINGS max_threads = 1`, totalsPlugin)).toContain(
      "SETTINGS",
    );
    expect(await fault(`${totalsSql} FORMAT Null`, totalsPlugin)).toContain("FORMAT");
    expect(await warehouse.query("SELECT * FROM movies")).toEqual([]);
  });

  it("refuses columns that are missing, more, or of no use, and unknown fields", async () => {
    expect(await fault(instead("AS watched", "AS watch"))).toContain('column "watched" is missing');
    expect(await fault(instead("SELECT user_id,", "SELECT user_id, 1 AS more,"))).toContain(
      'column "more" is not declared',
    );
    expect(await fault(instead("count() * one", "(count() * one, 1)"))).toMatch(/Tuple/);
    expect(await fault(instead("count() * one", "toString(count())"))).toContain(
      'column "plays" must be a number, got String',
    );
    expect(await fault(instead("count() * one", "count() * sum(lenght)"))).toContain("lenght");
  });

  it("says what passes as what it is: a warehouse that does not answer", async () => {
    const gone = { query: () => Promise.reject(new ExternalError("Cannot reach it")) };
    const columns = eventColumns(usersPlugin.source);
    const checked = { plugin: usersPlugin, batchSql: usersSql, columns };
    await expect(checkBatchSql(gone, checked)).rejects.toThrow("Cannot reach it");
  });
});
