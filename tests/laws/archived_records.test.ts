import { afterAll, beforeAll, describe, expect, fc, it } from "testing";
import { openArchivedRecords } from "../../runtime/archive/archived_records.ts";
import { allocateColumns } from "../../runtime/model/columns.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { hashIdentity } from "../../runtime/decode/identity.ts";
import { RecordSource, type TrimmedRange } from "../../runtime/speed/record_source.ts";
import { readings } from "../support/archive_world.ts";
import { readAll } from "../support/archived_reading.ts";
import { CompactionWorld, openCompactionLab, sizes } from "../support/compaction_world.ts";
import { entry, place } from "../support/reading_entries.ts";
import { byTier } from "../support/tier.ts";

const cases = fc.record({
  entries: fc.array(entry, { minLength: 5, maxLength: 60, size: "max" }),
  /** Compactions, each with or without the removal of what it replaced. */
  compactions: fc.array(fc.boolean(), { maxLength: 3 }),
  capacity: fc.integer({ min: 1, max: 9 }),
  /** How large the parts of blocks are, and how much of them is fetched at once. */
  sizes,
  slice: fc.record({
    sliceOffsets: fc.constantFrom(5, 40, 65_536),
    sliceBytes: fc.constantFrom(60, 1_000_000, 1_000_000),
  }),
  /** Where the log begins, in hundredths of what is archived, and reading, in hundredths of that. */
  trimmed: fc.oneof(fc.constant(100), fc.integer({ min: 0, max: 100 })),
  from: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 100 })),
});

function sourceOf(
  world: CompactionWorld,
  slice: { sliceOffsets: number; sliceBytes: number },
  told: TrimmedRange[] = [],
): RecordSource {
  const { log, inner: store, warehouse } = world;
  return new RecordSource({
    log,
    partition: 0,
    decoder: createDecoder(readings),
    archived: openArchivedRecords({
      schema: readings,
      store,
      warehouse,
      logId: log.id,
      hashIdentity,
      ...slice,
    }),
    onTrimmed: (range) => told.push(range),
  });
}

describe("ArchivedRecords laws", () => {
  let lab: Awaited<ReturnType<typeof openCompactionLab>>;
  let count = 0;
  beforeAll(async () => {
    lab = await openCompactionLab();
  });
  afterAll(() => lab.close());
  const openWorld = () => CompactionWorld.open(lab.warehouse, `${lab.dir}/case${++count}`);

  it("a trimmed log and the archive give the records of the whole log, from wherever one reads", async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        async ({ entries, compactions, capacity, sizes, slice, ...parts }) => {
          const world = await openWorld();
          world.sizes = sizes;
          for (const [index, each] of entries.entries()) await place(world.log, each, index);
          await world.archive();
          for (const removes of compactions) {
            await world.compactor({ maxRows: 6 }).compactOnce();
            if (!removes) continue;
            const collector = world.compactor();
            await collector.collectGarbage();
            world.passGrace();
            await collector.collectGarbage();
          }
          const archived = (await world.reader().frontier())[world.log.id]?.[0] ?? 0n;
          const trimmed = archived * BigInt(parts.trimmed) / 100n;
          const from = trimmed * BigInt(parts.from) / 100n;
          const columns = allocateColumns(readings, capacity);
          const wanted = await readAll(sourceOf(world, slice), from, columns);

          await world.log.trim(0, trimmed);
          const told: TrimmedRange[] = [];
          const found = await readAll(sourceOf(world, slice, told), from, columns);
          expect(found.records).toEqual(wanted.records);
          expect(found.ends.at(-1)).toBe(wanted.ends.at(-1));
          const passed = from === trimmed ? [] : [{ from, to: trimmed, archived: true }];
          expect(told).toEqual(passed);
          // The log takes over at its first offset, whatever chunk that cuts short.
          if (from < trimmed) expect(found.ends).toContain(trimmed);
        },
      ),
      { numRuns: byTier({ quick: 5, full: 40, long: 400 }) },
    );
  });
});
