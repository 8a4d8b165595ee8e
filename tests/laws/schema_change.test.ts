import { afterAll, beforeAll, describe, expect, fc, it } from "testing";
import { allocateColumns } from "../../runtime/model/columns.ts";
import { defineSchema } from "../../runtime/events.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { RecordSource } from "../../runtime/speed/record_source.ts";
import { readings } from "../support/archive_world.ts";
import { CompactionWorld, openRedecodingLab, sizes } from "../support/compaction_world.ts";
import { readAll } from "../support/archived_reading.ts";
import { type Entry, entry, valueOf } from "../support/reading_entries.ts";
import { middle, narrow, SchemaChangeWorld } from "../support/schema_change_world.ts";
import { byTier } from "../support/tier.ts";

/** A record that the new schema refuses by a field that it declares, one that comes twice, a long one. */
type Odd = { kind: "wrong" } | { kind: "again"; back: number } | { kind: "long" };
const odd: fc.Arbitrary<Odd> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Odd>({ kind: "wrong" }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("again" as const), back: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant<Odd>({ kind: "long" }) },
);
const put = fc.record({
  partition: fc.nat(1),
  entry: fc.oneof({ weight: 9, arbitrary: entry }, { weight: 2, arbitrary: odd }),
});
const puts = fc.array(put, { minLength: 3, maxLength: 40, size: "max" });
const compactions = fc.array(fc.boolean(), { maxLength: 2 });
const kills = fc.array(fc.nat(12), { maxLength: 3 });

const cases = fc.record({
  before: puts,
  after: puts,
  compactions: fc.record({ before: compactions, after: compactions }),
  kills,
  /** Whether an earlier build began the archive, which claimed no decoding. */
  unclaimed: fc.boolean(),
  /** Whether what the decodings before left is removed at the end. */
  collects: fc.boolean(),
  /** A change on the way: decoded again completely, left unfinished, or none. */
  between: fc.constantFrom("complete", "unfinished", "none"),
  sizes,
  sliceOffsets: fc.constantFrom(5, 40, 65_536),
  /** Where the log begins at the end, in hundredths of what is archived. */
  trimmed: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 100 })),
});

/** The same schema, by which the archive of an earlier build is decoded again. */
const raised = defineSchema({ ...readings, version: readings.version + 1 });

const LONG = JSON.stringify({ id: "long", note: "x".repeat(1 << 20) });

function place(
  world: CompactionWorld,
  list: readonly { partition: number; entry: Entry | Odd }[],
) {
  const { log } = world;
  const values: (string | Uint8Array)[] = [];
  for (const [index, { partition, entry }] of list.entries()) {
    log.nowMs += index % 7;
    if (entry.kind === "tick") log.place(partition, { kind: 1 });
    else if (entry.kind === "gap") {
      log.skipTo(partition, log.endOf(partition) + BigInt(entry.offsets));
    } else {
      const value = entry.kind === "again"
        ? values.at(-1 - entry.back) ?? "none"
        : entry.kind === "long"
        ? LONG
        : entry.kind === "wrong"
        ? JSON.stringify({ ...JSON.parse(String(SOUND)), id: `w${index}`, note: index })
        : valueOf(entry, index);
      values.push(value);
      log.place(partition, { value });
    }
  }
}

const SOUND = JSON.stringify({
  id: "r-1",
  at: "2013-07-20T10:00:00Z",
  meter: 7,
  count: 1,
  level: 1.5,
  state: "off",
  good: true,
});

describe("a schema that changes", () => {
  let lab: Awaited<ReturnType<typeof openRedecodingLab>>;
  let count = 0;
  beforeAll(async () => {
    lab = await openRedecodingLab();
  });
  afterAll(() => lab.close());
  const openWorld = () => CompactionWorld.open(lab.warehouse, `${lab.dir}/case${++count}`);

  it("gives both layers the records that a schema that always was so gives", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (of) => {
        const world = await openWorld();
        world.sizes = of.sizes;
        const changing = new SchemaChangeWorld(world);
        await changing.open(narrow, !of.unclaimed);
        place(world, of.before);
        await changing.archive();
        for (const removes of of.compactions.before) await changing.compact(removes);
        if (of.between !== "none") {
          await changing.open(middle);
          await changing.redecode(of.between === "unfinished" ? 3 : Infinity);
        }
        await changing.open(readings);
        if (of.unclaimed) await changing.open(raised);
        for (const after of of.kills) await changing.redecode(after);
        await changing.redecode();
        place(world, of.after);
        await changing.archive();
        for (const removes of of.compactions.after) await changing.compact(removes);
        if (of.collects) await changing.collect();

        const always = new SchemaChangeWorld(await openWorld());
        Object.assign(always.world, { log: world.log });
        await always.open(readings);
        await always.archive();
        expect(await changing.reader().frontier()).toEqual(await always.reader().frontier());
        expect(await changing.rows()).toEqual(await always.rows());
        expect(await changing.faults()).toEqual([]);

        const columns = allocateColumns(readings, 7);
        for (const partition of [0, 1]) {
          const { log } = world;
          const whole = new RecordSource({ log, partition, decoder: createDecoder(readings) });
          const wanted = await readAll(whole, 0n, columns, partition);
          const archived = (await changing.reader().frontier())[log.id]?.[partition] ?? 0n;
          await log.trim(partition, archived * BigInt(of.trimmed) / 100n);
          const source = changing.source(partition, { sliceOffsets: of.sliceOffsets });
          const from = await source.heldFrom(0n);
          expect(from).toBe(0n);
          const found = await readAll(source, from, columns, partition);
          expect(found.records).toEqual(wanted.records);
        }
      }),
      {
        numRuns: byTier({ quick: 4, full: 15, long: 100 }),
        endOnFailure: !!Deno.env.get("NOSHRINK"),
      },
    );
  });
});
