import { afterAll, beforeAll, describe, expect, fc, it } from "testing";
import { RecordKind } from "../../runtime/ports/ports.ts";
import { reading } from "../support/archive_world.ts";
import { CompactionWorld, openCompactionLab, sizes } from "../support/compaction_world.ts";
import { byTier } from "../support/tier.ts";

const runs = byTier({ quick: 3, full: 13, long: 100 });

/** What comes next in the log. */
type Entry =
  | { kind: "event"; day: number; level: number | null; state: string; note: string | null }
  | { kind: "garbage" }
  | { kind: "tick" }
  | { kind: "gap"; offsets: number };

/** One step of the world. */
type Step =
  | { step: "append"; partition: number; entries: Entry[]; archive: boolean }
  | { step: "grace" | "check" }
  | { step: "compact" | "collect" | "hold"; which: 0 | 1 }
  | { step: "crash"; which: 0 | 1; after: number; what: "compactOnce" | "collectGarbage" };

const is = <K extends string>(value: K) => fc.constant(value);
const which = fc.constantFrom<(0 | 1)[]>(0, 1);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: is("event"),
      // Mostly today; late events of a few days.
      day: fc.oneof(fc.constant(20), fc.integer({ min: 17, max: 20 })),
      level: fc.option(fc.integer({ min: -99_999, max: 99_999 })),
      state: fc.constantFrom("it's on", "off", "unknown"),
      note: fc.option(fc.string({ unit: "grapheme", maxLength: 4 })),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Entry>({ kind: "garbage" }, { kind: "tick" }) },
  { weight: 1, arbitrary: fc.record({ kind: is("gap"), offsets: fc.integer({ min: 1, max: 9 }) }) },
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        step: is("append"),
        partition: fc.nat(1),
        entries: fc.array(entry, { minLength: 2, maxLength: 20, size: "max" }),
        archive: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: fc.record({ step: is("compact"), which }) },
    { weight: 2, arbitrary: fc.record({ step: is("grace") }) },
    { weight: 3, arbitrary: fc.record({ step: is("hold"), which }) },
    { weight: 3, arbitrary: fc.record({ step: is("collect"), which }) },
    {
      weight: 5,
      arbitrary: fc.record({
        step: is("crash"),
        which,
        after: fc.nat(4),
        what: fc.constantFrom("compactOnce", "collectGarbage"),
      }),
    },
    { weight: 3, arbitrary: fc.record({ step: is("check") }) },
  ),
  { minLength: 8, maxLength: 30, size: "max" },
);

/** A world, and what its log says that the archive has to hold. */
class Story {
  readonly #events: { id: string; partition: number; offset: bigint; day: number }[] = [];
  /** All rows as they were first read. */
  readonly #seen = new Map<string, string>();

  constructor(readonly world: CompactionWorld) {}

  async play(step: Step): Promise<void> {
    const { world } = this;
    switch (step.step) {
      case "append":
        for (const entry of step.entries) this.#put(step.partition, entry);
        return step.archive ? await world.archive() : undefined;
      case "compact":
        return void await world.living(step.which).compactOnce();
      case "crash":
        await world.crash(step.which, step.after, step.what);
        // The other one finds what was left.
        return void await world.living(1 - step.which as 0 | 1)[step.what]();
      case "collect":
        return void await world.living(step.which).collectGarbage();
      case "grace":
        return world.passGrace();
      case "hold":
        return await this.#hold(step.which);
      case "check":
        return await this.check();
    }
  }

  #put(partition: number, entry: Entry): void {
    const { log } = this.world;
    const offset = log.endOf(partition);
    if (entry.kind === "gap") log.skipTo(partition, offset + BigInt(entry.offsets));
    else if (entry.kind === "tick") log.place(partition, { kind: RecordKind.tick });
    else if (entry.kind === "garbage") log.place(partition, { value: "{" });
    else {
      const id = `e-${this.#events.length}`;
      const { day, level, state, note } = entry;
      const at = `2013-07-${day}T10:00:00.${String(999_999_999 - this.#events.length)}Z`;
      const fields = { id, at, state, note, level_or_null: level === null ? null : level / 100 };
      log.place(partition, { value: JSON.stringify(reading(fields)) });
      this.#events.push({ id, partition, offset, day });
    }
  }

  /** A statement that was made before something is compacted gives the same rows for a while. */
  async #hold(which: 0 | 1): Promise<void> {
    const { world } = this;
    const reader = world.reader();
    const ends = (await reader.frontier())["log-a"] ?? [];
    await reader.check(null);
    const relation = reader.relation(null);
    const rows = await world.rowsBelow(relation, ends);
    await world.living(which).compactOnce();
    await world.living(which).collectGarbage();
    expect(await world.rowsBelow(relation, ends)).toEqual(rows);
  }

  /** Every archived event once, with the values that it had when it was first read. */
  async check(): Promise<void> {
    const { world } = this;
    const reader = world.reader();
    const cut = await reader.frontier();
    const ends = cut["log-a"] ?? [];
    const archived = this.#events.filter(({ partition, offset }) =>
      offset < (ends[partition] ?? 0n)
    ).sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
    const rows = await world.rows(reader);
    expect(rows.map((row) => /"(e-\d+)"/.exec(row)![1])).toEqual(archived.map(({ id }) => id));
    for (const [i, { id }] of archived.entries()) {
      expect(rows[i]).toBe(this.#seen.get(id) ?? rows[i]);
      this.#seen.set(id, rows[i]);
    }
    const onDay = await world.rows(reader, ["2013-07-18", "2013-07-20"]);
    expect(onDay).toEqual(rows.filter((_, i) => [18, 20].includes(archived[i].day)));
    const days = new Set<string>();
    for await (const { files } of reader.manifests({}, cut)) {
      for (const { day } of files) days.add(day);
    }
    for (const { day } of archived) expect(days.has(`2013-07-${day}`)).toBe(true);
    expect(days.size).toBe(new Set(archived.map(({ day }) => day)).size);
  }
}

describe("Compaction laws", () => {
  let lab: Awaited<ReturnType<typeof openCompactionLab>>;
  let cases = 0;
  beforeAll(async () => {
    lab = await openCompactionLab();
  });
  afterAll(() => lab.close());

  it("a reader finds every archived event once, whichever process compacts, dies or cleans up", async () => {
    await fc.assert(
      fc.asyncProperty(steps, sizes, async (steps, sizes) => {
        const dir = `${lab.dir}/case${++cases}`;
        const story = new Story(await CompactionWorld.open(lab.warehouse, dir));
        story.world.sizes = sizes;
        for (const step of steps) await story.play(step);
        await story.world.archive();
        while (await story.world.living(0).compactOnce() > 0);
        await story.check();
        await Deno.remove(dir, { recursive: true });
      }),
      { numRuns: runs },
    );
  });
});
