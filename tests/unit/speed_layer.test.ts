import { afterAll, beforeAll, describe, expect, it } from "testing";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import type { Plugin } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports.ts";
import { type LogSpeedLayer, openSpeedLayer } from "../../runtime/speed/speed_layer.ts";
import { tablesOf } from "../../runtime/tables.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { openLaboratory, plugins } from "../support/parity/law.ts";

const BLOCK_SIZE = 16;
const HORIZON = 16;
const DAY_MS = 86_400_000;

/** A view by user 1 at a minute of 2024-03-01. */
const view = (id: number, minute = 0) =>
  JSON.stringify({
    event_id: `e${id}`,
    user_id: 1,
    movie_id: 1 + id % 3,
    event_type: "view",
    timestamp: new Date(Date.UTC(2024, 2, 1, 0, minute)).toISOString(),
  });

describe("the speed layer", () => {
  let laboratory: Awaited<ReturnType<typeof openLaboratory>>;
  let warehouse: Warehouse;
  beforeAll(async () => {
    laboratory = await openLaboratory();
    warehouse = laboratory.warehouse;
  });
  afterAll(() => laboratory.close());

  const views = () => plugins.get("popular_movies")!.plugin;
  const users = () => plugins.get("user_stats")!.plugin;

  async function open(log: MemoryLog, own: readonly Plugin[], generation: string) {
    const clock = new ManualClock(Date.UTC(2024, 2, 2));
    const told: string[] = [];
    const speed = await openSpeedLayer({
      schema: own[0].source,
      log,
      plugins: own.map((plugin) => tablesOf(plugin, generation)),
      warehouse,
      createDecoder,
      clock,
      blockSize: BLOCK_SIZE,
      horizon: HORIZON,
      flushIntervalMs: 10,
      ledger: {
        topic: log.topic,
        schemaVersion: 1,
        decoderVersion: 1,
        blockSize: BLOCK_SIZE,
        horizon: HORIZON,
        lateAfterMs: 10_000,
      },
      onProblem: (message) => told.push(message),
    });
    const stop = new AbortController();
    const running = speed.run(stop.signal);
    return {
      speed,
      clock,
      told,
      close: async () => {
        stop.abort();
        await running;
      },
    };
  }

  /** Waits until a plugin has come to the log's end, moving time for flushes and back-off. */
  async function settle(speed: LogSpeedLayer, clock: ManualClock, log: MemoryLog, plugin: Plugin) {
    const target = { [log.id]: [log.endOf(0)] };
    const reached = new AbortController();
    const done = speed.reached(plugin.name, target, AbortSignal.timeout(10_000))
      .finally(() => reached.abort());
    // The ledger is another table, whose insert may end later.
    while (!reached.signal.aborted || speed.partition(0).position < log.endOf(0)) {
      clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await done;
    expect(speed.frontier(plugin.name)[log.id][0]).toBe(log.endOf(0));
  }

  async function counted(plugin: Plugin, generation: string, log: MemoryLog): Promise<number> {
    const measure = plugin.measureColumns[0].name;
    const [row] = await warehouse.query<{ n: number }>(
      `SELECT sum(${measure}) AS n FROM ${tablesOf(plugin, generation).speed(log.id)} FINAL`,
    );
    return row.n;
  }

  it("lets a plugin that throws fall behind alone, and it catches up exactly", async () => {
    const log = new MemoryLog({ topic: "movie-viewing-events", id: "throwing", partitions: 1 });
    let broken = true;
    const throwing: Plugin = {
      ...users(),
      where: () => {
        if (broken) throw new Error("cannot look at this event");
        return true;
      },
    };
    for (let i = 0; i < 40; i++) log.place(0, { value: view(i) });
    const { speed, clock, told, close } = await open(log, [views(), throwing], "throwing");
    await settle(speed, clock, log, views());
    expect(await counted(views(), "throwing", log)).toBe(40);
    expect(await counted(throwing, "throwing", log)).toBe(0);
    expect(speed.plugin("user_stats").error ?? told[0]).toMatch(/cannot look|user_stats failed/);
    broken = false;
    await settle(speed, clock, log, throwing);
    expect(await counted(throwing, "throwing", log)).toBe(40);
    expect(speed.plugin("user_stats").error).toBe(null);
    await close();
  });

  it("stops a partition whose log ends below what was read from it, and says how to go on", async () => {
    const log = new MemoryLog({ topic: "movie-viewing-events", id: "restored", partitions: 1 });
    for (let i = 0; i < 40; i++) log.place(0, { value: view(i) });
    const first = await open(log, [views()], "restored");
    await settle(first.speed, first.clock, log, views());
    await first.close();
    log.truncate(0, 10n);
    const second = await open(log, [views()], "restored");
    await second.close();
    expect(second.speed.partition(0).error).toMatch(/ends at offset 10, below the frontier 40/);
    expect(second.speed.partition(0).error).toMatch(/Raise the plugins' version/);
  });

  it("resumes at the open block and counts nothing twice", async () => {
    const log = new MemoryLog({ topic: "movie-viewing-events", id: "resumed", partitions: 1 });
    let id = 0;
    for (let round = 0; round < 4; round++) {
      // A retry of the event before in each round: known although the process is a new one.
      if (id > 0) log.place(0, { value: view(id - 1) });
      for (let i = 0; i < 7; i++) log.place(0, { value: view(id++) });
      const { speed, clock, close } = await open(log, [views()], "resumed");
      await settle(speed, clock, log, views());
      expect(await counted(views(), "resumed", log)).toBe(id);
      const { events, repeats } = speed.partition(0);
      expect({ events, repeats }).toEqual({ events: id, repeats: round });
      await close();
    }
  });

  it("starts a new generation on a trimmed log at a bound with a horizon before it", async () => {
    const log = new MemoryLog({ topic: "movie-viewing-events", id: "trimmed", partitions: 1 });
    for (let i = 0; i < 100; i++) log.place(0, { value: view(i) });
    await log.trim(0, 30n);
    const { speed, clock, close } = await open(log, [views()], "trimmed");
    await settle(speed, clock, log, views());
    expect(speed.start("popular_movies")).toEqual({ trimmed: [48n] });
    expect(await counted(views(), "trimmed", log)).toBe(52);
    await close();
  });

  it("removes whole blocks below the cut only, and tells from when on windows are whole", async () => {
    const log = new MemoryLog({ topic: "movie-viewing-events", id: "expired", partitions: 1 });
    for (let i = 0; i < 64; i++) {
      log.nowMs = i < 32 ? 0 : 10 * DAY_MS;
      log.place(0, { value: view(i, i) });
    }
    const { speed, clock, close } = await open(log, [views()], "expired");
    await settle(speed, clock, log, views());
    expect(await speed.wholeFrom("popular_movies")).toBe(null);
    // Old enough are blocks 0 and 16; the cut allows only the first of them.
    await speed.expire(new Map([["popular_movies", { expired: [16n] }]]), 5 * DAY_MS);
    expect(await counted(views(), "expired", log)).toBe(48);
    expect(speed.start("popular_movies")).toEqual({ expired: [16n] });
    expect(await speed.wholeFrom("popular_movies")).toBe("2024-03-01T00:15:10.000Z");
    // The cut allows all, age only what was appended ten days before.
    await speed.expire(new Map([["popular_movies", { expired: [64n] }]]), 5 * DAY_MS);
    expect(await counted(views(), "expired", log)).toBe(32);
    await close();
  });
});
