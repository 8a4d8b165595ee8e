/** Measures the embedded warehouse: `deno run -A bench/warehouse.ts`. */
import { openEmbeddedWarehouse } from "../runtime/warehouse/embedded_warehouse.ts";

const ROW_BYTES = 32;
const dir = await Deno.makeTempDir({ prefix: "bench-" });
const warehouse = await openEmbeddedWarehouse({ dir, database: "bench" });
await warehouse.command(`
  CREATE TABLE speed (start DateTime64(3, 'UTC'), key UInt32, partition UInt32, version UInt64, n UInt64)
  ENGINE = ReplacingMergeTree(version) ORDER BY (start, key, partition)`);

for (const rows of [1_000, 10_000, 300_000, 1_000_000]) {
  const bytes = speedRows(rows);
  const ms = await medianMs(7, () => warehouse.insert("speed", bytes));
  console.log(`insert ${rows} rows: ${ms.toFixed(1)} ms, ${(rows / ms / 1e3).toFixed(2)} M rows/s`);
}
const queries: Record<string, () => Promise<unknown>> = {
  "SELECT 1": () => warehouse.query("SELECT 1"),
  "SELECT of a parameter": () => warehouse.query("SELECT {n:UInt64}", { params: { n: 1 } }),
  "SELECT 1 with settings": () =>
    warehouse.query("SELECT 1", { settings: { max_block_size: 1e3 } }),
  "one window FINAL": () =>
    warehouse.query("SELECT sum(n) FROM speed FINAL WHERE start = {s:DateTime64(3)}", {
      params: { s: 1.7e12 },
    }),
  "200000 rows as objects": () => warehouse.query("SELECT number FROM numbers(200000)"),
};
for (const [name, query] of Object.entries(queries)) {
  console.log(`${name}: ${(await medianMs(51, query)).toFixed(2)} ms`);
}
await warehouse.close();
await Deno.remove(dir, { recursive: true });

/** Rows of the table above in RowBinary: 256 keys in each window of 10 s. */
function speedRows(count: number): Uint8Array {
  const bytes = new Uint8Array(count * ROW_BYTES);
  const view = new DataView(bytes.buffer);
  for (let row = 0, at = 0; row < count; row++, at += ROW_BYTES) {
    view.setBigInt64(at, BigInt(1.7e12 + (row >> 8) * 10_000), true);
    view.setUint32(at + 8, row & 255, true);
    view.setBigUint64(at + 16, BigInt(row), true);
    view.setBigUint64(at + 24, 1n, true);
  }
  return bytes;
}

async function medianMs(times: number, action: () => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let time = 0; time < times; time++) {
    const start = performance.now();
    await action();
    took.push(performance.now() - start);
  }
  return took.sort((a, b) => a - b)[times >> 1];
}
