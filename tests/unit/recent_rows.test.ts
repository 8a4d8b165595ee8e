import { describe, expect, fc, it } from "testing";
import { uint32 } from "../../runtime/events.ts";
import { columnsOfMeasures, count, type Plugin } from "../../runtime/plugin.ts";
import type { Columns } from "../../runtime/model/columns.ts";
import type { CellSums } from "../../runtime/measures/sum_column.ts";
import type { RecentRows, TimeRange } from "../../runtime/model/recent.ts";
import { Cells } from "../../runtime/speed/cells.ts";
import type { PluginPartition } from "../../runtime/speed/plugin_partition.ts";
import { type BlockKeeper, RecentBlocks } from "../../runtime/speed/recent_blocks.ts";
import { readRecent } from "../../runtime/speed/recent_rows.ts";

const of = (kind: string) => ({ kind, field: "n" });

/** A key of every kind, a measure of every kind. */
const plugin = {
  keyColumns: [
    { name: "city", type: { kind: "string" }, sqlType: "String" },
    { name: "kind", type: { kind: "enumeration", values: ["in", "out"] }, sqlType: "Enum8" },
    { name: "paid", type: { kind: "boolean" }, sqlType: "Bool" },
    { name: "user_id", type: { kind: "uint32" }, sqlType: "UInt32" },
  ],
  ...columnsOfMeasures({
    source: { fields: { n: uint32() } } as unknown as Plugin["source"],
    measures: { count: count(), least: of("min"), most: of("max"), members: of("uniq") },
  }),
} as unknown as Plugin;

const all = { from: null, to: null };

type Key = readonly [city: string, kind: "in" | "out", paid: boolean, user: number];

/** Adds one event to a block. */
function add(cells: Cells, window: number, [city, kind, paid, user]: Key, n: number | null): void {
  const lanes = [cells.textNumber(city), kind === "in" ? 0 : 1, Number(paid), user];
  const cell = cells.touch(Uint32Array.of(window, ...lanes));
  const field = {
    field: uint32(),
    values: Uint32Array.of(n ?? 0),
    nulls: Uint8Array.of(+(n === null)),
  };
  const columns = { capacity: 1, fields: { n: field } } as unknown as Columns;
  for (const [i, column] of plugin.measureColumns.entries()) {
    column.adder(columns).add(cells.states[i], Int32Array.of(cell), 0, 1);
  }
}

const columnNames = plugin.measureColumns.map(({ name }) => name);
/** The states of a key by column. */
const statesOf = (rows: RecentRows, key: readonly (string | number)[], range: TimeRange = all) => {
  const states = rows.states(key, range);
  return states && Object.fromEntries(columnNames.map((name, i) => [name, states[i]]));
};

const partitionOf = (blocks: readonly Cells[] | null, position = 0n) =>
  ({ recent: () => blocks, position }) as unknown as PluginPartition;
const read = (...blocks: Cells[]) => readRecent(plugin, "log", [], [partitionOf(blocks)])!;
/** A key as a question has it. */
const asked = ([city, kind, paid, user]: Key) => [city, kind, String(paid), user];

const keys = fc.tuple(
  fc.constantFrom("Ulm", "Bonn", "", "Köln"),
  fc.constantFrom("in" as const, "out" as const),
  fc.boolean(),
  fc.integer({ min: 0, max: 5 }),
);

