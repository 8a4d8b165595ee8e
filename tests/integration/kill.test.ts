import { join } from "node:path";
import { describe, expect, it } from "testing";
import { type Random, random } from "../../plugins/viewing/chance.ts";
import { runCommand, RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { LogTruth } from "../support/log_truth.ts";
import { movieEvents, take } from "../support/movie_events.ts";
import { eventsIn, expectParity } from "../support/parity_of_layers.ts";
import { RunningEngine } from "../support/running_engine.ts";
import { byTier } from "../support/tier.ts";

const SEEDS = byTier({ quick: [20130228], full: [20130228, 20130720], long: [20130228, 20130720] });
/** Per seed. */
const KILLS = byTier({ quick: 1, full: 4, long: 25 });

const SETTINGS = {
  "block-span": "1s",
  "block-size": "2048",
  horizon: "65536",
  "flush-interval": "50ms",
};
/** In turn: kills between two flushes that are far apart, and kills amid many. */
const IDLE_INTERVALS = ["10s", "50ms"];
const CLIENT_USERS = 10_000_000;
const FILE_USERS = 20_000_000;
const CHUNK = 40;
/** The replay outlasts the kills. */
const FILE_LINES = 300 * (KILLS + 2);
const FILE_RATE = 200;
/** A process ends by itself within this long. */
const STOP_MS = 10_000;

const flags = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).flatMap(([flag, value]) => [`--${flag}`, value]);

/** Keeps a process alive on a folder: whenever it was killed, the next one is there. */
class Supervised {
  #spawned = 0;
  #process: RunningProcess;
  #url: Promise<string>;

  constructor(readonly dir: string) {
    this.#process = this.#spawn();
    this.#url = this.#listening();
  }

  get url(): Promise<string> {
    return this.#url;
  }

  async kill(): Promise<void> {
    await this.#process.end("SIGKILL");
    this.#process = this.#spawn();
    this.#url = this.#listening();
  }

  /** Ends it as a service manager does; returns the exit code and how long that took. */
  async stop(): Promise<{ code: number; tookMs: number }> {
    await this.#url;
    const startMs = performance.now();
    const code = await this.#process.end("SIGTERM");
    return { code, tookMs: performance.now() - startMs };
  }

  #spawn(): RunningProcess {
    return RunningProcess.spawn(this.dir, [
      ...flags(SETTINGS),
      "--idle-flush-interval",
      IDLE_INTERVALS[this.#spawned++ % IDLE_INTERVALS.length],
      "--simulator",
      "--rate",
      "300",
      "--log-level",
      "warn",
    ]);
  }

  #listening(): Promise<string> {
    const url = this.#process.url();
    url.catch(() => {}); // killed while it started
    return url;
  }
}

