import { describe, expect, it } from "testing";
import { openArchivedRecords } from "../../runtime/archive/archived_records.ts";
import { Archiver } from "../../runtime/archive/archiver.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";
import { allocateColumns } from "../../runtime/model/columns.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { hashIdentity } from "../../runtime/decode/identity.ts";
import type { Plugin } from "../../runtime/plugin.ts";
import { type ArchivedRecords, RecordKind } from "../../runtime/ports/ports.ts";
import { ledgerTable } from "../../runtime/speed/ledger.ts";
import { resumePlugin } from "../../runtime/speed/resume.ts";
import { SpeedKind, tablesOf } from "../../runtime/sql/tables.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import {
  BLOCK_SIZE,
  ledgerFacts,
  settle,
  speedWorld,
  users,
  view,
  views,
} from "../support/speed_world.ts";

describe("a speed layer whose log's retention ran past it", () => {
  const world = speedWorld();
  const { open } = world;

  let cases = 0;

  /** A log that is archived as far as its blocks are closed, and the archive read back. */
  async function archive(log: MemoryLog) {
    const schema = views().source;
    const store = await openLocalStore(`${world.dir}/archive${++cases}`);
    const archiver = new Archiver({
      schema,
      log,
      store,
      clock: new ManualClock(0),
      blockSize: BLOCK_SIZE,
      createDecoder: () => createDecoder(schema),
    });
    const end = await archiver.archiveClosed(0);
    const records = { schema, store, warehouse: world.warehouse, logId: log.id, hashIdentity };
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
    const rowsOf = (sql: string) => world.warehouse.query(`SELECT * EXCEPT (version) FROM ${sql}`);
    const ledger = ledgerFacts(log);
    return {
      plugins: await Promise.all(own.map((plugin) => {
        const table = tablesOf(plugin, generation).speed(log.id);
        return rowsOf(
          `(SELECT * FROM ${table} FINAL WHERE kind != ${SpeedKind.frontier}) ORDER BY ALL`,
        );
      })),
      ledger: await rowsOf(`(SELECT * FROM ${ledgerTable(ledger, log.id)} FINAL) ORDER BY block`),
      letters: await world.warehouse.query(
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
    expect((await speed.wholeWindows("popular_movies")).fromMs)
      .toBe(Date.parse("2024-03-01T00:50:10Z"));
    await close();
    // Without an archive that has all of it, what is missing may be as new as anything.
    const second = await open(log, [views()], "adopted");
    await settle(second.speed, second.clock, log, views());
    expect((await second.speed.wholeWindows("popular_movies")).fromMs)
      .toBe(Date.parse("2024-03-01T00:14:10Z"));
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
      const [{ block }] = await resumePlugin(world.warehouse, tables, log, facts);
      return block;
    };
    expect(await startOf("short1", archived)).toBe(32n);
    // Where nobody has the horizon, as little as can be lies near what is missing.
    expect(await startOf("short2")).toBe(48n);
  });
});
