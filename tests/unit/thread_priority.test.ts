import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";

const dir = Deno.makeTempDirSync({ prefix: "thread-priority-" });
let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "threads", memoryLimitBytes: 1e9 });
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

/** The nice values of threads, each once. */
function niceOf(threads: readonly number[]): number[] {
  const PRIO_PROCESS = 0;
  const libc = Deno.dlopen("libc.so.6", {
    getpriority: { parameters: ["i32", "u32"], result: "i32" },
  });
  const values = threads.map((id) => libc.symbols.getpriority(PRIO_PROCESS, id));
  libc.close();
  return [...new Set(values)];
}

async function threadsOf(...names: string[]): Promise<number[]> {
  const rows = await warehouse.query<{ thread_id: number }>(
    "SELECT thread_id FROM system.stack_trace WHERE has({names:Array(String)}, thread_name)",
    { params: { names } },
  );
  return rows.map(({ thread_id }) => thread_id);
}

describe("the process's threads", () => {
  it("statements give way to the event loop, and merges to statements", async () => {
    await warehouse.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    await warehouse.command("INSERT INTO t SELECT number FROM numbers(1000)");
    await warehouse.query("SELECT n % 10 AS d, count() FROM t GROUP BY d SETTINGS max_threads = 4");
    // The event loop's thread has the process's number. Tests may run at any nice value.
    const [loop] = niceOf([Deno.pid]);
    // A thread of the pool is called by what it does just now, and keeps what it had for a merge.
    const statements = await threadsOf("ThreadPool", "QueryPipelineEx", "QueryPullPipeEx");
    expect(Math.min(...niceOf(statements))).toBeGreaterThanOrEqual(loop + 5);
    expect(Math.min(...niceOf(await threadsOf("MergeMutate")))).toBeGreaterThanOrEqual(loop + 10);
  });
});
