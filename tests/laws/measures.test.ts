import { afterAll, beforeAll, describe, expect, it } from "testing";
import { measureKinds } from "../../runtime/measures/measures.ts";
import { columnsOfMeasures } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { isAllowedFunction } from "../../runtime/sql/sql_functions.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { MeasureLaw } from "../support/measure_law.ts";
import { makeMutant } from "../support/parity/engine_modules.ts";
import { byTier } from "../support/tier.ts";

const runs = byTier({ quick: 3, full: 7, long: 50 });
const dir = Deno.makeTempDirSync({ prefix: "measures-" });
let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "measures", memoryLimitBytes: 1e9 });
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

/** By measure, a line that makes it wrong. */
const mutants: readonly (readonly [
  name: string,
  kind: string,
  file: string,
  find: string,
  replace: string,
])[] = [
  [
    "a count of null values",
    "avg",
    "avg.ts",
    "cellOf[row] >= 0 && nulls[row] === 0",
    "cellOf[row] >= 0",
  ],
  ["a least value of 0 where there is none", "min", "extreme_column.ts", "`${of}OrNull`", "of"],
  [
    "a greatest value that is kept",
    "max",
    "max.ts",
    "!(values[cell] >= from[row])",
    "values[cell] !== values[cell]",
  ],
  [
    "codes of an enumeration from 0 on",
    "uniq",
    "uniq.ts",
    "writer.u8(number + 1)",
    "writer.u8(number)",
  ],
  ["sets that are appended", "uniq", "uniq.ts", "[...new Set(states.flat())]", "states.flat()"],
  [
    "sums of the last part",
    "sum",
    "sum_column.ts",
    "whole += BigInt(value)",
    "whole = BigInt(value)",
  ],
  [
    "quantiles one rank too low",
    "quantile",
    "quantile.ts",
    "(below += count) > index",
    "(below += count) >= index",
  ],
  [
    "squares without their middle",
    "variance",
    "variance.ts",
    "middle[cell] += a * b",
    "middle[cell] += a",
  ],
  [
    "a histogram whose bounds are exclusive",
    "histogram",
    "histogram.ts",
    "of[row] >= from",
    "of[row] > from",
  ],
  ["ranks of the highest bit", "approxUniq", "approx_uniq.ts", "rest & -rest", "rest"],
  [
    "buckets that lose the sign",
    "quantile",
    "bucket_column.ts",
    "-(words[1] >>> 14)",
    "words[1] >>> 14",
  ],
  [
    "sessions that end with the last one to begin",
    "sessions",
    "sessions.ts",
    "last[1] = Math.max(last[1], end);",
    "last[1] = end;",
  ],
  [
    "sessions that a gap of exactly its length divides",
    "sessions",
    "sessions.ts",
    "(_i.2 + ${gapMs}, 1, 0)",
    "(_i.2 + ${gapMs}, -1, 0)",
  ],
  [
    "late events that belong to the newest session",
    "sessions",
    "sessions.ts",
    "else if (ms >= last[0])",
    "else if (ms >= 0)",
  ],
  [
    "sessions of events that do not meet the condition",
    "sessionsIf",
    "sessions.ts",
    "counts.values[row] !== 1",
    "counts.values[row] === 2",
  ],
  [
    "nanoseconds that decide nothing",
    "first",
    "ordered_column.ts",
    "a.ns - b.ns || compareBytes",
    "compareBytes",
  ],
  [
    "ids in the order of UTF-16",
    "last",
    "ordered_column.ts",
    "compareBytes(a.id, b.id)",
    "(decoder.decode(a.id) < decoder.decode(b.id) ? -1 : 1)",
  ],
  [
    "a longer id over the id of the next cell",
    "first",
    "cell_texts.ts",
    "text.length > this.#lengths[cell]",
    "this.#lengths[cell] === 0",
  ],
  [
    "repeats of which any is the first",
    "first",
    "ordered_column.ts",
    "? a.value - Number(b.value)",
    "? 0",
  ],
  [
    "a last event without a value",
    "last",
    "ordered_column.ts",
    "cell < 0 || nulls[row] === 1",
    "cell < 0",
  ],
  [
    "a first value of 0 where there is none",
    "first",
    "ordered_column.ts",
    "toNullable(${fieldSql})",
    "${fieldSql}",
  ],
];

describe("the law of measures fails on", () => {
  it.each(mutants)("%s", async (name, kind, file, find, replace) => {
    const patch = { file: `runtime/measures/${file}`, find, replace };
    const base = await makeMutant(`measures-${name.replaceAll(" ", "-")}`, [patch]);
    const at = (path: string) => import(new URL(`runtime/${path}`, base).href);
    const modules = { ...await at("measures/measures.ts"), ...await at("plugin.ts") };
    const law = new MeasureLaw(warehouse, modules, [kind]);
    await expect(law.check({ numRuns: 100, endOnFailure: true })).rejects.toThrow(
      "Property failed",
    );
  });
});

describe("laws of measures", () => {
  it.each(Object.keys(measureKinds))(
    "any split of events, merged in any order, is SQL over all of them: %s",
    async (kind) => {
      const law = new MeasureLaw(warehouse, { measureKinds, columnsOfMeasures }, [kind]);
      await law.check({ numRuns: runs });
      expect(law.measures.length).toBeGreaterThan(0);
    },
  );

  it("generated batch SQL calls functions that batch SQL may call", () => {
    const functions = new MeasureLaw(warehouse, { measureKinds, columnsOfMeasures }).functions();
    // Brackets after the operator AND are no call.
    const refused = [...functions].filter((name) => name !== "AND" && !isAllowedFunction(name));
    expect(functions.size).toBeGreaterThan(10);
    expect(refused).toEqual([]);
  });
});
