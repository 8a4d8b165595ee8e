import { describe, expect, it } from "testing";
import { openArchiveReader } from "../../runtime/archive/archive_reader.ts";
import type { Manifest } from "../../runtime/ports/ports.ts";
import { MemoryStore, openArchiver, reading, readings } from "../support/archive_world.ts";
import { MemoryLog } from "../support/memory_log.ts";

async function archive(store: MemoryStore, id: string, ends: readonly bigint[]): Promise<void> {
  const log = new MemoryLog({ topic: "readings", id, partitions: ends.length });
  for (const [partition, end] of ends.entries()) {
    log.place(partition, { value: JSON.stringify(reading()) });
    log.skipTo(partition, end);
    await openArchiver(log, store).archiveClosed(partition);
  }
}

const manifestName = (log: string, start: number, end: number) =>
  `readings/manifests/${log}/00000/${String(start).padStart(20, "0")}_${
    String(end).padStart(20, "0")
  }.json`;

describe("openArchiveReader()", () => {
  it("finds the frontier of every log and partition", async () => {
    const store = new MemoryStore();
    const reader = openArchiveReader({ schema: readings, store });
    expect(await reader.frontier()).toEqual({});
    await archive(store, "log-b", [20n, 5n, 31n]);
    expect(await reader.frontier()).toEqual({ "log-b": [20n, 0n, 30n] });
    await archive(store, "log-a", [10n]);
    await archive(store, "log", [10n]);
    const whole = { "log": [10n], "log-a": [10n], "log-b": [20n, 0n, 30n] };
    expect(await reader.frontier()).toEqual(whole);
    expect(await openArchiveReader({ schema: readings, store }).frontier()).toEqual(whole);
  });

  it("does not go beyond a hole until it is filled", async () => {
    const store = new MemoryStore();
    await archive(store, "log-a", [40n]);
    const name = manifestName("log-a", 10, 20);
    const hole = store.objects.get(name)!;
    store.objects.delete(name);
    const reader = openArchiveReader({ schema: readings, store });
    expect(await reader.frontier()).toEqual({ "log-a": [10n] });
    store.objects.set(name, hole);
    expect(await reader.frontier()).toEqual({ "log-a": [40n] });
  });

  it("takes a manifest that covers several blocks", async () => {
    const store = new MemoryStore();
    await archive(store, "log-a", [40n]);
    store.objects.set(manifestName("log-a", 0, 30), new Uint8Array());
    store.objects.delete(manifestName("log-a", 10, 20));
    store.objects.delete(manifestName("log-a", 20, 30));
    const reader = openArchiveReader({ schema: readings, store });
    expect(await reader.frontier()).toEqual({ "log-a": [40n] });
  });

  it("does not list again what it has listed", async () => {
    const store = new MemoryStore();
    await archive(store, "log-a", [1000n, 1000n]);
    await archive(store, "log-b", [1000n]);
    const reader = openArchiveReader({ schema: readings, store });
    await reader.frontier();
    store.listed.names = 0;
    await Promise.all([reader.frontier(), reader.frontier()]);
    expect(store.listed.names).toBeLessThanOrEqual(3);
  });

  it("gives the manifests from the base up to the cut", async () => {
    const store = new MemoryStore();
    await archive(store, "log-a", [40n, 20n]);
    await archive(store, "log-b", [10n]);
    const reader = openArchiveReader({ schema: readings, store });
    const found: Manifest[] = [];
    const cut = { "log-a": [30n, 20n], "log-b": [10n] };
    for await (const one of reader.manifests({ "log-a": [10n, 20n] }, cut)) found.push(one);
    expect(found.map(({ log, partition, start, end }) => [log, partition, start, end])).toEqual([
      ["log-a", 0, 10n, 20n],
      ["log-a", 0, 20n, 30n],
      ["log-b", 0, 0n, 10n],
    ]);
  });

  it("reads the listed files of one day, some days and all days, and no others", async () => {
    const store = new MemoryStore();
    const log = new MemoryLog({ topic: "readings", id: "log-a", partitions: 1 });
    for (const day of [20, 21, 22]) {
      log.place(0, { value: JSON.stringify(reading({ at: `2013-07-${day}T10:00:00Z` })) });
    }
    log.skipTo(0, 10n);
    await openArchiver(log, store).archiveClosed(0);
    const reader = openArchiveReader({ schema: readings, store });
    const files = await reader.check(null);
    expect(files.map(({ day, rows }) => [day, rows])).toEqual(
      [["2013-07-20", 1], ["2013-07-21", 1], ["2013-07-22", 1]],
    );
    const globOf = (days: string[] | null) => /'(readings[^']*)'/.exec(reader.relation(days))![1];
    expect(globOf(null)).toBe("readings/events/dt={2013-07-20,2013-07-21,2013-07-22}/*.parquet");
    expect(globOf(["2013-07-20", "2014-01-01"])).toBe("readings/events/dt=2013-07-20/*.parquet");
    const listed = /IN \(([^)]*)\)/.exec(reader.relation(["2013-07-20", "2013-07-21"]))![1];
    expect(listed.split(", ")).toEqual(
      files.slice(0, 2).map(({ name }) => `'${name.replace("readings/events/", "")}'`),
    );
    expect(reader.relation([])).not.toContain("readings/");
  });

  it("offers the event time once, and every other field under its name", async () => {
    const store = new MemoryStore();
    const reader = openArchiveReader({ schema: readings, store });
    await archive(store, "log-a", [10n]);
    await reader.check(null);
    const sql = reader.relation(null);
    expect(sql).toContain("event_time DateTime64(9, 'UTC'), id String, meter UInt32");
    expect(sql).toContain("partition UInt32, offset UInt64, append_time DateTime64(3, 'UTC'), raw");
    expect(sql).not.toMatch(/\bat\b/);
  });
});
