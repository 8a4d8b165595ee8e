import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { createS3Client } from "../../runtime/archive/s3_client.ts";
import { S3Store } from "../../runtime/archive/s3_store.ts";
import { FileChecks } from "../../runtime/archive/file_checks.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { ExternalError } from "../../runtime/std/errors.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { movieEvents, take } from "../support/movie_events.ts";
import { RunningEngine } from "../support/running_engine.ts";
import { openTestStore, s3Options } from "../support/s3_bucket.ts";
import { allServerSettings } from "../support/server_settings.ts";

const TOPIC = "movie-viewing-events";

describe("damage of an archive in MinIO", () => {
  let dir: string;
  let engine: RunningEngine;
  let store: S3Store;
  let names: string[];
  let answer: readonly unknown[];

  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    const unique = crypto.randomUUID().slice(0, 8);
    const prefix = `damage/${unique}`;
    const env = {
      ...allServerSettings(),
      TWOFOLD_KAFKA_PREFIX: `damage-${unique}.`,
      TWOFOLD_S3_PREFIX: prefix,
      TWOFOLD_CLICKHOUSE_DATABASE: `damage_${unique}`,
    };
    engine = await RunningEngine.open({ dir, env });
    const events = movieEvents({
      seed: 1,
      firstUser: 1,
      aroundMs: Date.UTC(2026, 0, 5, 12),
      lateDays: 0,
    });
    await engine.post([...take(events, 40), { no: "event" }]);
    await engine.batch({ full: true });
    store = await openTestStore({ prefix });
    names = [];
    for await (const { name } of store.list(`${TOPIC}/`)) names.push(name);
  });
  afterAll(async () => {
    store.close();
    await engine.close();
    await Deno.remove(dir, { recursive: true });
  });

  const verify = () => engine.engine.verification.verify();
  const published = () => engine.metric("popular_movies", { layer: "batch", limit: 10_000 });
  /** A full run; the errors of its plugins, or its own. */
  const run = () =>
    engine.engine.batch.get(TOPIC)!.run({ full: true }).then(
      (run) => run!.plugins.map(({ error }) => error).join(),
      (error: Error) => error.message,
    );

  const flipped = (bytes: Uint8Array) => {
    const copy = bytes.slice();
    copy[copy.length >> 1] ^= 4;
    return copy;
  };
  type Damage = (name: string, right: Uint8Array, other: Uint8Array) => Promise<unknown>;
  const damages: readonly [string, string, Damage][] = [
    ["a flipped bit", "events", (name, right) => store.put(name, flipped(right))],
    [
      "an end that was cut off",
      "dead_letters",
      (name, right) => store.put(name, right.slice(0, -1)),
    ],
    ["an object that was deleted", "events", (name) => store.remove(name)],
    ["another object's bytes", "events", (name, _right, other) => store.put(name, other)],
    ["a flipped bit", "manifests", (name, right) => store.put(name, flipped(right))],
    // Its last byte is a line feed, without which it says the same.
    ["an object that was cut off", "runs", (name, right) => store.put(name, right.slice(0, -2))],
  ];

  it("has none to be found at first", async () => {
    expect((await verify()).findings).toEqual([]);
    answer = (await published()).rows;
  });

  it.each(damages)("%s in %s is found and named until it is mended", async (_, folder, damage) => {
    const [name] = names.filter((name) => name.startsWith(`${TOPIC}/${folder}/`));
    const other = names.findLast((name) => name.startsWith(`${TOPIC}/events/`))!;
    const right = (await store.get(name))!;
    await damage(name, right, (await store.get(other))!);
    const { findings } = await verify();
    expect(findings.map(({ object }) => object)).toContain(name);
    expect(findings.every(({ code }) => code === "archive_damaged")).toBe(true);
    if (folder === "events") {
      expect(await run()).toContain(name);
      expect((await published()).rows).toEqual(answer);
    }
    await store.put(name, right);
    expect((await verify()).findings).toEqual([]);
  });

  it("is no longer in the way of a run once it is mended", async () => {
    expect(await run()).toMatch(/^,*$/);
    expect((await published()).rows).toEqual(answer);
  });
});

describe("an object of S3", () => {
  it("whose connection breaks half-way is an outage, not damage", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("half");
      setTimeout(() => response.destroy(), 50);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const options = { ...s3Options(), endpoint: `http://127.0.0.1:${port}` };
    const { client, agent } = createS3Client(options);
    const broken = new S3Store(client, agent, options);
    const problems = new Problems(new ManualClock(1e12));
    const checks = new FileChecks({ topic: TOPIC, store: broken, problems });
    const file = { name: `${TOPIC}/events/a.parquet`, rows: 1, sizeBytes: 1000, sha256: "" };
    const error = await checks.hash(file).catch((error) => error);
    expect(error).toBeInstanceOf(ExternalError);
    expect(error).toMatchObject({ retriable: true });
    expect(error.message).toContain(`get object "${file.name}"`);
    expect(problems.standing()).toEqual([]);
    broken.close();
    server.close();
  });
});
