import { getPriority } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { startedSince } from "../../runtime/warehouse/yield_threads.ts";

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
  return [...new Set(threads.map((id) => getPriority(id)))];
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
    const most = 19;
    expect(statements).not.toEqual([]);
    expect(Math.min(...niceOf(statements))).toBeGreaterThanOrEqual(Math.min(loop + 5, most));
    const merges = await threadsOf("MergeMutate");
    expect(merges).not.toEqual([]);
    expect(Math.min(...niceOf(merges))).toBeGreaterThanOrEqual(Math.min(loop + 10, most));
  });

  it("the event loop's never gives way, however the numbers of threads have gone round", async () => {
    // The process began with 100; then came its other threads, the engine's caller, and the engine's.
    for (const [older, caller, engines] of [[101, 150, 151], [101, 150, 7], [32_767, 5, 6]]) {
      expect(startedSince(caller, 100, 100)).toBe(false);
      expect(startedSince(caller, older, 100)).toBe(false);
      expect(startedSince(caller, caller, 100)).toBe(true);
      expect(startedSince(caller, engines, 100)).toBe(true);
    }
    const before = niceOf([Deno.pid]);
    const again = await openEmbeddedWarehouse({ dir, database: "again" });
    await again.close();
    expect(niceOf([Deno.pid])).toEqual(before);
  });
});
