import { afterAll, beforeAll, describe, expect, it } from "testing";
import { join } from "node:path";
import ratings from "../../plugins/ratings.ts";
import { FileChecks } from "../../runtime/archive/file_checks.ts";
import { readStateTables } from "../../runtime/engine/state_tables.ts";
import { createVerification } from "../../runtime/engine/verification.ts";
import type { EventLog, ObjectStore, Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { createLedgerTable } from "../../runtime/speed/ledger.ts";
import {
  createBatchTable,
  createSpeedTable,
  rowHashSql,
  tablesOf,
} from "../../runtime/sql/tables.ts";
import { readMigrations } from "../../runtime/warehouse/migrations.ts";
import { openServerWarehouse } from "../../runtime/warehouse/server_warehouse.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { root } from "../support/running_engine.ts";

const tables = tablesOf(ratings, "v1_0123abcd");
const TABLE = tables.speed("log");
const LEDGER = "state_ledger_t_0123abcd_log";

/**
 * A cluster of one server, which is all that runs without Keeper: the tables are made as a cluster
 * has them, but are not replicated. What is asked of the cluster reaches that server alone.
 */
describe("damage on a cluster", () => {
  let dir: string;
  let front: Deno.ChildProcess;
  let single: Warehouse;
  let cluster: Warehouse;
  let part: string;

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-cluster-" });
    front = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "-A",
        join(root, "tests/support/clickhouse_front.ts"),
        "--data",
        join(dir, "data"),
        "--cluster",
        "one",
      ],
      env: { FRONT_USER: "u", FRONT_PASSWORD: "p" },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = front.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const url = (await reader.read()).value!.trim();
    await reader.cancel();
    const options = { url, user: "u", password: "p", database: "movies" };
    single = await openServerWarehouse(options);
    const migrations = await readMigrations(join(root, "sql", "migrations"));
    for (
      const [name, create] of Object.entries({
        [TABLE]: createSpeedTable(tables, "log"),
        [tables.batch]: createBatchTable(tables),
        [LEDGER]: createLedgerTable(LEDGER),
        dead_letters: migrations[0].sql,
      })
    ) {
      const made = `CREATE TABLE IF NOT EXISTS ${name}`;
      await single.command(create.replace(made, `${made}_local`));
      if (name === "dead_letters") {
        const added = migrations.find((one) => one.name.endsWith("_add_dead_letter_decoding"))!;
        await single.command(added.sql.replace("TABLE dead_letters", "TABLE dead_letters_local"));
      }
      await single.command(
        `CREATE TABLE ${name} AS ${name}_local ENGINE = Distributed(one, movies, ${name}_local)`,
      );
    }
    await single.command(
      `INSERT INTO ${TABLE}_local (kind, window_start, movie_id, rating_count, version, _rows_hash)
WITH toDateTime(10 * number, 'UTC') AS window_start
SELECT 0, window_start, number, number, 500, 0 FROM numbers(1000)
UNION ALL SELECT 1, toDateTime(0, 'UTC'), 0, 0, 500, 0`,
    );
    await single.command(
      `INSERT INTO ${TABLE}_local (kind, block, version) VALUES (1, 500, 500)`,
    );
    const [{ hash }] = await single.query<{ hash: number }>(
      `SELECT toUInt32(sum(${rowHashSql(ratings)})) AS hash FROM ${TABLE}_local WHERE kind = 0`,
    );
    await single.command(
      `INSERT INTO ${TABLE}_local (kind, version, _rows_hash) VALUES (1, 500, ${hash})`,
    );
    await single.command(`OPTIMIZE TABLE ${TABLE}_local FINAL`);
    cluster = await openServerWarehouse({ ...options, cluster: "one" });
    const [row] = await single.query<{ path: string }>(
      `SELECT path FROM system.parts WHERE table = '${TABLE}_local' AND active`,
    );
    part = row.path;
  });
  afterAll(async () => {
    await cluster.close();
    await single.close();
    front.kill("SIGTERM");
    await front.status;
    await Deno.remove(dir, { recursive: true });
  });

  const verify = async () => {
    const clock = new ManualClock(1e12);
    const problems = new Problems(clock);
    const store = { async *list() {} } as unknown as ObjectStore;
    const topic = {
      topic: "t",
      log: {
        id: "log",
        topic: "t",
        partitionCount: () => 1,
        bounds: () => Promise.resolve({ start: 0n, end: 500n }),
      } as unknown as EventLog,
      checks: new FileChecks({ topic: "t", store }),
      plugins: () => [{ tables, speed: { start: () => ({}), frontier: () => ({}) } }],
      ledger: () => ({ table: LEDGER, decoding: "", written: [] }),
      shared: true,
    };
    const verification = createVerification({
      topics: [topic],
      store,
      warehouse: cluster,
      clock,
      problems,
      ownLogs: false,
      scrubBytesPerSecond: 0,
      isOurTurn: () => true,
    });
    return { ...await verification.verify(), problems: problems.standing() };
  };
  const forgetRead = async () => {
    for (const cache of ["MARK", "UNCOMPRESSED"]) {
      await single.command(`SYSTEM DROP ${cache} CACHE`);
    }
  };

  it("is not found where there is none, and the tables' last writes are those of all servers", async () => {
    expect(await verify()).toMatchObject({ ok: true, findings: [], tables: 4 });
    const { tables } = await readStateTables(cluster);
    expect(tables.map(({ name }) => name)).toContain(TABLE);
    expect(tables.at(-1)!.writtenMs).toBeGreaterThan(1e12);
  });

  it("is found and named: a flipped bit, and a file that is gone", async () => {
    const path = join(part, "data.bin");
    const bytes = await Deno.readFile(path);
    const flipped = bytes.slice();
    flipped[flipped.length >> 1] ^= 4;
    await Deno.writeFile(path, flipped);
    await forgetRead();
    const named = { code: "warehouse_damaged", object: `table ${TABLE}_local` };
    const { findings, problems } = await verify();
    // The check of the rows meets it as well.
    expect(findings).toMatchObject([{ ...named, object: `table ${TABLE}` }, named]);
    expect(problems.every(({ plugin, blocking }) => plugin === "ratings" && blocking)).toBe(true);
    for (const { damage } of findings) expect(damage).toContain("Checksum doesn't match");
    await Deno.remove(path);
    await forgetRead();
    const gone = (await verify()).findings.at(-1)!;
    expect(gone).toMatchObject(named);
    expect(gone.damage).toMatch(/data\.bin.*No such file/);
    await Deno.writeFile(path, bytes);
    await forgetRead();
    expect((await verify()).findings).toEqual([]);
  });

  it("is found and named: rows that are gone", async () => {
    await single.command(
      `ALTER TABLE ${TABLE}_local DELETE WHERE movie_id = 7 SETTINGS mutations_sync = 2`,
    );
    expect((await verify()).findings).toMatchObject([{
      object: `table ${TABLE}`,
      damage: "the rows of partition 0, block 0, are not those that its flushes wrote: rows are " +
        "missing or changed",
    }]);
    await single.command(`ALTER TABLE ${TABLE}_local DELETE WHERE block = 0 OR kind = 0
SETTINGS mutations_sync = 2`);
    expect((await verify()).findings).toEqual([]);
  });

  it("that ClickHouse set aside is named with its server", async () => {
    const aside = join(part, "../detached/broken_all_7_7_0");
    await Deno.mkdir(aside);
    const { findings } = await verify();
    expect(findings).toMatchObject([{ code: "warehouse_damaged" }]);
    expect(findings[0].object).toBe(
      `table ${TABLE}_local, part broken_all_7_7_0, server ${Deno.hostname()}`,
    );
    await Deno.remove(aside, { recursive: true });
  });
});
