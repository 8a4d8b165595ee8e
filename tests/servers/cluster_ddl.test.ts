import { describe, expect, it } from "testing";
import { loadDeclarations } from "../../runtime/engine/load_plugins.ts";
import { pluginFolders } from "../../runtime/engine/plugin_folders.ts";
import { relationViews } from "../../runtime/serving/relations.ts";
import { createBatchTable, createSpeedTable, tablesOf } from "../../runtime/sql/tables.ts";
import { clusterStatements } from "../../runtime/warehouse/cluster_ddl.ts";
import { readMigrations } from "../../runtime/warehouse/migrations.ts";
import { openServerWarehouse } from "../../runtime/warehouse/server_warehouse.ts";
import { splitStatements } from "../../runtime/warehouse/sql_statements.ts";
import { serverSetting } from "../support/server_settings.ts";

const root = `${import.meta.dirname}/../..`;

describe("the cluster's form of every statement", () => {
  it("is taken by ClickHouse's parser", async () => {
    const warehouse = await openServerWarehouse({
      url: serverSetting("TWOFOLD_CLICKHOUSE_URL"),
      user: serverSetting("TWOFOLD_CLICKHOUSE_USER"),
      password: serverSetting("TWOFOLD_CLICKHOUSE_PASSWORD"),
      database: "cluster_forms",
    });
    const plugins = (await loadDeclarations(pluginFolders(root))).plugins.map(({ plugin }) =>
      tablesOf(plugin, "v1_0")
    );
    const migrations = await readMigrations(`${root}/sql/migrations`);
    const statements = [
      ...migrations.flatMap(({ sql }) => splitStatements(sql)),
      ...plugins.flatMap((tables) => [
        createSpeedTable(tables, "l"),
        createBatchTable(tables),
        ...relationViews(tables, "l").map(({ sql }) => sql),
      ]),
    ].flatMap((sql) => clusterStatements(sql, { cluster: "main", database: "d" }));
    expect(statements.length).toBeGreaterThan(20);
    for (const sql of statements) {
      const [row] = await warehouse.query("SELECT formatQuery({sql:String}) AS text", {
        params: { sql },
      });
      expect(row.text).toContain("ON CLUSTER main");
    }
    await warehouse.close();
  });
});
