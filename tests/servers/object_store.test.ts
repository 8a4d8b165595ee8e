import { createServer, type IncomingMessage, request, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "testing";
import { openS3Store, type S3Store } from "../../runtime/archive/s3_store.ts";
import { ExternalError, UserError } from "../../runtime/std/errors.ts";
import { openServerWarehouse } from "../../runtime/warehouse/server_warehouse.ts";
import { objectStoreSuite } from "../conformance/object_store_suite.ts";
import { openTestStore, s3Options } from "../support/s3_bucket.ts";
import { serverSetting } from "../support/server_settings.ts";

objectStoreSuite("MinIO", () => {
  let store: S3Store | undefined;
  return {
    open: async () => store = await openTestStore(),
    dispose: () => store?.close(),
  };
});

const text = (value: string) => new TextEncoder().encode(value);

describe("openS3Store()", () => {
  it("lists more than a page of objects, in order, each once", async () => {
    const store = await openTestStore();
    const wanted = Array.from({ length: 1203 }, (_, i) => `n/${String(i).padStart(6, "0")}`);
    for (let i = 0; i < wanted.length; i += 50) {
      await Promise.all(wanted.slice(i, i + 50).map((name) => store.put(name, text("1"))));
    }
    const names: string[] = [];
    for await (const { name } of store.list("n/")) names.push(name);
    expect(names).toEqual(wanted);
    store.close();
  });
  it("says which bucket is not there", async () => {
    const error = await failure(openS3Store({ ...s3Options(), bucket: "no-such-bucket" }));
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain('"no-such-bucket"');
  });
  it("tells a wrong key without telling the key, and does not try again", async () => {
    let waits = 0;
    const clock = { sleep: () => Promise.resolve(void waits++) };
    const secretKey = "wr0ng-secret";
    const error = await failure(openS3Store({ ...s3Options(), secretKey, clock }));
    expect(error).toMatchObject({ fault: "external", retriable: false });
    expect(Deno.inspect(error, { depth: 9 })).not.toContain("wr0ng-secret");
    expect(waits).toBe(0);
  });
  it("tries again where nothing listens, and says so in the end", async () => {
    const waits: number[] = [];
    const clock = { sleep: (ms: number) => Promise.resolve(void waits.push(ms)) };
    const error = await failure(
      openS3Store({ ...s3Options(), endpoint: "http://127.0.0.1:1", clock }),
    );
    expect(error).toBeInstanceOf(ExternalError);
    expect(error).toMatchObject({ retriable: true });
    expect(waits.length).toBe(4);
    waits.forEach((ms, i) => {
      expect(ms).toBeGreaterThan(50 * 2 ** i - 1);
      expect(ms).toBeLessThanOrEqual(100 * 2 ** i);
    });
  });
  it("gives up a request that is not answered", async () => {
    const silent = await listen(() => {});
    const options = { ...s3Options(), endpoint: silent.url, timeoutMs: 50 };
    const clock = { sleep: () => Promise.resolve() };
    const error = await failure(openS3Store({ ...options, clock }));
    expect(error.message).toContain("no answer within 50 ms");
    expect(error).toMatchObject({ retriable: true });
    silent.close();
  });
  it("a conditional put whose answer got lost is known as its own", async () => {
    let conditional = 0;
    const proxy = await listen(async (asked, response) => {
      const answer = await forward(s3Options().endpoint, asked);
      if (asked.headers["if-none-match"] && conditional++ === 0) return void response.destroy();
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    const clock = { sleep: () => Promise.resolve() };
    const store = await openTestStore({ endpoint: proxy.url, clock });
    expect(await store.put("runs/1", text("mine"), { ifAbsent: true })).toBe(true);
    expect(conditional).toBe(2);
    expect(await store.put("runs/1", text("other"), { ifAbsent: true })).toBe(false);
    expect(await store.get("runs/1")).toEqual(text("mine"));
    store.close();
    proxy.close();
  });
});

describe("ClickHouse and the S3 store", () => {
  it("ClickHouse reads Parquet from the store, by a name that hides the key", async () => {
    const warehouse = await openServerWarehouse({
      url: serverSetting("TWOFOLD_CLICKHOUSE_URL"),
      user: serverSetting("TWOFOLD_CLICKHOUSE_USER"),
      password: serverSetting("TWOFOLD_CLICKHOUSE_PASSWORD"),
      database: "s3_reading",
    });
    const store = await openTestStore();
    for (const [day, from] of [["2026-01-01", 0], ["2026-01-02", 100]] as const) {
      const sql = `SELECT number AS n FROM numbers(${from}, 10)`;
      const parquet = await new Response(await warehouse.stream(sql, "Parquet")).bytes();
      await store.put(`e/dt=${day}/x_${from}.parquet`, parquet);
    }
    const read = async (glob: string) =>
      await warehouse.query(
        `SELECT count() AS rows, max(n) AS top, uniq(_file) AS files
         FROM ${store.tableFunction(glob, "n UInt64")}`,
      );
    expect(await read("e/dt=2026-01-02/*.parquet")).toEqual([{ rows: 10, top: 109, files: 1 }]);
    await store.introduceTo(warehouse);
    await store.introduceTo(warehouse);
    expect(await read("e/dt={2026-01-01,2026-01-02}/*.parquet"))
      .toEqual([{ rows: 20, top: 109, files: 2 }]);
    expect(await read("e/dt=*/*.parquet")).toEqual([{ rows: 20, top: 109, files: 2 }]);
    expect(await read("e/dt=2030-01-01/*.parquet")).toEqual([{ rows: 0, top: 0, files: 0 }]);
    const call = store.tableFunction("e/*.parquet", "n UInt64");
    expect(call).not.toContain(s3Options().secretKey);
    store.close();
    await warehouse.close();
  });
  it("a cluster reads with all its servers", async () => {
    const store = await openTestStore({ cluster: "main", prefix: undefined });
    expect(store.tableFunction("e/*.parquet", "n UInt64")).toMatch(/^s3Cluster\('main', 'http/);
    store.close();
  });
});

async function failure(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(() => {
    throw new Error("expected a rejection, got a result");
  }, (error) => error);
}

async function listen(handler: RequestListener): Promise<{ url: string; close: () => void }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Sends a request on as it came: its signature covers the host's name. */
function forward(endpoint: string, from: IncomingMessage): Promise<IncomingMessage> {
  const { method, url, headers } = from;
  return new Promise((resolve, reject) => {
    const to = request(new URL(url!, endpoint), { method, headers, agent: false }, resolve);
    to.on("error", reject);
    from.pipe(to);
  });
}
