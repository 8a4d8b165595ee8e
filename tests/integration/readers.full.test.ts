import { afterAll, beforeAll, describe, expect, it } from "testing";
import { LogTruth } from "../support/log_truth.ts";
import { type MovieEvent, movieEvents, take } from "../support/movie_events.ts";
import { expectParity } from "../support/parity_of_layers.ts";
import { RunningEngine } from "../support/running_engine.ts";
import { byTier } from "../support/tier.ts";

const RUNS = byTier({ quick: 24, full: 24, long: 200 });
const CHUNK = 20;
/** Between two chunks: at most four hundred events a second. */
const PAUSE_MS = 50;
/**
 * The load goes with the runs, not with the clock: on a slow machine the archive, and with it each
 * run, would grow without end.
 */
const EVENTS_PER_RUN = 300;
/** Between two answers that a reader asks for. */
const READ_PAUSE_MS = 200;
const FULL_ONE_IN = 4;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A total that is read: the metric, its measure, and the events that it counts. */
interface Reading {
  readonly metric: string;
  readonly measure: string;
  readonly counts: (event: MovieEvent) => boolean;
}

const readings: readonly Reading[] = [
  { metric: "hourly_stats", measure: "event_count", counts: () => true },
  { metric: "ratings", measure: "rating_count", counts: (event) => event.rating !== null },
  { metric: "popular_movies", measure: "view_count", counts: (e) => e.event_type === "view" },
];

/** Sends events until told to stop: new ones, some days late, some sent before. */
class Load {
  /** Events by metric that counts them. */
  readonly acknowledged = new Map(readings.map(({ metric }) => [metric, 0]));
  /** Runs that were published so far. */
  runs = 0;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(readonly engine: RunningEngine) {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  #isAhead(): boolean {
    return this.acknowledged.get("hourly_stats")! > (this.runs + 2) * EVENTS_PER_RUN;
  }

  async #run(): Promise<void> {
    const made = movieEvents({
      seed: 200,
      firstUser: 1,
      aroundMs: Date.parse("2026-05-01T12:00:00Z"),
      lateDays: 2,
    });
    let before: MovieEvent[] = [];
    while (!this.#stopped) {
      const chunk = take(made, CHUNK);
      // In this process, so that an answer cannot be on its way while the events are counted.
      const lines = [...chunk, ...before].map((event) => JSON.stringify(event) + "\n").join("");
      const body = ReadableStream.from([new TextEncoder().encode(lines)]);
      await this.engine.engine.ingest.ingest(body, "ndjson");
      for (const { metric, counts } of readings) {
        this.acknowledged.set(
          metric,
          this.acknowledged.get(metric)! + chunk.filter(counts).length,
        );
      }
      before = chunk.slice(0, 3);
      do await pause(PAUSE_MS); while (!this.#stopped && this.#isAhead());
    }
  }
}

describe("a reader of merged totals during batch runs under load", () => {
  let dir: string;
  let engine: RunningEngine;
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-readers-" });
    // Blocks close all the time, so that every run has a new cut.
    const flags = { "block-size": "256", partitions: "2", horizon: "65536" };
    engine = await RunningEngine.open({ dir, flags });
  });
  afterAll(async () => {
    await engine?.close();
    if (dir) await Deno.remove(dir, { recursive: true });
  });

  it(`sees no total go down or exceed what was acknowledged, over ${RUNS} runs`, async () => {
    const load = new Load(engine);
    let running = true;
    const stop = () => running = false;
    const [{ published, cuts }, ...answers] = await Promise.all([
      runAll(load, () => running).finally(stop),
      ...readings.map((reading) => readTotals(reading, load, () => running).finally(stop)),
    ]).finally(() => load.stop());
    expect(published).toBe(RUNS);
    expect(cuts).toBeGreaterThan(RUNS / 4);
    console.log(
      `  ${answers.join(" + ")} answers, ${cuts} cuts, ${
        load.acknowledged.get("hourly_stats")
      } events`,
    );
    expect(Math.min(...answers)).toBeGreaterThan(RUNS);

    await engine.batch();
    await expectParity(engine);
    expect(engine.faults).toEqual([]);
  });

  /** Runs quickly one after the other; a run with nothing new does not count. */
  async function runAll(load: Load, running: () => boolean) {
    const cuts = new Set<string>();
    let published = 0;
    for (let i = 0; published < RUNS && running(); i++) {
      const run = await engine.engine.batch.values().next().value!.run({
        full: i % FULL_ONE_IN === 0,
      });
      if (run === null) {
        await pause(5);
        continue;
      }
      // No drift is told where the speed layer has not yet come as far as the cut.
      const wrong = run.plugins.filter(({ status, drift }) => status !== "published" || drift);
      expect(wrong).toEqual([]);
      load.runs = ++published;
      cuts.add(
        JSON.stringify(run.cut, (_, value) => typeof value === "bigint" ? `${value}` : value),
      );
    }
    return { published, cuts: cuts.size };
  }

  /** Reads on while `running`; returns how many answers there were. */
  async function readTotals(
    { metric, measure, counts }: Reading,
    load: Load,
    running: () => boolean,
  ): Promise<number> {
    const truth = new LogTruth([...engine.engine.logs.values()][0], (value) => {
      const event: MovieEvent = JSON.parse(value);
      return counts(event) ? event.event_id : null;
    });
    const query = { bucket: "day", limit: "10000", keys: {} };
    let answers = 0;
    let least = 0;
    while (running()) {
      const { rows, frontier, cut } = await engine.engine.serving.query(metric, query);
      const acknowledged = load.acknowledged.get(metric)!;
      const total = rows.reduce((sum, row) => sum + Number(row[measure]), 0);
      const below = await truth.countBelow(frontier);
      if (total !== below || total < least || total > acknowledged) {
        throw new Error(
          `${metric} says ${total}, after ${least}; ${below} events lie below its frontier ` +
            `${frontier}, ${acknowledged} were acknowledged; cut ${cut}`,
        );
      }
      least = total;
      answers++;
      await pause(READ_PAUSE_MS);
    }
    return answers;
  }
});
