import { describe, expect, it, vi } from "testing";
import { ExternalError } from "../../runtime/std/errors.ts";
import type { Plugin } from "../../runtime/plugin.ts";
import { type RecordChunk } from "../../runtime/ports/ports.ts";
import { random } from "../../plugins/viewing/chance.ts";
import { tablesOf } from "../../runtime/sql/tables.ts";
import { condition } from "../support/condition.ts";
import { openTableSpeed } from "../../runtime/speed/table_speed.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { ledgerFacts, settle, speedWorld, users, view, views } from "../support/speed_world.ts";

const DAY_MS = 86_400_000;

describe("the speed layer", () => {
  const world = speedWorld();
  const { open, counted } = world;

  it("gathers records while nobody reads, and takes each at once after somebody has", async () => {
    const log = new MemoryLog({ topic: "movie-viewing-events", id: "gathering", partitions: 1 });
    const { speed, clock, close } = await open(log, [views()], "gathering", undefined, 0, 10_000);
    const read = vi.spyOn(log, "read");
    let events = 0;
    const place = async (count: number) => {
      for (let i = 0; i < count; i++) {
        log.place(0, { value: view(events++) });
        clock.advance(20);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    await place(100);
    // Two seconds: ten times what is there, and that it is all, with room for a slow machine.
    expect(read.mock.calls.length).toBeLessThan(50);
    await speed.fresh();
    read.mockClear();
    await place(100);
    expect(read.mock.calls.length).toBeGreaterThan(50);
    await settle(speed, clock, log, views());
    expect(await counted(views(), "gathering", log)).toBe(events);
    await close();
  });

  it("lets a plugin that throws fall behind alone, and it catches up exactly", async () => {
    const log = new MemoryLog({ topic: "movie-viewing-events", id: "throwing", partitions: 1 });
    let broken = true;
    const throwing: Plugin = {
      ...users(),
      where: condition(() => {
        if (broken) throw new Error("cannot look at this event");
        return true;
      }),
    };
    for (let i = 0; i < 40; i++) log.place(0, { value: view(i) });
    const { speed, clock, told, close } = await open(log, [views(), throwing], "throwing");
    await settle(speed, clock, log, views());
    expect(await counted(views(), "throwing", log)).toBe(40);
    expect(await counted(throwing, "throwing", log)).toBe(0);
    expect(String(speed.plugin("user_stats").error ?? told[0])).toMatch(
      /cannot look|user_stats failed/,
    );
    broken = false;
    await settle(speed, clock, log, throwing);
    expect(await counted(throwing, "throwing", log)).toBe(40);
    expect(speed.plugin("user_stats").error).toBe(null);
    await close();
  });

  it("reads the log once again for a plugin that has caught up, however often it failed", async () => {
    const log = new MemoryLog({ topic: "movie-viewing-events", id: "rejoining", partitions: 1 });
    const chance = random(7);
    let broken = false;
    const throwing: Plugin = {
      ...users(),
      where: condition(() => {
        if (broken) throw new Error("cannot look at this event");
        return true;
      }),
    };
    const { speed, clock, close } = await open(log, [views(), throwing], "rejoining");
    const read = vi.spyOn(log, "read");
    let events = 0, failures = 0;
    const place = (count: number) => {
      for (let i = 0; i < count; i++) log.place(0, { value: view(events++) });
    };
    for (let round = 0; round < 12; round++) {
      broken = chance() < 0.5;
      place(1 + Math.floor(chance() * 40));
      await settle(speed, clock, log, views());
      if (speed.plugin("user_stats").error !== null) failures++;
      broken = false;
      // Events come while it catches up.
      place(Math.floor(chance() * 20));
      for (const plugin of [views(), throwing]) await settle(speed, clock, log, plugin);
      read.mockClear();
      place(1);
      for (const plugin of [views(), throwing]) await settle(speed, clock, log, plugin);
      const from = BigInt(events - 1);
      expect(read.mock.calls.filter(([, at]) => at === from).length).toBe(1);
    }
    expect(failures).toBeGreaterThan(2);
    expect(await counted(views(), "rejoining", log)).toBe(events);
    expect(await counted(throwing, "rejoining", log)).toBe(events);
    await close();
    read.mockRestore();
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
    expect(String(second.speed.partition(0).error)).toMatch(
      /ends at offset 10, below the frontier 40/,
    );
    expect(String(second.speed.partition(0).error)).toMatch(/Raise the plugins' version/);
  });

  it("flushes what it has read when it is told to end, though the log does not answer", async () => {
    const silent = Promise.withResolvers<void>();
    class SilentLog extends MemoryLog {
      override read(...of: Parameters<MemoryLog["read"]>): Promise<RecordChunk> {
        if (of[1] < 5n) return super.read(...of);
        silent.resolve();
        return new Promise(() => {});
      }
    }
    const log = new SilentLog({ topic: "movie-viewing-events", id: "silent", partitions: 1 });
    for (let id = 0; id < 5; id++) log.place(0, { value: view(id) });
    const { speed, clock, close } = await open(log, [views()], "v1_silent");
    await silent.promise;
    let closed = false;
    const closing = close().then(() => closed = true);
    while (!closed) {
      clock.advance(500); // it waits for the log for a second
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await closing;
    expect(speed.frontier(views().name)[log.id]).toEqual([5n]);
    expect(await counted(views(), "v1_silent", log)).toBe(5);
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

  it("answers for a key from memory, ahead of its flushes, as long as it has all from the cut on", async () => {
    const log = new MemoryLog({ topic: "movie-viewing-events", id: "remembered", partitions: 1 });
    const id = log.id;
    const { name } = users();
    const memory = async (recentBytes?: number) => {
      const layer = await open(log, [users()], "remembered", undefined, recentBytes);
      const count = (cut: bigint) =>
        layer.speed.recent(name, { [id]: [cut] })?.states([1], { from: null, to: null })
          ?.[users().measureColumns.findIndex((column) => column.name === "total_events")];
      return { ...layer, count };
    };
    for (let i = 0; i < 40; i++) log.place(0, { value: view(i) });
    const first = await memory(1e6);
    await settle(first.speed, first.clock, log, users());
    expect([0n, 16n, 32n, 48n].map(first.count)).toEqual([40n, 24n, 8n, undefined]);
    // What is not flushed yet is there, too: no time passes here.
    log.place(0, { value: view(40) });
    while (first.count(0n) !== 41n) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(first.speed.frontier(name)).toEqual({ [id]: [40n] });
    expect(first.speed.recent(name, {})?.frontier).toEqual({ [id]: [41n] });
    await first.speed.expire(
      new Map([[tablesOf(users(), "remembered").batch, { [id]: [16n] }]]),
      0,
    );
    expect([0n, 16n].map((cut) => first.speed.recent(name, { [id]: [cut] }) === null))
      .toEqual([true, false]);
    await first.close();
    expect(first.speed.recent(name, { [id]: [32n] })).toBe(null);
    // After a restart memory begins at the open block.
    const second = await memory(1e6);
    await settle(second.speed, second.clock, log, users());
    expect([16n, 32n].map(second.count)).toEqual([undefined, 9n]);
    await second.close();
    // Without room there are the blocks that are not flushed, and the open one.
    const third = await memory();
    for (let i = 41; i < 60; i++) log.place(0, { value: view(i) });
    await settle(third.speed, third.clock, log, users());
    expect([32n, 48n].map(third.count)).toEqual([undefined, 12n]);
    await third.close();
  });

  const nothing = (chunk: RecordChunk) => ({ ...chunk, to: chunk.from, count: 0 });
  const failed = () => Promise.reject(new ExternalError("Cannot read: the test said so"));
  for (const [i, read] of [failed, nothing].entries()) {
    it(`goes on where a read of the horizon ${i === 0 ? "failed" : "gave nothing"}`, async () => {
      let failing = 0;
      class Failing extends MemoryLog {
        override async read(partition: number, from: bigint): Promise<RecordChunk> {
          const chunk = await super.read(partition, from, { maxRecords: 5 });
          return --failing === 0 ? await read(chunk) : chunk;
        }
      }
      const id = `failing${i}`;
      const log = new Failing({ topic: "movie-viewing-events", id, partitions: 1 });
      for (let i = 0; i < 20; i++) log.place(0, { value: view(i) });
      const first = await open(log, [views()], id);
      await settle(first.speed, first.clock, log, views());
      await first.close();
      for (const id of [14, 20]) log.place(0, { value: view(id) });
      // The third of the horizon's four reads.
      failing = 3;
      const second = await open(log, [views()], id);
      await settle(second.speed, second.clock, log, views());
      await second.close();
      expect(failing).toBeLessThan(0);
      expect(second.speed.partition(0)).toMatchObject({ events: 21, repeats: 1, error: null });
    });
  }

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
    const takenMs = Date.UTC(2024, 2, 2);
    for (let i = 0; i < 64; i++) {
      log.nowMs = takenMs + (i < 32 ? 0 : 10 * DAY_MS);
      const value = view(i, i);
      // A future event does not make all windows before it doubtful.
      log.place(0, { value: i === 3 ? value.replace("2024-03-01", "2105-06-01") : value });
    }
    const { speed, clock, close } = await open(log, [views()], "expired");
    await settle(speed, clock, log, views());
    expect(await speed.wholeWindows("popular_movies")).toEqual({ fromMs: null, untilMs: null });
    const ownClock = new ManualClock(takenMs);
    const elsewhere = await openTableSpeed({
      tables: tablesOf(views(), "expired"),
      warehouse: world.warehouse,
      log,
      ledger: ledgerFacts(log),
      clock: ownClock,
      below: (first) => speed.below(first),
    });
    expect((await elsewhere.wholeWindows("popular_movies")).fromMs).toBeNull();
    // Old enough are blocks 0 and 16; the cut allows only the first of them.
    await speed.expire(
      new Map([[tablesOf(views(), "expired").batch, { expired: [16n] }]]),
      takenMs + 5 * DAY_MS,
    );
    expect(await counted(views(), "expired", log)).toBe(48);
    expect(speed.start("popular_movies")).toEqual({ expired: [16n] });
    expect(await speed.wholeWindows("popular_movies")).toEqual({
      fromMs: Date.parse("2024-03-01T00:15:10Z"),
      untilMs: Date.parse("2105-06-01T00:03:00Z"),
    });
    // A process that has the tables alone finds out.
    ownClock.advance(1000);
    expect((await elsewhere.wholeWindows("popular_movies")).fromMs)
      .toBe(Date.parse("2024-03-01T00:15:10Z"));
    // The cut allows all, age only what was appended ten days before.
    await speed.expire(
      new Map([[tablesOf(views(), "expired").batch, { expired: [64n] }]]),
      takenMs + 5 * DAY_MS,
    );
    expect(await counted(views(), "expired", log)).toBe(32);
    await close();
  });
});
