import { afterAll, beforeAll, describe, expect, it, vi } from "testing";
import { openArchivedRecords } from "../../runtime/archive/archived_records.ts";
import { Archiver } from "../../runtime/archive/archiver.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";
import { allocateColumns } from "../../runtime/model/columns.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { hashIdentity } from "../../runtime/decode/identity.ts";
import { ExternalError } from "../../runtime/std/errors.ts";
import type { Plugin } from "../../runtime/plugin.ts";
import {
  type ArchivedRecords,
  type RecordChunk,
  RecordKind,
  type Warehouse,
} from "../../runtime/ports/ports.ts";
import { random } from "../../runtime/sources/chance.ts";
import { ledgerTable } from "../../runtime/speed/ledger.ts";
import { resumePlugin } from "../../runtime/speed/resume.ts";
import { type LogSpeedLayer, openSpeedLayer } from "../../runtime/speed/speed_layer.ts";
import { SpeedKind, tablesOf } from "../../runtime/sql/tables.ts";
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

const ledgerFacts = (log: MemoryLog) => ({
  topic: log.topic,
  schemaVersion: 1,
  decoderVersion: 1,
  blockSize: BLOCK_SIZE,
  horizon: HORIZON,
  lateAfterMs: 10_000,
  futureAfterMs: 3_600_000,
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

  async function open(
    log: MemoryLog,
    own: readonly Plugin[],
    generation: string,
    archived?: ArchivedRecords,
    recentBytes?: number,
  ) {
    const clock = new ManualClock(Date.UTC(2024, 2, 2));
    const told: string[] = [];
    const speed = await openSpeedLayer({
      schema: own[0].source,
      log,
      archived,
      plugins: own.map((plugin) => tablesOf(plugin, generation)),
      warehouse,
      createDecoder,
      clock,
      blockSize: BLOCK_SIZE,
      horizon: HORIZON,
      flushIntervalMs: 10,
      recentBytes,
      ledger: ledgerFacts(log),
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
      `SELECT sum(${measure}) AS n FROM ${tablesOf(plugin, generation).speed(log.id)} FINAL
       WHERE kind = ${SpeedKind.row}`,
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
      where: () => {
        if (broken) throw new Error("cannot look at this event");
        return true;
      },
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

  describe("where the log's retention ran past it", () => {
    let cases = 0;

    /** A log that is archived as far as its blocks are closed, and the archive read back. */
    async function archive(log: MemoryLog) {
      const schema = views().source;
      const store = await openLocalStore(`${laboratory.dir}/archive${++cases}`);
      const archiver = new Archiver({
        ...{ schema, log, store, clock: new ManualClock(0), blockSize: BLOCK_SIZE },
        createDecoder: () => createDecoder(schema),
      });
      const end = await archiver.archiveClosed(0);
      const records = { schema, store, warehouse, logId: log.id, hashIdentity };
      return { end, store, archived: openArchivedRecords(records) };
    }

    const place = (log: MemoryLog, events: readonly (number | string | "tick")[]) => {
      for (const event of events) {
        log.nowMs += 7;
        if (event === "tick") log.place(0, { kind: RecordKind.tick });
        else log.place(0, { value: typeof event === "number" ? view(event, event % 50) : event });
      }
    };
    // Retries across every seam, late events, what is no event, a gap, ticks in and at blocks' ends.
    const before = [0, 1, 2, "no event", 3, "tick", 4, 2, 5, 6, 7, 8, 9, 10, "", 11, 12, 0, 13, 14];
    const after = [14, 15, "tick", 16, 4, "{", 17, 18, 19, "tick", "tick", 20, 21, 17, 22, 23, 24];
    const last = [24, 15, 15, 24, "[]", 26, 27];

    /** What the tables hold of a log, whatever its name. */
    async function written(log: MemoryLog, own: readonly Plugin[], generation: string) {
      const rowsOf = (sql: string) => warehouse.query(`SELECT * EXCEPT (version) FROM ${sql}`);
      const ledger = { ...ledgerFacts(log) };
      return {
        plugins: await Promise.all(own.map((plugin) => {
          const table = tablesOf(plugin, generation).speed(log.id);
          return rowsOf(
            `(SELECT * FROM ${table} FINAL WHERE kind != ${SpeedKind.frontier}) ORDER BY ALL`,
          );
        })),
        ledger: await rowsOf(`(SELECT * FROM ${ledgerTable(ledger, log.id)} FINAL) ORDER BY block`),
        letters: await warehouse.query(
          `SELECT partition, offset, field, reason, value FROM dead_letters FINAL
           WHERE log = {log:String} ORDER BY offset`,
          { params: { log: log.id } },
        ),
      };
    }

    /** Lets one process read a part and end, and another read the rest, maybe off a shorter log. */
    async function story(id: string, keep: ((end: bigint) => bigint) | null) {
      const log = new MemoryLog({ topic: "movie-viewing-events", id, partitions: 1 });
      const own = [views(), users()];
      place(log, before);
      const first = await open(log, own, "gone");
      await settle(first.speed, first.clock, log, views());
      await first.close();
      place(log, after);
      log.skipTo(0, log.endOf(0) + 9n);
      place(log, last);
      const { end, archived } = await archive(log);
      if (keep !== null) await log.trim(0, keep(end));
      const second = await open(log, own, "gone", archived);
      for (const plugin of own) await settle(second.speed, second.clock, log, plugin);
      await second.close();
      const { events, repeats, deadLetters, error } = second.speed.partition(0);
      expect(error).toBe(null);
      return {
        told: second.told,
        totals: { events, repeats, deadLetters },
        tables: await written(log, own, "gone"),
      };
    }

    it("writes the very rows from the archive that the whole log would have given", async () => {
      const whole = await story("gone-whole", null);
      expect(whole.told).toEqual([]);
      expect(whole.totals).toEqual({ events: 30, repeats: 6, deadLetters: 4 });
      // All that is archived, up to the middle of a block, and a part of the horizon only.
      for (const [i, below] of [0n, 7n, 36n].entries()) {
        const trimmed = await story(`gone-${i}`, (end) => end - below);
        expect(trimmed.tables).toEqual(whole.tables);
        expect(trimmed.totals).toEqual(whole.totals);
        expect(trimmed.told).toHaveLength(1);
        expect(trimmed.told[0]).toMatch(
          /no longer holds offsets \[\d+, \d+\) of partition 0 of movie-.*read from the archive/,
        );
      }
    });

    it("stops where the archive does not hold the open block either, and says what to do", async () => {
      const log = new MemoryLog({ topic: "movie-viewing-events", id: "lost", partitions: 1 });
      place(log, before);
      const first = await open(log, [views()], "lost");
      await settle(first.speed, first.clock, log, views());
      await first.close();
      place(log, after);
      const { end, archived } = await archive(log);
      await log.trim(0, end + 2n);
      const second = await open(log, [views()], "lost", archived);
      await second.close();
      expect(second.speed.partition(0).error?.message).toBe(
        "Cannot resume partition 0 of movie-viewing-events: the log begins at offset 34, above the " +
          "open block 16: retention ran past it, and the archive does not hold [16, 34). Bring its " +
          "files back, or raise the plugins' version to start anew",
      );
    });

    it("stops where the archive lacks files that its manifests list", async () => {
      const log = new MemoryLog({ topic: "movie-viewing-events", id: "lacking", partitions: 1 });
      place(log, before);
      const { end, archived, store } = await archive(log);
      await log.trim(0, end);
      for await (const { name } of store.list(`${log.topic}/events/`)) await store.remove(name);
      const columns = allocateColumns(views().source, 4);
      await expect(archived.read(0, 0n, end, columns)).rejects.toThrow(
        /is damaged: it is missing, and a manifest lists it/,
      );
    });

    it("goes on with the repeats that it can know where a part of the horizon is lost", async () => {
      const log = new MemoryLog({ topic: "movie-viewing-events", id: "unknown", partitions: 1 });
      place(log, before);
      const first = await open(log, [views()], "unknown");
      await settle(first.speed, first.clock, log, views());
      await first.close();
      place(log, [3, 12]);
      await log.trim(0, 10n);
      const second = await open(log, [views()], "unknown");
      await settle(second.speed, second.clock, log, views());
      await second.close();
      // Event 12 lies in what is left, event 3 in what is lost; the first process knew one repeat.
      expect(second.speed.partition(0)).toMatchObject({ events: 17, repeats: 2 });
      expect(second.told).toEqual([
        "Neither the log nor the archive holds offsets [0, 10) of partition 0 of " +
        "movie-viewing-events: an event that repeats one of them counts until the next batch run",
      ]);
    });

    it("tells from when on windows are whole by the archive, where its ledger begins later", async () => {
      const log = new MemoryLog({ topic: "movie-viewing-events", id: "adopted", partitions: 1 });
      log.nowMs = Date.UTC(2024, 2, 2);
      // The greatest event time of what is not read is not the last one.
      for (let i = 0; i < 60; i++) log.place(0, { value: view(i, i === 20 ? 50 : i % 45) });
      const { archived } = await archive(log);
      await log.trim(0, 30n);
      const { speed, clock, close } = await open(log, [views()], "adopted", archived);
      await settle(speed, clock, log, views());
      expect(speed.start("popular_movies")).toEqual({ adopted: [48n] });
      expect(await speed.wholeFrom("popular_movies")).toBe("2024-03-01T00:50:10.000Z");
      await close();
      // Without an archive that has all of it, what is missing may be as new as anything.
      const second = await open(log, [views()], "adopted");
      await settle(second.speed, second.clock, log, views());
      expect(await second.speed.wholeFrom("popular_movies")).toBe("2024-03-01T00:14:10.000Z");
      await second.close();
    });

    it("starts a new generation at the log's first bound where the archive holds its horizon", async () => {
      const log = new MemoryLog({ topic: "movie-viewing-events", id: "short", partitions: 1 });
      place(log, before);
      for (let id = 15; id < 55; id++) place(log, [id]);
      const { archived } = await archive(log);
      await log.trim(0, 20n);
      const startOf = async (generation: string, given?: ArchivedRecords) => {
        // No bound of the log has such a horizon before it.
        const facts = { blockSize: BLOCK_SIZE, horizon: 4 * BLOCK_SIZE, archived: given };
        const tables = tablesOf(views(), generation);
        const [{ block }] = await resumePlugin(warehouse, tables, log, facts);
        return block;
      };
      expect(await startOf("short1", archived)).toBe(32n);
      // Where nobody has the horizon, as little as can be lies near what is missing.
      expect(await startOf("short2")).toBe(48n);
    });
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
    await first.speed.expire(new Map([[name, { [id]: [16n] }]]), 0);
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
    expect(await speed.wholeFrom("popular_movies")).toBe(null);
    // Old enough are blocks 0 and 16; the cut allows only the first of them.
    await speed.expire(new Map([["popular_movies", { expired: [16n] }]]), takenMs + 5 * DAY_MS);
    expect(await counted(views(), "expired", log)).toBe(48);
    expect(speed.start("popular_movies")).toEqual({ expired: [16n] });
    expect(await speed.wholeFrom("popular_movies")).toBe("2024-03-01T00:15:10.000Z");
    expect(await speed.wholeUntil("popular_movies")).toBe("2105-06-01T00:03:00.000Z");
    // The cut allows all, age only what was appended ten days before.
    await speed.expire(new Map([["popular_movies", { expired: [64n] }]]), takenMs + 5 * DAY_MS);
    expect(await counted(views(), "expired", log)).toBe(32);
    await close();
  });
});
