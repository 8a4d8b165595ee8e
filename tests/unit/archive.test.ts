import { describe, expect, it } from "testing";
import type { BlockRange } from "../../runtime/archive/archive_names.ts";
import { openArchivedRecords } from "../../runtime/archive/archived_records.ts";
import { sha256 } from "../../runtime/archive/manifest.ts";
import { allocateColumns } from "../../runtime/model/columns.ts";
import { hashIdentity } from "../../runtime/decode/identity.ts";
import { ExternalError, LogGapError, TwofoldError } from "../../runtime/std/errors.ts";
import { RecordKind, type Warehouse } from "../../runtime/ports/ports.ts";
import {
  block0,
  manifest0,
  manifestOf,
  MemoryStore,
  newLog,
  openArchiver,
  parquetRows,
  place,
  reading,
  readings,
  StandingClock,
} from "../support/archive_world.ts";
import { MemoryLog } from "../support/memory_log.ts";

describe("Archiver", () => {
  it("writes a file per event day, rows by event time, and the manifest last", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    place(log, { id: "b", at: "2013-07-21T00:00:00Z" });
    place(log, { id: "late", at: "2013-07-20T10:00:00.000000002Z" });
    place(log, { id: "a", at: "2013-07-20T10:00:00.000000001Z" });
    place(log, { id: "c", at: "2013-07-20T10:00:00.000000001Z" });
    log.skipTo(0, 12n);
    expect(await openArchiver(log, store).archiveClosed(0)).toBe(10n);
    expect(store.puts).toEqual([
      `readings/events/dt=2013-07-20/${block0}`,
      `readings/events/dt=2013-07-21/${block0}`,
      manifest0,
    ]);
    const rows = await parquetRows(store.objects.get(store.puts[0])!);
    expect(rows.map(({ id, offset }) => [id, offset])).toEqual([
      ["a", 2n],
      ["c", 3n],
      ["late", 1n],
    ]);
    const manifest = await manifestOf(store, manifest0);
    const noon = Date.UTC(2013, 6, 20, 10);
    expect(manifest).toMatchObject({ log: "memory-1", partition: 0, start: 0n, end: 10n });
    expect(manifest).toMatchObject({ records: 4, events: 4, deadLetters: 0 });
    expect(manifest.eventMs).toEqual([noon, Date.UTC(2013, 6, 21)]);
    expect(manifest.appendMs).toEqual([5000, 5000]);
    expect(manifest.files.map(({ day, rows }) => [day, rows])).toEqual([
      ["2013-07-20", 3],
      ["2013-07-21", 1],
    ]);
    for (const file of manifest.files) {
      const bytes = store.objects.get(file.name)!;
      expect([file.sizeBytes, file.sha256]).toEqual([bytes.length, sha256(bytes)]);
    }
  });

  it("leaves the open block, and goes on with it when more comes", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    const archiver = openArchiver(log, store);
    for (let i = 0; i < 9; i++) place(log);
    expect(await archiver.archiveClosed(0)).toBe(0n);
    expect(store.puts).toEqual([]);
    place(log);
    place(log);
    expect(await archiver.archiveClosed(0)).toBe(10n);
    expect((await manifestOf(store, manifest0)).events).toBe(10);
    expect(archiver.frontier()).toEqual({ "memory-1": [10n] });
  });

  it("gives an empty range its manifest", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    log.skipTo(0, 25n);
    expect(await openArchiver(log, store).archiveClosed(0)).toBe(20n);
    expect(store.names().length).toBe(2);
    const manifest = await manifestOf(store, manifest0);
    expect(manifest).toMatchObject({ records: 0, eventMs: null, appendMs: null, files: [] });
  });

  it("ends a block after a tick, also after a second one", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    place(log);
    log.place(0, { kind: RecordKind.tick });
    log.place(0, { kind: RecordKind.tick });
    place(log);
    expect(await openArchiver(log, store).archiveClosed(0)).toBe(3n);
    const names = store.names("readings/manifests/");
    expect(names.map((name) => name.slice(-46))).toEqual([
      "00000000000000000000_00000000000000000002.json",
      "00000000000000000002_00000000000000000003.json",
    ]);
    expect(await manifestOf(store, names[0])).toMatchObject({ records: 2, events: 1 });
    expect(await manifestOf(store, names[1])).toMatchObject({ records: 1, events: 0, files: [] });
  });

  it("keeps what cannot be decoded, with its reason and bytes", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    const garbage = Uint8Array.of(0xff, 0, 0x7b);
    place(log);
    log.place(0, { value: garbage, appendMs: 6000 });
    log.skipTo(0, 10n);
    await openArchiver(log, store).archiveClosed(0);
    const name = `readings/dead_letters/${block0}`;
    expect(store.puts.slice(-2)).toEqual([name, manifest0]);
    const [letter, ...others] = await parquetRows(store.objects.get(name)!, { utf8: false });
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ log: "memory-1", partition: 0, offset: 1n, append_time: 6000 });
    expect(letter.value).toEqual(garbage);
    expect(String(letter.reason).length).toBeGreaterThan(5);
    expect(await manifestOf(store, manifest0)).toMatchObject({ events: 1, deadLetters: 1 });
  });

  it("keeps the bytes of a record that has fields the schema does not declare", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    place(log);
    const known = JSON.stringify(reading({ colour: "ü", at: "2013-07-20T11:00:00Z" }));
    log.place(0, { value: known });
    log.skipTo(0, 10n);
    await openArchiver(log, store).archiveClosed(0);
    const rows = await parquetRows(store.objects.get(store.puts[0])!);
    expect(rows.map(({ raw }) => raw)).toEqual(["", known]);
  });

  it("cuts long texts into pages and reads them back", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    const colours = Array.from({ length: 10 }, (_, i) => String(i).repeat(1_000_000));
    colours.forEach((colour, i) => place(log, { at: `2013-07-20T10:00:0${i}Z`, colour }));
    await openArchiver(log, store).archiveClosed(0);
    const rows = await parquetRows(store.objects.get(store.puts[0])!);
    expect(rows.map(({ raw }) => JSON.parse(String(raw)).colour[0]).join("")).toBe("0123456789");
    expect(rows.map(({ note }) => note)).toEqual(Array(10).fill(null));
  });

  it("repairs a block whose files were written and whose manifest was not", async () => {
    const [log, store, whole] = [newLog(), new MemoryStore(), new MemoryStore()];
    for (let i = 0; i < 10; i++) place(log, { at: `2013-07-2${i}T00:00:00Z` });
    await openArchiver(log, whole).archiveClosed(0);
    store.failsPut = (name) => name === manifest0;
    const crashed = openArchiver(log, store);
    await expect(crashed.archiveClosed(0)).rejects.toThrow(TwofoldError);
    expect(crashed.error(0)?.message).toContain("Cannot put object");
    expect(crashed.frontier()).toEqual({ "memory-1": [0n] });
    expect(store.names("readings/events/").length).toBe(10);
    store.failsPut = () => false;
    for (const archiver of [crashed, openArchiver(log, store)]) {
      expect(await archiver.archiveClosed(0)).toBe(10n);
      expect(archiver.error(0)).toBe(null);
    }
    expect([...store.objects].sort()).toEqual([...whole.objects].sort());
  });

  it("lists the manifests once, and no more for the next block", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    const archiver = openArchiver(log, store);
    for (let i = 0; i < 5; i++) {
      log.skipTo(0, BigInt(10 * i + 10));
      await archiver.archiveClosed(0);
    }
    expect(store.listed.calls).toBe(2); // those of compacted ranges, and those of blocks
  });

  it("throws when the log starts above what is archived", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    for (let i = 0; i < 30; i++) place(log);
    await log.trim(0, 15n);
    const archiver = openArchiver(log, store);
    await expect(archiver.archiveClosed(0)).rejects.toThrow(LogGapError);
    expect(archiver.error(0)?.message).toBe(
      'Cannot archive "readings" partition 0 from offset 0: ' +
        "the log starts at 15, the records are lost; to go on without them, start with " +
        "--lost-ranges skip",
    );
    expect(store.puts).toEqual([]);
  });

  describe("told to skip what is lost", () => {
    const skipping = (log: MemoryLog, store: MemoryStore) => {
      const lost: (readonly [bigint, bigint])[] = [];
      const onLost = ({ start, end }: BlockRange) => lost.push([start, end]);
      return { archiver: openArchiver(log, store, { lostRanges: "skip", onLost }), lost };
    };
    const archivedIn = async (store: MemoryStore) => {
      const blocks: (readonly [bigint, bigint, number])[] = [];
      for (const name of store.names("readings/manifests/")) {
        const { start, end, events } = await manifestOf(store, name);
        blocks.push([start, end, events]);
      }
      return blocks;
    };

    it("gives the blocks their manifests, and keeps what it had read of the open one", async () => {
      const [log, store] = [newLog(), new MemoryStore()];
      const { archiver, lost } = skipping(log, store);
      for (let i = 0; i < 15; i++) place(log);
      await archiver.archiveClosed(0);
      for (let i = 15; i < 60; i++) place(log);
      await log.trim(0, 42n);
      expect(await archiver.archiveClosed(0)).toBe(60n);
      expect(lost).toEqual([[15n, 42n]]);
      expect(await archivedIn(store)).toEqual([
        [0n, 10n, 10],
        [10n, 20n, 5],
        [20n, 30n, 0],
        [30n, 40n, 0],
        [40n, 50n, 8],
        [50n, 60n, 10],
      ]);
    });

    it("also what retention removes between its look at the bounds and the read", async () => {
      const [log, store] = [newLog(), new MemoryStore()];
      const { archiver, lost } = skipping(log, store);
      for (let i = 0; i < 40; i++) place(log);
      const { read } = log;
      log.read = async (...of) => {
        await log.trim(0, 25n);
        return read.apply(log, of);
      };
      expect(await archiver.archiveClosed(0)).toBe(40n);
      expect(lost).toEqual([[0n, 25n]]);
      expect(await archivedIn(store)).toEqual([[0n, 20n, 0], [20n, 30n, 5], [30n, 40n, 10]]);
    });

    it("begins a log that was long before at one bound, in any process and at any time", async () => {
      const [log, store] = [newLog(), new MemoryStore()];
      const start = 5_000_000_000n;
      log.skipTo(0, start + 3n);
      for (let i = 0; i < 27; i++) place(log);
      await log.trim(0, start + 3n);
      const { archiver, lost } = skipping(log, store);
      // It dies before it has written anything but its claim.
      store.failsPut = (name) => name.includes("/manifests/");
      await expect(archiver.archiveClosed(0)).rejects.toThrow(ExternalError);
      store.failsPut = () => false;
      await log.trim(0, start + 14n);
      const next = skipping(log, store);
      expect(await next.archiver.archiveClosed(0)).toBe(start + 30n);
      expect([lost, next.lost]).toEqual([[[0n, start + 3n]], [[0n, start + 14n]]]);
      expect(await archivedIn(store)).toEqual([
        [0n, start, 0],
        [start, start + 10n, 0],
        [start + 10n, start + 20n, 6],
        [start + 20n, start + 30n, 10],
      ]);
      // From the middle of it on, the archive has all, and nothing to give.
      const records = openArchivedRecords({
        schema: readings,
        store,
        logId: log.id,
        hashIdentity,
        warehouse: {} as Warehouse,
      });
      const columns = allocateColumns(readings, 10);
      expect(await records.heldFrom(0, start - 100_000n, start)).toBe(start - 100_000n);
      expect(await records.read(0, start - 100n, start, columns)).toEqual([]);
      expect([columns.count, columns.to]).toEqual([0, start]);
    });

    it("takes nothing for lost that others have archived meanwhile", async () => {
      const [log, store] = [newLog(), new MemoryStore()];
      const { archiver, lost } = skipping(log, store);
      for (let i = 0; i < 12; i++) place(log);
      await archiver.archiveClosed(0);
      for (let i = 12; i < 50; i++) place(log);
      await openArchiver(log, store).archiveClosed(0);
      const before = await archivedIn(store);
      for (let i = 50; i < 60; i++) place(log);
      await log.trim(0, 45n);
      expect(await archiver.archiveClosed(0)).toBe(60n);
      expect(lost).toEqual([]);
      expect(await archivedIn(store)).toEqual([...before, [50n, 60n, 10]]);
    });

    it("nor a block that is put just while it looks", async () => {
      const [log, store, other] = [newLog(), new MemoryStore(), new MemoryStore()];
      for (let i = 0; i < 10; i++) place(log);
      const { archiver } = skipping(log, store);
      await archiver.archiveClosed(0);
      for (let i = 10; i < 30; i++) place(log);
      await openArchiver(log, other).archiveClosed(0);
      await log.trim(0, 25n);
      const { list } = store;
      store.list = async function* (...of) {
        yield* list.apply(store, of);
        for (const [name, bytes] of other.objects) store.objects.set(name, bytes);
      };
      expect(await archiver.archiveClosed(0)).toBe(30n);
      store.list = list;
      expect((await archivedIn(store)).slice(0, 2)).toEqual([[0n, 10n, 10], [10n, 20n, 10]]);
    });
  });

  it("throws when the log ends below what is archived, or below what was read", async () => {
    const [log, store] = [newLog(), new MemoryStore()];
    for (let i = 0; i < 25; i++) place(log);
    const archiver = openArchiver(log, store);
    await archiver.archiveClosed(0);
    log.truncate(0, 22n);
    await expect(archiver.archiveClosed(0)).rejects.toThrow("the log ends at 22");
    log.truncate(0, 12n);
    await expect(openArchiver(log, store).archiveClosed(0)).rejects.toThrow(LogGapError);
  });

  it("run() archives blocks as they close and stops a partition whose log has a gap", async () => {
    const [log, store, clock] = [newLog(2), new MemoryStore(), new StandingClock()];
    log.skipTo(1, 20n);
    await log.trim(1, 15n);
    const archiver = openArchiver(log, store, { clock });
    const stop = new AbortController();
    const running = archiver.run(stop.signal);
    const manifests = () => store.names("readings/manifests/").length;
    for (let i = 0; i < 10; i++) place(log);
    await store.until(() => manifests() === 1);
    for (let i = 0; i < 10; i++) place(log);
    // Records are gathered first.
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(manifests()).toBe(1);
    clock.advance(250);
    await store.until(() => manifests() === 2);
    stop.abort();
    await running;
    expect(archiver.error(1)).toBeInstanceOf(LogGapError);
    expect(archiver.frontier()).toEqual({ "memory-1": [20n, 0n] });
  });

  it("run() tries again what may pass", async () => {
    const [log, store, clock] = [newLog(), new MemoryStore(), new StandingClock()];
    clock.hurries = true;
    let failures = 2;
    store.failsPut = () => failures-- > 0;
    const stop = new AbortController();
    log.skipTo(0, 10n);
    const archiver = openArchiver(log, store, { clock });
    const running = archiver.run(stop.signal);
    await store.until(() => store.puts.includes(manifest0));
    stop.abort();
    await running;
    expect(archiver.error(0)).toBe(null);
  });
});
