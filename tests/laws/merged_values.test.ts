import { afterAll, beforeAll, describe, expect, fc, it } from "testing";
import { decimal, defineSchema, instant, integer, string, uint32 } from "../../runtime/events.ts";
import { avg, count, definePlugin, max, min, sum, uniq } from "twofold";
import type { Derived, Plugin } from "../../runtime/plugin.ts";
import { declarationText, declaredPlugin } from "../../runtime/model/generation.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { mergerOf } from "../../runtime/serving/merged_values.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { byTier } from "../support/tier.ts";

const dir = Deno.makeTempDirSync({ prefix: "merged-values-" });
let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "merged", memoryLimitBytes: 1e9 });
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

const things = defineSchema({
  topic: "things",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "thing",
  fields: {
    id: string(),
    at: instant(),
    thing: uint32(),
    size: decimal({ scale: 3, min: -1e8, max: 1e8, nullable: true }),
    height: integer({ nullable: true }),
  },
});

type Measures = Readonly<Record<string, Derived>>;
type Derive = (measures: Measures) => Derived;

const pluginWith = (derive: Derive): Plugin =>
  definePlugin(things, {
    name: "things",
    summary: "",
    key: ({ thing }) => ({ thing }),
    measures: ({ size, height, thing }) => ({
      n: count(),
      total: sum(size),
      least: min(size),
      tallest: max(height),
      mean: avg(size),
      others: uniq(thing),
    }),
    derive: (measures) => ({ derived: derive(measures as Measures) }),
  });

/** Expressions over the measures, as authors of plugins may write them. */
const expression: fc.Arbitrary<Derive> = fc.letrec<{ any: Derive }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom("n", "total", "least", "tallest", "mean", "others").map(
      (name): Derive => (measures) => measures[name],
    ),
    fc.tuple(
      tie("any"),
      fc.constantFrom("plus" as const, "minus" as const, "times" as const, "per" as const),
      fc.oneof(tie("any"), fc.constantFrom(2, 0.5, 100, -3.25)),
    ).map(([left, operator, right]): Derive => (measures) =>
      left(measures)[operator](typeof right === "number" ? right : right(measures))
    ),
  ),
})).any;

const decimals = fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n });
const scaled = (value: bigint) => {
  const digits = String(value < 0n ? -value : value).padStart(4, "0");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}`;
};
const row = fc.record({
  n: fc.nat(1000),
  total: decimals,
  least: fc.option(decimals),
  mean_sum: decimals,
  tallest: fc.option(fc.bigInt({ min: -(2n ** 52n), max: 2n ** 52n })),
  mean_count: fc.nat(3),
  others: fc.uniqueArray(fc.nat(20), { maxLength: 5 }),
}).map(({ n, total, least, mean_sum, tallest, mean_count, others }): MeasureRow => ({
  n: String(n),
  total: scaled(total),
  least: least === null ? null : scaled(least),
  tallest: tallest === null ? null : String(tallest),
  mean_sum: scaled(mean_sum),
  mean_count: String(mean_count),
  others,
}));

/** A row as `JSONEachRow` has it. */
type MeasureRow = Readonly<Record<string, unknown>>;

/** The same by the engine. */
async function bySql(plugin: Plugin, rows: readonly MeasureRow[]) {
  const structure = plugin.measureColumns.map(({ name, sqlType }) => `${name} ${sqlType}`);
  const data = rows.map((each) => JSON.stringify(each)).join("\n");
  const merged = plugin.measureColumns.map((c) => `${c.mergeSql(c.name)} AS ${c.name}`).join(", ");
  const shown = plugin.shownColumns.map(({ name, sql }) => `${sql} AS ${name}`).join(", ");
  const [answer] = await warehouse.query(
    `SELECT ${shown} FROM (SELECT ${merged} FROM format(JSONEachRow, '${
      structure.join(", ").replaceAll("'", "\\'")
    }', {data:String})) AS merged`,
    { params: { data } },
  );
  return answer;
}

describe("laws of merging rows here", () => {
  it("it gives what the engine's SQL gives, whatever is derived", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 6 }),
        expression,
        async (rows, derived) => {
          const plugin = pluginWith(derived);
          const states = rows.map((row) => plugin.measureColumns.map((c) => c.read(row[c.name])));
          expect(mergerOf(plugin)!(states)).toEqual(await bySql(plugin, rows));
        },
      ),
      { numRuns: byTier({ quick: 25, full: 150, long: 1500 }) },
    );
  });

  it("a stored declaration is merged as well, but for derived columns of earlier builds", () => {
    const plugin = pluginWith(({ n, total }) => total.per(n));
    const rows = [["3", "1.500", null, null, "0.000", "0", []]];
    const states = rows.map((row) => plugin.measureColumns.map((c, i) => c.read(row[i])));
    const text = declarationText(plugin);
    expect(mergerOf(declaredPlugin(text)!)!(states)).toEqual(mergerOf(plugin)!(states));
    const { plugin: stored } = JSON.parse(text);
    const earlier = { format: 2, plugin: { ...stored, derive: { derived: "total / n" } } };
    const read = declaredPlugin(JSON.stringify(earlier))!;
    expect(mergerOf(read)).toBe(null);
    expect(read.shownColumns.map(({ sql }) => sql))
      .toEqual(plugin.shownColumns.map(({ sql }) => sql));
  });
});