describe("rows in memory", () => {
  it("are what a key's events add up to, however they lie in blocks and windows", () => {
    const event = fc.record({
      key: keys,
      block: fc.nat(2),
      window: fc.nat(40),
      n: fc.option(fc.nat(50), { nil: null }),
    });
    const asking = fc.record({ after: fc.nat(300), key: keys, from: fc.nat(40), size: fc.nat(40) });
    fc.assert(fc.property(
      fc.array(event, { maxLength: 300 }),
      fc.array(asking, { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (events, questions, seals) => {
        const blocks = [0, 1, 2].map(() => new Cells(plugin));
        const check = ({ key, from, size }: (typeof questions)[number], seen: number) => {
          for (const range of [all, { from, to: from + size }]) {
            const of = events.slice(0, seen).filter((event) =>
              String(event.key) === String(key) && event.window >= (range.from ?? 0) &&
              event.window < (range.to ?? Infinity)
            );
            const values = of.flatMap(({ n }) => n ?? []);
            const found = statesOf(read(...blocks), asked(key), range);
            const { members, ...rest } = found ?? {};
            expect(found && rest).toEqual(
              of.length === 0 ? null : {
                count: BigInt(of.length),
                least: values.length === 0 ? null : BigInt(Math.min(...values)),
                most: values.length === 0 ? null : BigInt(Math.max(...values)),
              },
            );
            const sorted = [...members as number[] ?? []].sort((a, b) => a - b);
            expect(sorted).toEqual([...new Set(values)].sort((a, b) => a - b));
          }
        };
        events.forEach(({ block, window, key, n }, i) => {
          for (const question of questions) if (question.after === i) check(question, i);
          add(blocks[block], window, key, n);
        });
        if (seals) { for (const cells of blocks) expect(cells.seal()).toBeGreaterThanOrEqual(0); }
        for (const question of questions) check(question, events.length);
      },
    ));
  });

  it("are found among many keys", () => {
    const cells = new Cells(plugin);
    for (let user = 0; user < 5_000; user++) {
      for (const window of [10, 20]) add(cells, window, ["Ulm", "in", true, user], user);
      if (user % 1000 === 0) {
        expect(statesOf(read(cells), ["Ulm", "in", "true", user])?.count).toBe(2n);
      }
    }
    cells.seal();
    for (let user = 0; user < 5_000; user++) {
      expect(statesOf(read(cells), ["Ulm", "in", "true", user])?.count).toBe(2n);
    }
    expect(statesOf(read(cells), ["Ulm", "in", "true", 5_000])).toBe(null);
  });

  it("are summed up beyond what a float holds", () => {
    const [one, two] = [new Cells(plugin), new Cells(plugin)];
    for (const cells of [one, two]) {
      add(cells, 0, ["Ulm", "in", true, 1], null);
      (cells.states[0] as CellSums).values[0] = Number.MAX_SAFE_INTEGER;
    }
    const { count } = statesOf(read(one, two), ["Ulm", "in", "true", 1])!;
    expect(count).toBe(2n * BigInt(Number.MAX_SAFE_INTEGER));
  });

  it("tell how far they go, and are none where a partition is not in memory", () => {
    const cells = new Cells(plugin);
    const two = [partitionOf([cells], 7n), partitionOf([], 9n)];
    expect(readRecent(plugin, "log", [], two)?.frontier).toEqual({ log: [7n, 9n] });
    expect(readRecent(plugin, "log", [], [...two, null])).toBe(null);
    expect(readRecent(plugin, "log", [], [...two, partitionOf(null)])).toBe(null);
  });
});

describe("RecentBlocks", () => {
  const block = (start: bigint) => {
    const cells = new Cells(plugin);
    for (let user = 0; user < 100; user++) add(cells, 0, ["Ulm", "in", true, user], user);
    return { start, cells };
  };

  it("has room for so many bytes; the oldest go first, whichever plugin kept them", () => {
    const size = block(0n).cells.seal();
    const memory = new RecentBlocks(3.5 * size);
    const kept: { keeper: string; start: bigint }[] = [];
    const keepers = ["a", "b"].map((keeper) => {
      const own: ReturnType<typeof block>[] = [];
      const forgetOldest = () => {
        const oldest = own.shift()!;
        kept.splice(kept.findIndex((each) => each.start === oldest.start), 1);
        memory.forgotten(oldest);
      };
      const keep = (start: bigint) => {
        own.push(block(start));
        kept.push({ keeper, start });
        memory.keep(own.at(-1)!, { forgetOldest } satisfies BlockKeeper);
      };
      return { keep, forgetOldest };
    });
    for (const start of [1n, 2n, 3n]) keepers[start === 2n ? 1 : 0].keep(start);
    expect(kept.map(({ start }) => start)).toEqual([1n, 2n, 3n]);
    keepers[0].keep(4n);
    expect(kept.map(({ start }) => start)).toEqual([2n, 3n, 4n]);
    keepers[0].keep(5n);
    expect(kept.map(({ start }) => start)).toEqual([3n, 4n, 5n]);
    keepers[0].forgetOldest();
    keepers[1].keep(6n);
    expect(kept.map(({ start }) => start)).toEqual([4n, 5n, 6n]);
    expect(memory.bytes).toBeLessThanOrEqual(3.5 * size);
  });

  it("keeps nothing where there is no room", () => {
    const memory = new RecentBlocks(0);
    const closed = block(0n);
    memory.keep(closed, { forgetOldest: () => memory.forgotten(closed) });
    expect(memory.bytes).toBe(0);
  });
});
