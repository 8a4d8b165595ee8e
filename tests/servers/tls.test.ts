import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Check } from "../../runtime/ports/check.ts";
import { openServerWarehouse } from "../../runtime/warehouse/server_warehouse.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { runCommand } from "../support/command.ts";
import { openTestStore } from "../support/s3_bucket.ts";
import { allServerSettings, serverSetting } from "../support/server_settings.ts";
import { TlsProxy } from "../support/tls_proxy.ts";

async function failure(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(() => {
    throw new Error("expected a rejection, got a result");
  }, (error) => error);
}

describe("S3 and ClickHouse by TLS", () => {
  let dir: string;
  let certificates: Certificates;
  let caCertificate: string;
  let s3: TlsProxy;
  let clickhouse: TlsProxy;
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    certificates = await makeCertificates(dir, "IP:127.0.0.1");
    caCertificate = await Deno.readTextFile(certificates.ca);
    s3 = await TlsProxy.start(serverSetting("TWOFOLD_S3_ENDPOINT"), certificates);
    clickhouse = await TlsProxy.start(serverSetting("TWOFOLD_CLICKHOUSE_URL"), certificates);
  });
  afterAll(async () => {
    s3.close();
    clickhouse.close();
    await Deno.remove(dir, { recursive: true });
  });

  const opened = (host: string, ca = caCertificate) =>
    openServerWarehouse({
      url: `https://${host}:${clickhouse.port}`,
      user: serverSetting("TWOFOLD_CLICKHOUSE_USER"),
      password: serverSetting("TWOFOLD_CLICKHOUSE_PASSWORD"),
      database: `by_tls_${crypto.randomUUID().slice(0, 8)}`,
      memoryLimitBytes: 2_000_000_000,
      caCertificate: ca,
    });
  /** Another authority than the one that signed. */
  const otherCa = async () => {
    const other = await Deno.makeTempDir({ dir });
    return await Deno.readTextFile((await makeCertificates(other, "IP:127.0.0.1")).ca);
  };

  it("a store takes, gives and lists objects, by the authority that it is told", async () => {
    const store = await openTestStore({ endpoint: `https://127.0.0.1:${s3.port}`, caCertificate });
    const bytes = new TextEncoder().encode("over TLS");
    expect(await store.put("a", bytes, { ifAbsent: true })).toBe(true);
    expect(await store.put("a", bytes, { ifAbsent: true })).toBe(false);
    expect(await store.get("a")).toEqual(bytes);
    expect((await Array.fromAsync(store.list(""))).map(({ name }) => name)).toEqual(["a"]);
    store.close();
  });

  it("a store of an unknown authority or another name is not opened", async () => {
    const unknown = openTestStore({
      endpoint: `https://127.0.0.1:${s3.port}`,
      caCertificate: await otherCa(),
    });
    expect((await failure(unknown)).message).toContain("TWOFOLD_S3_CA");
    const misnamed = openTestStore({ endpoint: `https://localhost:${s3.port}`, caCertificate });
    expect((await failure(misnamed)).message).toContain("TWOFOLD_S3_ENDPOINT");
  });

  it("ClickHouse answers and takes rows, by the authority that it is told", async () => {
    const warehouse = await opened("127.0.0.1");
    await warehouse.command("CREATE TABLE numbers (n UInt8) ENGINE = Memory");
    await warehouse.command("INSERT INTO numbers VALUES (3), (4)");
    expect(await warehouse.query("SELECT sum(n) AS n FROM numbers")).toEqual([{ n: 7 }]);
    await warehouse.close();
  });

  it("a ClickHouse of an unknown authority or another name is not opened", async () => {
    expect((await failure(opened("127.0.0.1", await otherCa()))).message)
      .toContain("TWOFOLD_CLICKHOUSE_CA");
    expect((await failure(opened("localhost"))).message).toContain("TWOFOLD_CLICKHOUSE_URL");
  });

  it("a process with the permissions of `deno task start` reaches both", async () => {
    const { out } = await runCommand(["doctor", "--json", "--port", "0", "--data", dir], {
      ...allServerSettings(),
      TWOFOLD_S3_ENDPOINT: `https://127.0.0.1:${s3.port}`,
      TWOFOLD_S3_CA: certificates.ca,
      TWOFOLD_CLICKHOUSE_URL: `https://127.0.0.1:${clickhouse.port}`,
      TWOFOLD_CLICKHOUSE_CA: certificates.ca,
    });
    const { checks } = JSON.parse(out) as { checks: Check[] };
    const states = checks.map(({ check, state }) => `${check} ${state}`);
    expect(states).toEqual(
      expect.arrayContaining(["kafka ok", "s3 ok", "s3 rights ok", "rights ok"]),
    );
  });
});
