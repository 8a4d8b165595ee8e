import { describe, expect, it } from "testing";
import { defineSchema, instant, integer, MAX_MAGNITUDE, string } from "../../runtime/events.ts";
import { fieldsOf } from "../../runtime/expressions/expression.ts";
import type { NumberExpression } from "../../runtime/expressions/typed.ts";
import { allocateColumns } from "../../runtime/model/columns.ts";
import {
  columnsOfMeasures,
  histogram,
  type Measure,
  quantile,
  quantiles,
  variance,
} from "../../runtime/plugin.ts";

const source = defineSchema({
  topic: "things",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "id",
  fields: {
    id: string(),
    at: instant(),
    size: integer({ min: -MAX_MAGNITUDE, max: MAX_MAGNITUDE }),
  },
});
const columnsOf = (measures: Readonly<Record<string, Measure>>) =>
  columnsOfMeasures({ source, measures });
const size = fieldsOf(source).size as unknown as NumberExpression;

describe("measures", () => {
  it("of the same field share one column of quantiles", () => {
    const { measureColumns, shownColumns } = columnsOf({
      median: quantile(size, 0.5),
      p: quantiles(size, [0.25, 0.999]),
    });
    expect(measureColumns.map(({ name }) => name)).toEqual(["size_quantiles"]);
    expect(shownColumns.map(({ name }) => name)).toEqual(["median", "p_p25", "p_p99_9"]);
  });

  it("refuse shares and bounds that make no sense", () => {
    expect(() => quantile(size, 1.5)).toThrow(/q must be from 0 to 1, got 1.5/);
    expect(() => quantile(size, NaN)).toThrow(/got NaN/);
    expect(() => quantiles(size, [])).toThrow(/at least one q/);
    expect(() => histogram(size, [1, 1])).toThrow(/ascending numbers, got \[1, 1\]/);
    expect(() => histogram(size, [])).toThrow(/1 to 64/);
  });

  it("refuse a field of another kind, and a kind that is unknown", () => {
    expect(() => columnsOf({ m: { kind: "quantile", field: "id" } })).toThrow(
      /measure "m": quantile takes uint32, integer, decimal, got the string "id"/,
    );
    expect(() => columnsOf({ m: { kind: "mode", field: "size" } })).toThrow(
      /mode is no kind of measure/,
    );
  });

  it("sum the squares of the largest block exactly", () => {
    const rows = 65_536;
    const columns = allocateColumns(source, rows);
    const cellOf = new Int32Array(rows);
    for (const value of [MAX_MAGNITUDE, -MAX_MAGNITUDE + 1, 2 ** 19 - 1]) {
      (columns.fields.size.values as Float64Array).fill(value);
      const squares = columnsOf({ v: variance(size) }).measureColumns[2];
      const states = squares.allocate(1);
      squares.adder(columns).add(states, cellOf, 0, rows);
      expect(states.of(0)).toBe(BigInt(rows) * BigInt(value) ** 2n);
    }
  });
});
