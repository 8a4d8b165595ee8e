import { describe, expect, it } from "testing";
import type { KeyColumn } from "../../runtime/plugin.ts";
import { partParameters } from "../../runtime/serving/metric_parts.ts";
import { readMetricQuery } from "../../runtime/serving/metric_query.ts";
import { served } from "../support/serving_world.ts";

describe("the parameters of a statement", () => {
  it("have keys of truth values as rows and as questions give them", () => {
    const tables = served.ratings;
    const query = readMetricQuery(tables.plugin, { keys: {} }, 10);
    const column = { name: "ok", type: { kind: "boolean" }, sqlType: "Bool" } as KeyColumn;
    const keys = [[true], [false], ["true"], ["false"]] as unknown as string[][];
    const anyOf = { columns: [column], keys };
    const input = { tables, logId: "l", run: null, cut: [], query: { ...query, anyOf } };
    expect(partParameters(input).any_ok).toEqual([true, false, true, false]);
  });
});
