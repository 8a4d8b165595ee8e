import { describe, expect, it } from "testing";
import { ExternalError, UserError } from "../../runtime/std/errors.ts";
import { clickHouseCode } from "../../runtime/warehouse/warehouse_error.ts";
import { warehouseConformance } from "../conformance/warehouse_suite.ts";
import { openServerWarehouse } from "../../runtime/warehouse/server_warehouse.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { serverSetting } from "../support/server_settings.ts";

warehouseConformance(
  "server, over the HTTP interface of libchdb",
  (database, options) =>
    openServerWarehouse({
      url: serverSetting("TWOFOLD_CLICKHOUSE_URL"),
      user: serverSetting("TWOFOLD_CLICKHOUSE_USER"),
      password: serverSetting("TWOFOLD_CLICKHOUSE_PASSWORD"),
      database: `${database}_${crypto.randomUUID().slice(0, 8)}`,
      memoryLimitBytes: 2_000_000_000,
      ...options,
    }),
);

describe("openServerWarehouse()", () => {
  const server = {
    url: serverSetting("TWOFOLD_CLICKHOUSE_URL"),
    user: serverSetting("TWOFOLD_CLICKHOUSE_USER"),
    password: serverSetting("TWOFOLD_CLICKHOUSE_PASSWORD"),
    database: "opening",
  };
  it("names the server and no password when it is refused", async () => {
    const error = await failure(openServerWarehouse({ ...server, password: "wr0ng-secret" }));
    expect(clickHouseCode(error)).toBe(516);
    expect(error.message).toContain(server.url);
    expect(Deno.inspect(error)).not.toContain("wr0ng-secret");
  });
  it("fails retriably where nothing listens", async () => {
    const error = await failure(openServerWarehouse({ ...server, url: "http://127.0.0.1:1" }));
    expect(error).toBeInstanceOf(ExternalError);
    expect(error).toMatchObject({ retriable: true });
  });
  it("refuses a password in the URL without telling it", async () => {
    const url = server.url.replace("://", "://user:s3cret@");
    const error = await failure(openServerWarehouse({ ...server, url }));
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).not.toContain("s3cret");
  });
  it("opens a database that is there, and several processes may make it at once", async () => {
    const database = `race_${crypto.randomUUID().slice(0, 8)}`;
    const opened = await Promise.all(
      Array.from({ length: 5 }, () => openServerWarehouse({ ...server, database })),
    );
    expect(await opened[0].query("SELECT currentDatabase() AS name")).toEqual([{ name: database }]);
    for (const warehouse of opened) await warehouse.close();
  });
  it("gives up a statement on a server that is silent, retriably", async () => {
    const warehouse = await openServerWarehouse({ ...server, timeoutMs: 200 });
    const error = await failure(warehouse.command("SELECT sleep(1.5)"));
    expect(error).toMatchObject({ retriable: true, fault: "external" });
    await warehouse.close();
  });
  it("tells of a connection that breaks, also of one used before, and does not wait", async () => {
    const proxy = new FaultProxy(server.url);
    const warehouse = await openServerWarehouse({ ...server, url: proxy.url, timeoutMs: 15_000 });
    const statements = (sql: string) => Array.from({ length: 8 }, () => warehouse.query(sql));
    try {
      await Promise.all(statements("SELECT 1"));
      proxy.become("hang");
      const underWay = statements("SELECT 2");
      await new Promise((resolve) => setTimeout(resolve, 500)); // until they are sent
      proxy.become("slow");
      for (const { message } of await Promise.all(underWay.map(failure))) {
        expect(message).toMatch(/socket hang up|ECONNRESET/);
      }
      proxy.become("pass");
      await Promise.all(statements("SELECT 3"));
    } finally {
      await warehouse.close();
      proxy.close();
    }
  });
});

async function failure(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(() => {
    throw new Error("expected a rejection, got a result");
  }, (error) => error);
}
