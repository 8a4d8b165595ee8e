import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import {
  type AccessLogs,
  accessLogs,
  expectedFigures,
  metricNames,
} from "../support/access_logs.ts";
import { runCommand, RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { root as project, RunningEngine } from "../support/running_engine.ts";

const LINES = 210_000;
const SETTINGS = { "block-span": "1s", "flush-interval": "100ms" };
const PLUGINS = join(project, "examples", "access_logs");

/** Figures of sketches, and by how much they may be off; all others are exact. */
const TOLERANCES: Readonly<Record<string, number>> = {
  // A bucket's width.
  seconds_p50: 0.01,
  seconds_p95: 0.01,
  // Four standard errors.
  visitors: 4 * 0.016,
  views_per_visitor: 4 * 0.016,
};

describe("the example of access logs", () => {
  let root: string;
  let logs: AccessLogs;
  const data = () => join(root, "data");
  const spawn = () =>
    RunningProcess.spawn(
      data(),
      Object.entries({ ...SETTINGS, plugins: PLUGINS })
        .flatMap(([flag, value]) => [`--${flag}`, value]),
    );
  const replay = async (...args: string[]) =>
    await runCommand(["replay", ...args, "--data", data(), "--plugins", PLUGINS]);

  beforeAll(async () => {
    root = await Deno.makeTempDir({ prefix: "twofold-access-logs-" });
    logs = accessLogs(LINES, 20260103);
    await Deno.writeTextFile(join(root, "access.log"), logs.combined);
    await Deno.writeTextFile(join(root, "access.ndjson"), logs.ndjson);
  });
  afterAll(() => Deno.remove(root, { recursive: true }));

  it(`says of ${LINES} lines what an independent computation says, in every layer`, async () => {
    const server = spawn();
    await server.url();
    // The formats are recognised.
    for (const file of ["access.log", "access.ndjson"]) {
      const { code, err } = await replay(join(root, file));
      expect([code, err.match(/^error.*/m)?.[0]]).toEqual([0, undefined]);
    }
    expect(await server.end("SIGTERM")).toBe(0);
    await expectFigures({ broken: logs.broken });
  });

  it("says the same after kill -9 in the middle of a second replay", async () => {
    let server = spawn();
    const url = await server.url();
    const before = await recordsIn(url);
    const seconds = 25;
    const lines = logs.combined.split("\n").length - 1;
    const rate = String(Math.ceil(lines / seconds));
    const replaying = replay(join(root, "access.log"), "--rate", rate);
    await eventually("a part of the file to be taken", async () => {
      const taken = await recordsIn(url) - before;
      expect(taken).toBeLessThan(lines);
      return taken > lines / 5;
    });
    await server.end("SIGKILL");
    server = spawn();
    await server.url();
    const { code, err } = await replaying;
    expect([code, err.includes("trying again")]).toEqual([0, true]);
    expect(await recordsIn(await server.url())).toBeGreaterThanOrEqual(before + lines);
    expect(await server.end("SIGTERM")).toBe(0);
    await expectFigures({});
  });

  /** Holds what the processes left against the requests; `broken` lines are dead letters. */
  async function expectFigures({ broken }: { readonly broken?: number }): Promise<void> {
    const engine = await RunningEngine.open({
      dir: data(),
      flags: { ...SETTINGS, plugins: PLUGINS },
    });
    try {
      const run = await engine.batch();
      expect(run?.plugins.filter(({ drift }) => drift !== 0) ?? []).toEqual([]);
      for (const metric of metricNames) {
        for (const bucket of ["all", "day"] as const) {
          const range: Record<string, string> = metric === "visits" ? { from: "2026-01-01" } : {};
          const rowsOf = (layer: string) =>
            allRows(engine, metric, { layer, bucket, ...range, limit: 10_000 });
          const merged = await rowsOf("merged");
          expect(await rowsOf("speed")).toEqual(merged);
          expect(await rowsOf("batch")).toEqual(merged);
          expectRows(merged, expectedFigures(metric, logs.requests, bucket));
        }
      }
      const { topics: [{ partitions }] } = await engine.status();
      const total = (of: "events" | "dead_letters") =>
        partitions.reduce((sum, partition) => sum + partition[of], 0);
      expect(total("events")).toBe(logs.requests.length);
      if (broken !== undefined) expect(total("dead_letters")).toBe(broken);
      expect(engine.faults).toEqual([]);
    } finally {
      await engine.close();
    }
  }
});

/** The rows of all pages of an answer. */
async function allRows(
  engine: RunningEngine,
  metric: string,
  question: Readonly<Record<string, string | number>>,
) {
  const rows: Readonly<Record<string, unknown>>[] = [];
  let next: string | null = null;
  do {
    const page = await engine.metric(
      metric,
      next === null ? question : { ...question, after: next },
    );
    rows.push(...page.rows);
    next = page.next;
  } while (next !== null);
  return rows;
}

type Figures = ReturnType<typeof expectedFigures>;

function expectRows(rows: readonly Readonly<Record<string, unknown>>[], wanted: Figures): void {
  expect(rows.length).toBe(wanted.size);
  for (const row of rows) {
    const [[, any]] = wanted;
    const head = Object.fromEntries(
      Object.entries(row).filter(([name]) => !(name in any)).map((
        [name, value],
      ) => [name, name === "bucket" ? String(value).slice(0, 10) : value]),
    );
    const figures = wanted.get(JSON.stringify(head));
    for (const [name, value] of Object.entries(figures ?? { missing: JSON.stringify(head) })) {
      const got = row[name];
      const off = Math.abs(Number(got) - Number(value));
      // Half a step of the scale beside: figures of small numbers are whole steps.
      const allowed = name in TOLERANCES ? TOLERANCES[name] * Number(value) + 0.0005 : 0;
      expect([JSON.stringify(head), name, off <= allowed ? value : got])
        .toEqual([JSON.stringify(head), name, value]);
    }
  }
}

/** Offsets that the log of a running process has given out. */
async function recordsIn(url: string): Promise<number> {
  const { topics: [{ partitions }] } = await (await fetch(new URL("/api/v1/status", url))).json();
  return partitions.reduce(
    (sum: number, { log_end }: { log_end: string }) => sum + Number(log_end),
    0,
  );
}
