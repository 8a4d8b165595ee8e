import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { createApi } from "../../routes/api/api.ts";
import type { Engine } from "../../runtime/engine/engine.ts";
import { eventually } from "../support/eventually.ts";
import { NEVER } from "../support/running_engine.ts";
import { openTestEngine } from "../support/test_engine.ts";

const TOPIC = "movie-viewing-events";

const events = [1, 2, 3].map((id) => ({
  event_id: `e${id}`,
  user_id: id,
  movie_id: 1,
  event_type: "complete",
  timestamp: `2024-03-0${id}T10:00:00Z`,
  duration: 90.5,
  rating: 4,
}));

describe("one cause in the archive of six plugins", () => {
  let engine: Engine;
  let dir: string;
  let close: () => Promise<void>;
  const lines: string[] = [];
  const notices: string[] = [];

  beforeAll(async () => {
    ({ engine, dir, close } = await openTestEngine({
      env: { TWOFOLD_BATCH_SCHEDULE: NEVER },
      onProblem: (message) => lines.push(message),
      onNotice: (message) => notices.push(message),
    }));
    const body = new Blob(events.map((event) => JSON.stringify(event) + "\n")).stream();
    const { frontier } = await engine.ingest.ingest(body, "ndjson", TOPIC);
    await engine.serving.query("ratings", { wait_for: frontier, keys: {} });
    const log = engine.logs.get(TOPIC)!;
    for (let p = 0; p < log.partitionCount(); p++) await log.appendTick(p);
    await eventually(
      "a run of everything",
      () => engine.batch.get(TOPIC)!.run().then(() => engine.status(), () => engine.status()),
      ({ problems, topics }) =>
        problems.length === 0 &&
        topics[0].partitions.every(({ cut, log_end }) => cut === log_end),
    );
    lines.length = notices.length = 0;
  });
  afterAll(() => close());

  const filesOf = async (pattern: RegExp) =>
    (await readdir(join(dir, "archive"), { recursive: true }))
      .filter((name) => pattern.test(name)).sort();
  const metrics = () => engine.serving.metrics().map(({ name }) => name);

  /** Expects the one problem in every place that shows problems. */
  async function expectOne(subject: string): Promise<void> {
    const { problems, plugins } = await engine.status();
    expect(problems).toMatchObject([{ code: "archive_damaged", subject, topic: TOPIC }]);
    expect(problems[0].affects).toMatchObject([{ code: "batch_failing" }]);
    expect(plugins.map(({ state, batch }) => [state, batch.error]))
      .toEqual(plugins.map(() => ["batch-failing", problems[0].message]));
    for (const metric of metrics()) {
      expect((await engine.serving.query(metric, { keys: {} })).problems).toEqual(problems);
    }
    const api = createApi(engine, { report: () => {} });
    expect((await (await api.request("/readyz")).json()).problems).toEqual(problems);
    expect(await (await api.request("/metrics")).text()).toContain("\ntwofold_problems 1\n");
    const affects = problems[0].affects!.map(({ code, subject }) => ({ code, subject }));
    const rows = await eventually(
      "the relation to have it",
      async () =>
        (await engine.sql.query("SELECT code, subject, affects FROM twofold_problems")).rows,
      // Written within a second of each change.
      ([found]) => (found?.affects as unknown[] | undefined)?.length === affects.length,
    );
    expect(rows).toEqual([{ code: "archive_damaged", subject, affects }]);
    expect(lines).toEqual([problems[0].message]);
  }

  it("that is a flipped bit of a file is one problem, also after a scrub, until the file is right", async () => {
    expect(metrics()).toHaveLength(6);
    const [name] = await filesOf(/\/events\/.*\.parquet$/);
    const file = join(dir, "archive", name);
    const bytes = await Deno.readFile(file);
    const flipped = bytes.slice();
    flipped[bytes.length >> 1] ^= 1;
    await Deno.writeFile(file, flipped);
    expect((await engine.verification.verify()).findings).toMatchObject([{ object: name }]);
    await engine.batch.get(TOPIC)!.run({ full: true });
    await engine.verification.verify();
    await expectOne(name);
    await Deno.writeFile(file, bytes);
    expect((await engine.status()).problems).toHaveLength(1);
    expect((await engine.verification.verify()).ok).toBe(true);
    const { problems, plugins } = await engine.status();
    expect([problems, [...new Set(plugins.map(({ state }) => state))]]).toEqual([[], ["running"]]);
    expect(lines.length).toBe(1);
    expect(notices).toEqual([`No longer a problem: ${lines[0]}`]);
    lines.length = notices.length = 0;
  });

  it("that is a damaged claim is one problem until it is mended", async () => {
    const [claim] = await filesOf(/\/runs\/\d+\.json$/);
    const name = claim.replace(/\d+\.json$/, "0000000099.json");
    await Deno.writeTextFile(join(dir, "archive", name), "");
    const run = () => engine.batch.get(TOPIC)!.run({ full: true });
    await expect(run()).rejects.toThrow(name);
    await engine.status();
    const { findings } = await engine.verification.verify();
    expect(findings.map(({ object }) => object)).toContain(name);
    expect((await engine.status()).problems.map(({ subject }) => subject)).toEqual([name]);
    await Deno.remove(join(dir, "archive", name));
    await run();
    expect((await engine.verification.verify()).ok).toBe(true);
    expect((await engine.status()).problems).toEqual([]);
  });
});
