import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Check } from "../../runtime/ports/check.ts";
import type { MetricAnswer, Status } from "../../runtime/ports/services.ts";
import { runCommand, RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { movieEvents, take } from "../support/movie_events.ts";
import { NameProxy } from "../support/name_proxy.ts";
import { OwnServices } from "../support/own_services.ts";
import { allServerSettings } from "../support/server_settings.ts";

const EVENTS = 60;
/** MinIO takes what stands before it for the bucket. */
const DOMAIN = "s3.localhost";
const VIRTUAL_HOST = `twofold.${DOMAIN}`;

/**
 * Names below `localhost` are known to some machines alone, so a forward proxy stands in for the name
 * server. What asks, what is asked, and what is signed are as they would be without it.
 */
describe("a bucket in the host's name", () => {
  let proxy: NameProxy;
  let own: OwnServices;
  beforeAll(async () => {
    proxy = await NameProxy.start();
    own = await OwnServices.start({
      only: ["minio", "clickhouse"],
      env: { ...proxy.env, MINIO_DOMAIN: DOMAIN },
    });
  });
  afterAll(async () => {
    await own.close();
    proxy.close();
  });

  /** The settings of a process that has the bucket in the host's name. */
  function settings(servers: Readonly<Record<string, string>> = own.settings) {
    const { port } = new URL(servers.TWOFOLD_S3_ENDPOINT);
    const unique = crypto.randomUUID().slice(0, 8);
    return {
      ...allServerSettings(),
      ...servers,
      TWOFOLD_KAFKA_PREFIX: `addressing-${unique}.`,
      TWOFOLD_S3_ENDPOINT: `http://${DOMAIN}:${port}`,
      TWOFOLD_S3_PATH_STYLE: "false",
      TWOFOLD_S3_PREFIX: `addressing/${unique}`,
      TWOFOLD_CLICKHOUSE_DATABASE: `addressing_${unique}`,
      TWOFOLD_BLOCK_SPAN: "1s",
      TWOFOLD_BATCH_SCHEDULE: "0 0 29 2 *",
    };
  }

  it("is where the store puts objects, and where ClickHouse reads them", async () => {
    const dir = await Deno.makeTempDir();
    const from = proxy.requests.length;
    const worker = RunningProcess.spawn(dir, [], { ...settings(), ...proxy.env });
    const url = await worker.url();
    const ask = async <Answer>(path: string, init?: RequestInit): Promise<Answer> => {
      const response = await fetch(new URL(path, url), init);
      const text = await response.text();
      if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
      return JSON.parse(text);
    };
    try {
      const events = take(movieEvents({ seed: 1, firstUser: 1, aroundMs: Date.now() }), EVENTS);
      await ask("/api/v1/events", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(events),
      });
      await eventually(
        "all blocks archived",
        () => ask<Status>("/api/v1/status"),
        ({ topics: [{ partitions }] }) =>
          partitions.reduce((sum, of) => sum + of.events, 0) === EVENTS &&
          partitions.every((of) => of.archived === of.log_end && of.lag_records === 0),
        { deadlineMs: 60_000, pauseMs: 250 },
      );
      // A run of the worker's own may come first: then nothing is new.
      await ask("/api/v1/batch/runs", { method: "POST" });
      const { plugins, topics: [{ partitions }] } = await eventually(
        "a batch run over all events",
        () => ask<Status>("/api/v1/status"),
        ({ plugins, topics: [{ partitions }] }) =>
          plugins.every(({ run }) => run !== null) &&
          partitions.every((of) => of.cut === of.log_end),
        { deadlineMs: 60_000, pauseMs: 250 },
      );
      expect(partitions.length).toBeGreaterThan(0);
      expect(plugins.map(({ drift }) => drift)).toEqual(plugins.map(() => 0));
      for (const layer of ["batch", "speed", "merged"]) {
        const query = `?layer=${layer}&bucket=all`;
        const { rows } = await ask<MetricAnswer>(`/api/v1/metrics/hourly_stats${query}`);
        const counted = rows.reduce((sum, row) => sum + Number(row.event_count), 0);
        expect([layer, counted]).toEqual([layer, EVENTS]);
      }
      expect(await worker.end("SIGTERM")).toBe(0);
    } finally {
      await worker.end("SIGKILL");
      await Deno.remove(dir, { recursive: true });
    }
    const asked = proxy.requests.slice(from);
    const pathsOf = (program: RegExp) =>
      asked.filter(({ agent }) => program.test(agent)).map(({ path }) => path);
    expect(new Set(asked.map(({ host }) => host))).toEqual(new Set([VIRTUAL_HOST]));
    for (const program of [/minio-js/i, /clickhouse|aws-sdk/i]) {
      const paths = pathsOf(program);
      expect(paths.some((path) => path.endsWith(".parquet"))).toBe(true);
      expect(paths.some((path) => /^\/\?.*list-type=2/.test(path))).toBe(true);
      expect(paths.filter((path) => path.startsWith("/twofold"))).toEqual([]);
    }
  });

  async function checks(env: Record<string, string>): Promise<(name: string) => Check> {
    const dir = await Deno.makeTempDir();
    const args = ["doctor", "--json", "--data", dir, "--port", "0"];
    const { out } = await runCommand(args, env);
    await Deno.remove(dir, { recursive: true });
    const { checks } = JSON.parse(out) as { checks: Check[] };
    return (name) => checks.find(({ check }) => check === name)!;
  }

  it("is well to doctor, by the store's client and by ClickHouse", async () => {
    const of = await checks({ ...settings(), ...proxy.env });
    for (const check of ["s3", "s3 rights", "clickhouse", "archive"]) {
      expect(of(check)).toMatchObject({ check, state: "ok" });
    }
  });

  it("is told to be the reason where the store takes none in the host's name", async () => {
    const of = await checks({ ...settings(allServerSettings()), ...proxy.env });
    expect(of("s3")).toMatchObject({
      state: "fail",
      found: expect.stringContaining("its answer is no bucket's listing"),
      advice: expect.stringMatching(/MINIO_DOMAIN.*TWOFOLD_S3_PATH_STYLE=true/),
    });
  });

  it("is told to be the reason where the name is not known, and where ClickHouse knows none", async () => {
    const unknown = { ...settings(), TWOFOLD_S3_ENDPOINT: "http://s3.nowhere.invalid:9000" };
    const { state, advice } = (await checks(unknown))("s3");
    expect(state).toBe("fail");
    expect(advice).toMatch(/name twofold\.s3\.nowhere\.invalid known.*TWOFOLD_S3_PATH_STYLE=true/);
    const strange = { ...settings(), TWOFOLD_S3_ENDPOINT: "http://store.example:9000" };
    expect((await checks(strange))("s3")).toMatchObject({
      state: "fail",
      found: expect.stringMatching(/ClickHouse.*begins with s3, .*TWOFOLD_S3_PATH_STYLE/),
    });
  });

  it("is what ClickHouse takes some hosts for, though it is in the path", async () => {
    const { port } = new URL(own.settings.TWOFOLD_S3_ENDPOINT);
    // MinIO takes "other" for the bucket.
    const endpoint = `http://other.${DOMAIN}:${port}`;
    const inPath = { ...settings(), TWOFOLD_S3_ENDPOINT: endpoint, TWOFOLD_S3_PATH_STYLE: "true" };
    expect((await checks({ ...inPath, ...proxy.env }))("s3")).toMatchObject({
      state: "fail",
      found: expect.stringMatching(/ClickHouse takes "other".*TWOFOLD_S3_PATH_STYLE/),
    });
  });
});
