import { join } from "node:path";
import { describe, expect, it } from "testing";
import plugin from "../../plugins/ratings.ts";
import { defineCatalog } from "../../runtime/catalog.ts";
import { showVersion } from "../../runtime/catalogs/catalog_table.ts";
import { string, uint32 } from "../../runtime/events.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { createBatchTable, createSpeedTable, tablesOf } from "../../runtime/sql/tables.ts";
import { clusterStatements } from "../../runtime/warehouse/cluster_ddl.ts";
import { readMigrations } from "../../runtime/warehouse/migrations.ts";
import { splitStatements } from "../../runtime/warehouse/sql_statements.ts";

const root = join(import.meta.dirname!, "..", "..");
const target = { cluster: "main", database: "movie_analytics" };
const movies = defineCatalog({
  name: "movies",
  summary: "",
  key: { movie_id: uint32() },
  fields: { title: string() },
});
const tables = tablesOf(plugin, "v1_00000000");
const onCluster = (sql: string) => clusterStatements(sql, target);

describe("clusterStatements()", () => {
  it("a speed table is placed by its log partition", () => {
    expect(onCluster(createSpeedTable(tables, "local-1"))).toEqual([
      `CREATE TABLE IF NOT EXISTS state_speed_ratings_v1_00000000_local_1_local ON CLUSTER main (
  kind UInt8, partition UInt32, block UInt64, window_start DateTime('UTC'),
  movie_id UInt32, rating_count UInt64, rating_sum Decimal(18, 2), version UInt64, _rows_hash UInt32,
  INDEX window_start_range (kind, window_start) TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
ORDER BY (partition, block, kind, movie_id, window_start)
SETTINGS index_granularity = 1024`,
      `CREATE TABLE IF NOT EXISTS state_speed_ratings_v1_00000000_local_1 ON CLUSTER main AS state_speed_ratings_v1_00000000_local_1_local
ENGINE = Distributed(main, movie_analytics, state_speed_ratings_v1_00000000_local_1_local, partition)`,
    ]);
  });
  it("a batch table is on one shard, with pointer and markers", () => {
    expect(onCluster(createBatchTable(tables))).toEqual([
      `CREATE TABLE IF NOT EXISTS state_batch_ratings_v1_00000000_local ON CLUSTER main (
  level UInt8, run UInt64, bucket DateTime('UTC'),
  movie_id UInt32, rating_count UInt64, rating_sum Decimal(18, 2), 
  day_rows UInt64, full_run UInt64, cut Map(String, Array(UInt64))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}') PARTITION BY if(level < 2, 0, toYYYYMM(bucket))
ORDER BY (level, bucket, movie_id, run)
SETTINGS index_granularity = 1024`,
      `CREATE TABLE IF NOT EXISTS state_batch_ratings_v1_00000000 ON CLUSTER main AS state_batch_ratings_v1_00000000_local
ENGINE = Distributed(main, movie_analytics, state_batch_ratings_v1_00000000_local, toUInt8(0))`,
    ]);
  });
  it("rows are deleted from the tables that hold them, on all servers", () => {
    expect(onCluster("DELETE FROM t WHERE a = {a:UInt8}"))
      .toEqual(["DELETE FROM t_local ON CLUSTER main WHERE a = {a:UInt8}"]);
    expect(onCluster("TRUNCATE TABLE t")).toEqual(["TRUNCATE TABLE t_local ON CLUSTER main"]);
  });
  it("a column is added to the table that holds it, then to the one over all servers", () => {
    expect(onCluster("ALTER TABLE t ADD COLUMN IF NOT EXISTS c String DEFAULT ''")).toEqual([
      "ALTER TABLE t_local ON CLUSTER main ADD COLUMN IF NOT EXISTS c String DEFAULT ''",
      "ALTER TABLE t ON CLUSTER main ADD COLUMN IF NOT EXISTS c String DEFAULT ''",
    ]);
    const keyed = "ALTER TABLE t ADD COLUMN IF NOT EXISTS c String, MODIFY ORDER BY (a, c)";
    expect(onCluster(keyed)).toEqual([
      "ALTER TABLE t_local ON CLUSTER main ADD COLUMN IF NOT EXISTS c String, MODIFY ORDER BY (a, c)",
      "ALTER TABLE t ON CLUSTER main ADD COLUMN IF NOT EXISTS c String",
    ]);
  });
  it("every migration has a form", async () => {
    const migrations = await readMigrations(join(root, "sql", "migrations"));
    const statements = migrations.flatMap(({ sql }) => splitStatements(sql));
    expect(statements.length).toBeGreaterThan(5);
    for (const statement of statements) {
      for (const sql of onCluster(statement)) expect(sql).toContain("ON CLUSTER main");
    }
  });
  it("a table is dropped with the tables under it", () => {
    expect(onCluster("DROP TABLE IF EXISTS t SYNC")).toEqual([
      "DROP TABLE IF EXISTS t ON CLUSTER main SYNC",
      "DROP TABLE IF EXISTS t_local ON CLUSTER main SYNC",
    ]);
    expect(onCluster("DROP TABLE IF EXISTS t")[1]).toBe(
      "DROP TABLE IF EXISTS t_local ON CLUSTER main",
    );
  });
  it("a catalog is filled, shown and dropped everywhere", async () => {
    const sent: string[] = [];
    const warehouse = {
      query: () =>
        Promise.resolve(sent.length === 0 ? [] : [{ name: "catalog_movies_1_0123abcd" }]),
      command: (sql: string) => Promise.resolve(void sent.push(...onCluster(sql))),
      insert: (into: string) => Promise.resolve(void sent.push(`INSERT INTO ${into}`)),
    } as unknown as Warehouse;
    const version = { number: 2, updated: null, rows: [] };
    await showVersion(warehouse, movies, version);
    const own = /catalog_movies_2_[0-9a-f]{8}_[0-9a-f]{8}/;
    const [table] = own.exec(sent[0])!;
    expect(sent.map((sql) => sql.split("\n")[0].replaceAll(table, "t"))).toEqual([
      "CREATE TABLE t_local ON CLUSTER main (movie_id UInt32, title String)",
      "CREATE TABLE t ON CLUSTER main AS t_local",
      "INSERT INTO t (movie_id, title)",
      "CREATE OR REPLACE VIEW movies ON CLUSTER main AS SELECT * FROM t",
      "DROP TABLE IF EXISTS catalog_movies_1_0123abcd ON CLUSTER main",
      "DROP TABLE IF EXISTS catalog_movies_1_0123abcd_local ON CLUSTER main",
    ]);
  });
  it("a view is made everywhere", () => {
    expect(onCluster("CREATE OR REPLACE VIEW v AS\nSELECT 1"))
      .toEqual(["CREATE OR REPLACE VIEW v ON CLUSTER main AS\nSELECT 1"]);
  });
  it("what is no DDL stays as it is", () => {
    for (const sql of ["SELECT 1", "INSERT INTO t SELECT 1", "WITH 1 AS x SELECT x"]) {
      expect(onCluster(sql)).toEqual([sql]);
    }
  });
  it("DDL without a known form is refused, not run on one server", () => {
    expect(() => onCluster("ALTER TABLE t ADD COLUMN x UInt8")).toThrow(/no form is known/);
    expect(() => onCluster("CREATE TABLE t (a UInt8) ENGINE = Memory")).toThrow(/no form is known/);
  });
});
