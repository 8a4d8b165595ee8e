import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Hono } from "hono";
import { createApi } from "../../routes/api/api.ts";
import type { Engine } from "../../runtime/engine/engine.ts";
import { eventually } from "../support/eventually.ts";
import { NEVER } from "../support/running_engine.ts";
import { openTestEngine, projectRoot } from "../support/test_engine.ts";

/** Below the project, so that "twofold" means what it means there. */
const root = join(projectRoot, "dist", "deployment_faults");
const TOPIC = "movie-viewing-events";
const FULL_RUN = { code: "batch_failing", subject: `${TOPIC}, full run`, topic: TOPIC };
const FAULT = "urn:twofold:problem:deployment-fault";

const events = `
{"event_id":"1","user_id":7,"movie_id":1,"event_type":"complete","timestamp":"2024-03-01T10:00:00Z","duration":90.5}
{"event_id":"2","user_id":8,"movie_id":1,"event_type":"complete","timestamp":"2024-03-01T11:00:00Z","duration":80}`;

describe("a fault of the deployment", () => {
  let engine: Engine;
  let api: Hono;
  let dir: string;
  let close: () => Promise<void>;

  beforeAll(async () => {
    await Deno.remove(root, { recursive: true }).catch(() => {});
    await Deno.mkdir(join(root, "plugins"), { recursive: true });
    await Deno.mkdir(join(root, "sql", "migrations"), { recursive: true });
    const copy = (path: string) => Deno.copyFile(join(projectRoot, path), join(root, path));
    for await (const { name } of Deno.readDir(join(projectRoot, "sql", "migrations"))) {
      await copy(join("sql", "migrations", name));
    }
    await copy(join("plugins", "movie_viewing.schema.ts"));
    const example = await Deno.readTextFile(join(projectRoot, "examples", "completions.ts"));
    const write = (name: string, text: string) =>
      Deno.writeTextFile(join(root, "plugins", `${name}.ts`), text);
    await write("completions", example);
    await write(
      "mistyped",
      example.replaceAll("completions", "mistyped")
        .replace("measures:", 'batch: { sql: "SELECT 1 FROM evnts" },\n  measures:'),
    );
    const other = (name: string) =>
      Deno.readTextFile(join(projectRoot, "examples", "access_logs", `${name}.ts`));
    await write("access_log.schema", await other("access_log.schema"));
    await write(
      "path_errors",
      (await other("path_errors")).replace(
        "present:",
        'batch: { sql: "SELECT 1 FROM evnts" },\n  present:',
      ),
    );
    ({ engine, dir, close } = await openTestEngine({
      root,
      env: { TWOFOLD_BATCH_SCHEDULE: NEVER },
    }));
    api = createApi(engine, { report: () => {} });
    const { frontier } = await engine.ingest.ingest(new Blob([events]).stream(), "ndjson", TOPIC);
    await engine.serving.query("completions", { wait_for: frontier, keys: {} });
    const log = engine.logs.get(TOPIC)!;
    for (let p = 0; p < log.partitionCount(); p++) await log.appendTick(p);
    const batch = engine.batch.get(TOPIC)!;
    const published = () => counted().then((rows) => rows.length > 0, () => false);
    for (let attempt = 0; attempt < 100 && !await published(); attempt++) await batch.run();
  });
  afterAll(async () => {
    await close();
    await Deno.remove(root, { recursive: true });
  });

  const ask = async (path: string, init?: RequestInit) => {
    const response = await api.request(path, init);
    return { status: response.status, body: await response.json() };
  };
  const counted = async () =>
    (await engine.serving.query("completions", { layer: "batch", keys: {} })).rows;
  const fullRun = () => ask(`/api/v1/batch/runs?full=true&topic=${TOPIC}`, { method: "POST" });
  const standing = async () =>
    (await engine.status()).problems.filter(({ code }) => code !== "plugin_refused");
  /** The topic's archived files whose names match. */
  const filesOf = async (pattern: RegExp) => {
    const archive = join(dir, "archive", TOPIC);
    const names = await readdir(archive, { recursive: true });
    return names.filter((name) => pattern.test(name)).sort().map((name) => join(archive, name));
  };
  /** Runs while a file holds other bytes, and again when it holds its own. */
  const whileDamaged = async (
    file: string,
    damage: (bytes: Uint8Array) => Uint8Array,
    look: () => Promise<void>,
  ) => {
    const bytes = await Deno.readFile(file);
    await Deno.writeFile(file, damage(bytes));
    await look();
    await Deno.writeFile(file, bytes);
    expect((await fullRun()).body.run.plugins).toMatchObject([{ status: "published", error: "" }]);
    expect(await standing()).toEqual([]);
  };

  it("in a plugin's SQL leaves that plugin out, by name, and the others run", async () => {
    expect((await counted()).length).toBe(1);
    const { status, body } = await ask("/api/v1/metrics/mistyped");
    expect([status, body.code]).toEqual([503, "plugin_refused"]);
    expect(body.detail).toContain("Plugin mistyped does not run: batch.sql: it reads table evnts");
    expect((await ask("/readyz")).status).toBe(200);
    const { plugins, problems } = await engine.status();
    expect(plugins.map(({ plugin, state }) => [plugin, state])).toEqual([
      ["completions", "running"],
      ["mistyped", "refused"],
      ["path_errors", "refused"],
    ]);
    expect(problems).toMatchObject([
      { code: "plugin_refused", plugin: "mistyped" },
      { code: "plugin_refused", plugin: "path_errors" },
    ]);
    expect((await ask("/api/v1/plugins/mistyped")).body.status.state).toBe("refused");
    expect((await ask("/api/v1/metrics/completions")).body.problems).toEqual([]);
  });

  it("in the only plugin of a topic leaves the topic without one, and its events are kept", async () => {
    const request = '{"id":"a","at":"2024-03-01T23:59:59Z","client":"192.0.2.1","method":"GET",' +
      '"path":"/","status":200,"bytes":5}';
    const body = new Blob([request]).stream();
    const { accepted } = await engine.ingest.ingest(body, "ndjson", "access-log");
    expect(accepted).toBe(1);
    const log = engine.logs.get("access-log")!;
    for (let p = 0; p < log.partitionCount(); p++) await log.appendTick(p);
    const { topics } = await eventually(
      "all blocks archived",
      () => engine.status(),
      (status) =>
        status.topics.find(({ topic }) => topic === "access-log")!.partitions
          .every(({ archived, log_end }) => archived === log_end),
    );
    const { partitions } = topics.find(({ topic }) => topic === "access-log")!;
    expect(partitions.map(({ error, cut }) => [error, cut]))
      .toEqual(partitions.map(() => [null, "0"]));
    expect(await engine.batch.get("access-log")!.run({ full: true })).toBe(null);
  });

  it("in a claim is named by the run, the status and the answers until it is mended", async () => {
    const [claim] = await filesOf(/^runs\/\d+\.json$/);
    const next = join(claim, "..", "0000000099.json");
    await Deno.writeTextFile(next, "");
    const { status, body } = await fullRun();
    expect([status, body.type]).toEqual([500, FAULT]);
    expect(body.detail).toContain('runs/0000000099.json" is damaged');
    const [damaged, ...others] = await standing();
    expect(damaged).toMatchObject({ code: "archive_damaged", affects: [FULL_RUN] });
    expect([damaged.subject, others]).toEqual([`${TOPIC}/runs/0000000099.json`, []]);
    const answer = await ask("/api/v1/metrics/completions");
    expect(answer.status).toBe(200);
    expect(answer.body.problems).toEqual([damaged]);
    const [{ state, batch }] = (await engine.status()).plugins;
    expect([state, batch.error]).toEqual(["batch-failing", answer.body.problems[0].message]);
    const metrics = await (await api.request("/metrics")).text();
    expect(metrics).toMatch(
      /^twofold_batch_failing_since_seconds\{.*plugin="completions"\} 1\d{9}/m,
    );
    const codes = async () =>
      (await engine.sql.query("SELECT DISTINCT code FROM twofold_problems ORDER BY code")).rows
        .map(({ code }) => code).join();
    const both = "archive_damaged,plugin_refused";
    await eventually("the relation to have it", codes, (found) => found === both);
    await Deno.remove(next);
    await fullRun();
    await eventually("the relation to lose it", codes, (found) => found === "plugin_refused");
    expect(await standing()).toEqual([]);
  });

  it("in a manifest is named, and nothing is published", async () => {
    const [manifest] = await filesOf(/^manifests\/.*\.json$/);
    await whileDamaged(manifest, () => new Uint8Array(), async () => {
      const { status, body } = await fullRun();
      expect([status, body.type]).toEqual([500, FAULT]);
      expect(body.detail).toContain(basename(manifest));
      const problems = await standing();
      expect(problems).toMatchObject([{ code: "archive_damaged", affects: [FULL_RUN] }]);
      expect(problems[0].message).toContain(basename(manifest));
    });
  });

  it("in a Parquet page fails the run, and the file is named until it is right again", async () => {
    const [file] = await filesOf(/^events\/.*\.parquet$/);
    const zeros = (bytes: Uint8Array) => bytes.slice().fill(0, 4, bytes.length >> 1);
    await whileDamaged(file, zeros, async () => {
      const before = (await engine.status()).plugins[0].run;
      await fullRun();
      const problems = await standing();
      expect(problems).toMatchObject([
        { code: "archive_damaged", affects: [{ subject: "plugin completions, full run" }] },
      ]);
      expect(problems[0].message).toContain(`${basename(file)}" is damaged`);
      expect(await engine.batch.get(TOPIC)!.run()).toBe(null);
      expect(await standing()).toEqual(problems);
      expect((await engine.status()).plugins[0].run).toBe(before);
    });
  });
});