/** Posts until it is acknowledged; after a lost answer the same events go again. */
async function postUntilTaken(supervised: Supervised, body: string): Promise<void> {
  while (true) {
    try {
      const response = await fetch(new URL("/api/v1/events", await supervised.url), {
        method: "POST",
        body,
        headers: { "content-type": "application/x-ndjson" },
        signal: AbortSignal.timeout(5000),
      });
      const answer = await response.json();
      if (response.status === 200 && answer.accepted === CHUNK) return;
      if (response.status !== 503) throw new RangeError(JSON.stringify(answer));
    } catch (error) {
      if (error instanceof RangeError) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Sends chunk after chunk until `stop` aborts; returns the ids that were acknowledged. */
async function client(supervised: Supervised, seed: number, stop: AbortSignal): Promise<string[]> {
  const events = movieEvents({ seed, firstUser: CLIENT_USERS, aroundMs: Date.now() });
  const acknowledged: string[] = [];
  while (!stop.aborted) {
    const chunk = take(events, CHUNK);
    await postUntilTaken(supervised, chunk.map((event) => JSON.stringify(event) + "\n").join(""));
    acknowledged.push(...chunk.map((event) => event.event_id));
  }
  return acknowledged;
}

/** Asks for batch runs all the time, so that kills meet runs too. */
async function batches(supervised: Supervised, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const posted = supervised.url.then((url) =>
      fetch(new URL("/api/v1/batch/runs", url), { method: "POST", signal: stop })
    );
    await posted.then((response) => response.body?.cancel(), () => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until a command sends: before, it would take a folder without an owner for itself. */
async function firstEventOf(user: number, supervised: Supervised): Promise<void> {
  await eventually("the replay to send", async () => {
    const path = `/api/v1/metrics/user_stats?user_id=${user}`;
    return (await (await fetch(new URL(path, await supervised.url))).json()).rows.length === 1;
  });
}

async function killAgainAndAgain(supervised: Supervised, chance: Random): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    // Some while it starts, most while it runs.
    if (chance() < 0.75) await supervised.url;
    await new Promise((resolve) => setTimeout(resolve, chance() * 1000));
    await supervised.kill();
  }
}

describe("kill -9 during a replay, with the simulator running", () => {
  for (const seed of SEEDS) {
    it(`${KILLS} kills lose nothing and count nothing twice (seed ${seed})`, async () => {
      const dir = await Deno.makeTempDir({ prefix: "twofold-kill-" });
      const lines = take(
        movieEvents({ seed: seed + 1, firstUser: FILE_USERS, aroundMs: Date.now() }),
        FILE_LINES,
      );
      const file = join(dir, "events.ndjson");
      await Deno.writeTextFile(file, lines.map((event) => JSON.stringify(event) + "\n").join(""));
      const data = join(dir, "data");
      const supervised = new Supervised(data);
      await supervised.url;

      const stop = new AbortController();
      const replaying = runCommand(
        ["replay", file, "--rate", String(FILE_RATE), "--data", data],
      );
      await firstEventOf(FILE_USERS, supervised);
      const sending = client(supervised, seed, stop.signal);
      const running = batches(supervised, stop.signal);
      await killAgainAndAgain(supervised, random(seed));
      const replayed = await replaying;
      stop.abort();
      const acknowledged = await sending;
      await running;
      const { code, tookMs } = await supervised.stop();
      expect(code).toBe(0);
      expect(tookMs).toBeLessThan(STOP_MS);
      expect([replayed.code, replayed.err.includes("trying again")]).toEqual([0, true]);
      expect(replayed.out).toContain(`accepted  ${FILE_LINES.toLocaleString("en")} events`);

      await expectExact(data, [...acknowledged, ...lines.map((event) => event.event_id)]);
      await Deno.remove(dir, { recursive: true });
    });
  }
});

/** Opens what the processes left and holds it against the log. */
async function expectExact(data: string, acknowledged: readonly string[]): Promise<void> {
  const engine = await RunningEngine.open({ dir: data, flags: SETTINGS });
  try {
    const truth = new LogTruth([...engine.engine.logs.values()][0]);
    const logged = await truth.identities();
    const ids = new Set([...logged].map((identity) => identity.split(" ")[0]));
    expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);

    const run = await engine.batch();
    expect(run?.plugins.filter(({ drift }) => drift !== 0) ?? []).toEqual([]);
    for (const layer of ["merged", "speed", "batch"] as const) {
      expect([layer, await eventsIn(engine, layer)]).toEqual([layer, logged.size]);
    }
    await expectParity(engine);
    const users = await engine.sql<{ total_events: number; users: number }>(
      `SELECT total_events, count() AS users FROM merged_user_stats
       WHERE user_id >= ${CLIENT_USERS} GROUP BY total_events`,
    );
    expect(users).toEqual([{ total_events: 1, users: acknowledged.length }]);
    const { topics: [{ partitions }] } = await engine.status();
    expect(partitions.reduce((sum, of) => sum + of.events, 0)).toBe(logged.size);
    expect(engine.faults).toEqual([]);
    console.log(`  ${acknowledged.length} acknowledged, ${logged.size} events in all`);
  } finally {
    await engine.close();
  }
}
