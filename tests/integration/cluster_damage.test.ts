import { afterAll, beforeAll, describe, expect, it } from "testing";
import { join } from "node:path";
import ratings from "../../plugins/ratings.ts";
import { FileChecks } from "../../runtime/archive/file_checks.ts";
import { readStateTables } from "../../runtime/engine/state_tables.ts";
import { createVerification } from "../../runtime/engine/verification.ts";
import type { EventLog, ObjectStore, Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { tablesOf } from "../../runtime/sql/tables.ts";
import { openServerWarehouse } from "../../runtime/warehouse/server_warehouse.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { root } from "../support/running_engine.ts";

const TABLE = "state_speed_ratings_v1_0123abcd_log";

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
    await single.command(
      `CREATE TABLE ${TABLE}_local (kind UInt8, partition UInt32, version UInt64, n Map(String, UInt64))
ENGINE = MergeTree ORDER BY partition`,
    );
    await single.command(
      `CREATE TABLE ${TABLE} AS ${TABLE}_local
ENGINE = Distributed(one, movies, ${TABLE}_local, partition)`,
    );
    await single.command(
      `INSERT INTO ${TABLE}_local SELECT 0, number, 1, map('a', number) FROM numbers(1000)`,
    );
    cluster = await openServerWarehouse({ ...options, cluster: "one" });
    const [row] = await single.query<{ path: string }>(
      "SELECT path FROM system.parts WHERE database = currentDatabase() AND active",
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
      log: { id: "log", topic: "t" } as EventLog,
      checks: new FileChecks({ topic: "t", store }),
      tables: () => [tablesOf(ratings, "v1_0123abcd")],
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
    expect(await verify()).toMatchObject({ ok: true, findings: [], tables: 1 });
    const { tables } = await readStateTables(cluster);
    expect(tables).toMatchObject([{ name: TABLE, plugin: "ratings" }]);
    expect(tables[0].writtenMs).toBeGreaterThan(1e12);
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
    expect(findings).toMatchObject([named]);
    expect(problems).toMatchObject([{ plugin: "ratings", blocking: true }]);
    expect(findings[0].damage).toContain("Checksum doesn't match");
    await Deno.remove(path);
    await forgetRead();
    const [gone] = (await verify()).findings;
    expect(gone).toMatchObject(named);
    expect(gone.damage).toMatch(/data\.bin.*No such file/);
    await Deno.writeFile(path, bytes);
    await forgetRead();
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
