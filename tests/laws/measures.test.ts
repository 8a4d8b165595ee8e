import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { measureKinds } from "../../runtime/measures/measures.ts";
import { columnsOfMeasures } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { MeasureLaw } from "../support/measure_law.ts";

const runs = Math.ceil(Number(process.env.TWOFOLD_LAW_RUNS ?? 25) / 2);
const dir = Deno.makeTempDirSync({ prefix: "measures-" });
let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "measures", memoryLimitBytes: 1e9 });
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

describe("laws of measures", () => {
  it("any split of events, merged in any order, is SQL over all of them", async () => {
    const law = new MeasureLaw(warehouse, { measureKinds, columnsOfMeasures });
    await law.check({ numRuns: runs });
    expect(law.measures.length).toBeGreaterThanOrEqual(Object.keys(measureKinds).length);
  });
});
