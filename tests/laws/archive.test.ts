import { afterAll, describe, expect, fc, it } from "testing";
import { sha256 } from "../../runtime/archive/manifest.ts";
import { openArchiveReader } from "../../runtime/archive/archive_reader.ts";
import { PART_BYTES } from "../../runtime/archive/open_block.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { ThreadedEncoder } from "../../runtime/archive/threaded_encoder.ts";
import type { EventLog } from "../../runtime/ports/ports.ts";
import { MemoryStore, openArchiver, parquetRows, readings } from "../support/archive_world.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { type Entry, entry, eventOf, instantText, place } from "../support/reading_entries.ts";
import { byTier } from "../support/tier.ts";

/** What happens between two entries. */
type Step = "nothing" | "archive" | "restart" | "crash";

const step: fc.Arbitrary<Step> = fc.constantFrom(
  "nothing",
  "nothing",
  "archive",
  "restart",
  "crash",
);

const schedule = fc.record({
  blockSize: fc.integer({ min: 1, max: 12 }),
  maxRecords: fc.integer({ min: 1, max: 9 }),
  // An event takes 150 to 400 bytes: blocks of one part, of some, and a part for each record.
  partBytes: fc.constantFrom(PART_BYTES, 1000, 100),
  entries: fc.array(fc.tuple(entry, step), { maxLength: 60 }),
});

const encoder = new ThreadedEncoder(systemClock);
afterAll(() => encoder.close());

/** The same log, read a few records at a time. */
function inSmallReads(log: MemoryLog, maxRecords: number): EventLog {
  return new Proxy<EventLog>(log, {
    get(_, name: keyof EventLog) {
      if (name === "read") {
        return (partition: number, from: bigint) => log.read(partition, from, { maxRecords });
      }
      const member: unknown = log[name];
      return typeof member === "function" ? member.bind(log) : member;
    },
  });
}

/** What of the archive a row came from, as far as the law compares it. */
function rowOf(entry: Entry & { kind: "event" }, index: number): Record<string, unknown> {
  const event = eventOf(entry, index);
  const { at: _at, unknown, ...declared } = event;
  const big = (value: unknown) => value === null ? null : BigInt(value as number);
  return {
    ...declared,
    count: big(declared.count),
    count_or_null: big(declared.count_or_null),
    ...scaledLevels(declared),
    event_time: entry.nanoseconds,
    raw: unknown === undefined ? "" : JSON.stringify(event),
  };
}

/** Decimals as scaled whole numbers: the Parquet reader of this test multiplies as floats. */
function scaledLevels({ level, level_or_null }: Record<string, unknown>) {
  return {
    level: Math.round(level as number * 1000),
    level_or_null: level_or_null === null ? null : Math.round(level_or_null as number * 100),
  };
}

describe("Archive laws", () => {
  it("the archive holds the log's records below its frontier, each exactly once", async () => {
    await fc.assert(
      fc.asyncProperty(schedule, async ({ blockSize, maxRecords, partBytes, entries }) => {
        const log = new MemoryLog({ topic: "readings", partitions: 1 });
        const store = new MemoryStore();
        const events = new Map<bigint, Record<string, unknown>>();
        const garbage: bigint[] = [];
        for (const [index, [entry]] of entries.entries()) {
          const { end } = await log.bounds(0);
          await place(log, entry, index);
          if (entry.kind === "event") events.set(end, rowOf(entry, index));
          if (entry.kind === "garbage") garbage.push(end);
        }
        const source = inSmallReads(log, maxRecords);
        const archived = await openArchiver(source, store, { blockSize, partBytes }).archiveClosed(
          0,
        );
        const { end } = await log.bounds(0);
        expect(end - archived).toBeLessThan(BigInt(blockSize));

        const expected = [...events].filter(([offset]) => offset < archived);
        const found: [bigint, Record<string, unknown>][] = [];
        const reader = openArchiveReader({ schema: readings, store });
        const cut = await reader.frontier();
        expect(cut).toEqual(archived === 0n ? {} : { "memory-1": [archived] });
        let position = 0n;
        for await (const manifest of reader.manifests({}, cut)) {
          expect(manifest.start).toBe(position);
          position = manifest.end;
          for (const file of manifest.files) {
            const bytes = store.objects.get(file.name)!;
            expect([bytes.length, sha256(bytes)]).toEqual([file.sizeBytes, file.sha256]);
            const rows = await parquetRows(bytes);
            expect(rows.length).toBe(file.rows);
            let before: [bigint, bigint] = [-1n, -1n];
            for (const { offset, log, partition, append_time: _append, ...row } of rows) {
              const at = row.event_time as bigint;
              expect(instantText(at).slice(0, 10)).toBe(file.day);
              expect([log, partition]).toEqual(["memory-1", 0]);
              const here: [bigint, bigint] = [at, offset as bigint];
              expect(here[0] > before[0] || (here[0] === before[0] && here[1] > before[1])).toBe(
                true,
              );
              before = here;
              found.push([offset as bigint, { ...row, ...scaledLevels(row) }]);
            }
          }
        }
        expect(position).toBe(archived);
        found.sort(([a], [b]) => a < b ? -1 : 1);
        expect(found).toEqual(expected);

        const letters: bigint[] = [];
        for (const name of store.names("readings/dead_letters/")) {
          const rows = await parquetRows(store.objects.get(name)!);
          letters.push(...rows.map(({ offset }) => offset as bigint));
        }
        // Parts of the open block are there, and without a manifest nobody reads them.
        for (const offset of letters.splice(letters.findIndex((at) => at >= archived) >>> 0)) {
          expect(partBytes).toBeLessThan(PART_BYTES);
          expect(garbage).toContain(offset);
        }
        expect(letters).toEqual(garbage.filter((offset) => offset < archived));
      }),
      { numRuns: byTier({ quick: 25, full: 150, long: 1500 }) },
    );
  });

  it("any schedule of stops, restarts and failing writes gives the same bytes, whichever thread encodes", async () => {
    await fc.assert(
      fc.asyncProperty(
        schedule,
        fc.nat(),
        async ({ blockSize, maxRecords, partBytes, entries }, seed) => {
          const log = new MemoryLog({ topic: "readings", partitions: 1 });
          const [store, atOnce] = [new MemoryStore(), new MemoryStore()];
          const open = () =>
            openArchiver(inSmallReads(log, maxRecords), store, {
              blockSize,
              partBytes,
              encodePart: (topic, part) => encoder.encode(topic, part),
            });
          let archiver = open();
          for (const [index, [entry, step]] of entries.entries()) {
            await place(log, entry, index);
            if (step === "nothing") continue;
            if (step === "restart") archiver = open();
            let left = step === "crash" ? (seed + index) % 5 : Infinity;
            store.failsPut = () => left-- <= 0;
            await archiver.archiveClosed(0).catch(() => {});
          }
          store.failsPut = () => false;
          await archiver.archiveClosed(0);
          await openArchiver(log, atOnce, { blockSize, partBytes }).archiveClosed(0);
          const hashes = ({ objects }: MemoryStore) =>
            [...objects].map(([name, bytes]) => `${name} ${sha256(bytes)}`).sort();
          expect(hashes(store)).toEqual(hashes(atOnce));
        },
      ),
      { numRuns: byTier({ quick: 25, full: 150, long: 1500 }) },
    );
  });
});
