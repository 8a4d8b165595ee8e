import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { warehouseConformance } from "./warehouse_suite.ts";

// One process opens one folder: the cases have databases of their own in it.
const dir = Deno.makeTempDirSync({ prefix: "warehouse-" });
const memoryLimitBytes = 2_000_000_000;
let root: Warehouse;

beforeAll(async () => {
  root = await openEmbeddedWarehouse({ dir, database: "root", memoryLimitBytes });
});
afterAll(async () => {
  await root.close();
  await Deno.remove(dir, { recursive: true });
});

warehouseConformance(
  "embedded",
  (database, options) => openEmbeddedWarehouse({ dir, database, memoryLimitBytes, ...options }),
);

describe("openEmbeddedWarehouse()", () => {
  it("refuses a second folder and names the first", async () => {
    const other = await Deno.makeTempDir();
    await expect(openEmbeddedWarehouse({ dir: other, database: "x" })).rejects
      .toThrow(`this process has "${dir}" open`);
  });
  it("refuses a folder that another process has open", async () => {
    const url = new URL("../../runtime/warehouse/embedded_warehouse.ts", import.meta.url);
    const code = `const { openEmbeddedWarehouse } = await import("${url}");
      await openEmbeddedWarehouse({ dir: "${dir}", database: "x" }).catch((e) => console.log(e.message));`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", code],
      cwd: new URL("../..", import.meta.url),
      stdin: "null",
    });
    const { stdout, code: exit } = await child.output();
    expect(new TextDecoder().decode(stdout)).toMatch(/engine refused the folder; another process/);
    expect(exit).toBe(0);
  });
  it("refuses a library that is not there, naming it", async () => {
    const libraryPath = "/nowhere/libchdb.so";
    await expect(openEmbeddedWarehouse({ dir, database: "x", libraryPath })).rejects
      .toThrow('Cannot load the ClickHouse library "/nowhere/libchdb.so"');
  });
  it("refuses a database's name that is not one", async () => {
    await expect(openEmbeddedWarehouse({ dir, database: "x; DROP DATABASE y" })).rejects
      .toThrow('got "x; DROP DATABASE y"');
  });
  it("keeps an aggregation within its memory by spilling", async () => {
    const warehouse = await openEmbeddedWarehouse({
      dir,
      database: "spill",
      memoryLimitBytes: 500_000_000,
      spillBytes: 50_000_000,
    });
    const [row] = await warehouse.query(
      "SELECT count() AS n FROM (SELECT number % 6000000 AS k FROM numbers(6000000) GROUP BY k)",
    );
    expect(row.n).toBe(6_000_000);
    await warehouse.close();
  });
});
