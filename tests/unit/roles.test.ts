import { describe, expect, it } from "testing";
import { createApi } from "../../routes/api/api.ts";
import { type ConfigError, readConfig } from "../../runtime/settings/config.ts";
import { batchWithin, withinRoles } from "../../runtime/engine/roles.ts";
import { fakeServices } from "../support/fake_services.ts";

const servers = {
  TWOFOLD_KAFKA_BROKERS: "127.0.0.1:9092",
  TWOFOLD_S3_ENDPOINT: "http://127.0.0.1:9000",
  TWOFOLD_S3_BUCKET: "twofold",
  TWOFOLD_S3_ACCESS_KEY: "key",
  TWOFOLD_S3_SECRET_KEY: "secret",
  TWOFOLD_CLICKHOUSE_URL: "http://127.0.0.1:8123",
};

function faultOf(flags: Record<string, string>, env: Record<string, string>) {
  try {
    readConfig({ command: "start", flags, env });
  } catch (error) {
    return (error as ConfigError).faults[0];
  }
  return null;
}

describe("roles", () => {
  it("are all of them unless told otherwise, in one order, each once", () => {
    const roles = (text?: string) =>
      readConfig({ command: "start", flags: { roles: text }, env: servers }).roles;
    expect(roles()).toEqual(["ingest", "speed", "archive", "batch", "serve"]);
    expect(roles("serve, ingest,serve")).toEqual(["ingest", "serve"]);
  });

  it("are refused where they are none, or where nobody else could have the others", () => {
    expect(faultOf({ roles: "serve,cook" }, servers)).toMatchObject({
      setting: "--roles",
      wanted: "some of ingest,speed,archive,batch,serve",
      got: '"serve,cook"',
    });
    expect(faultOf({ roles: "serve" }, {})?.wanted).toContain("all roles");
    expect(faultOf({ roles: "batch,serve,archive,speed,ingest" }, {})).toBe(null);
  });

  it("leave the rest to other processes, and say so", async () => {
    const all = fakeServices();
    const { signal } = new AbortController();
    const batch = new Map(
      [...all.batch].map(([topic, layer]) => [topic, batchWithin(layer, ["ingest"], signal)]),
    );
    const services = withinRoles({ ...all, batch }, ["ingest"]);
    const app = createApi(services);
    const statusOf = async (path: string, init?: RequestInit) =>
      (await app.request(path, init)).status;
    expect(await statusOf("/api/v1/metrics/popular_movies")).toBe(404);
    expect(await statusOf("/api/v1/batch/runs", { method: "POST" })).toBe(404);
    // Whichever process computes a run looks what is cancelled.
    const cancel = {
      method: "POST",
      body: '{"by":"ada"}',
      headers: { "content-type": "application/json" },
    };
    expect(await statusOf("/api/v1/batch/runs/3/cancel", cancel)).toBe(200);
    const rebuild = {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    };
    expect(await statusOf("/api/v1/plugins/popular_movies/rebuild", rebuild)).toBe(404);
    expect(await statusOf("/")).toBe(404);
    for (const path of ["/healthz", "/readyz", "/metrics", "/api/v1/status"]) {
      expect([path, await statusOf(path)]).toEqual([path, 200]);
    }
    const post = {
      method: "POST",
      body: "{}\n",
      headers: { "content-type": "application/x-ndjson" },
    };
    expect(await statusOf("/api/v1/events", post)).toBe(200);
    const answer = await createApi(withinRoles(fakeServices(), ["serve"])).request(
      "/api/v1/events",
      post,
    );
    expect(answer.status).toBe(404);
    expect((await answer.json()).detail).toContain('ask one that has "ingest"');
  });
});
