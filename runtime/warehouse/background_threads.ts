/** The engine's threads that merge parts: they take what others leave of the processor. */
import type { NativeConnection } from "./native_connection.ts";

/**
 * A share of a tenth where others want all of the processor, and all of it where nobody does. Should
 * parts become many, the engine holds inserts back.
 */
const NICE = 10;

/** Merges start with the first table that has any. */
const START_MERGES = "CREATE TEMPORARY TABLE starts_merges (n UInt8) ENGINE = MergeTree ORDER BY n";
const MERGE_THREADS = "SELECT thread_id FROM system.stack_trace WHERE thread_name = 'MergeMutate'";

/**
 * Lets those who wait for an answer go before merges, which nobody waits for. The engine has a
 * setting for that, and honours it only with a right that the kernel does not ask for.
 *
 * @param connection of the engine; the first one, before there are tables.
 * @returns how many threads gave way.
 */
export async function yieldMerges(connection: NativeConnection): Promise<number> {
  await connection.run(START_MERGES, "Null");
  const { bytes } = await connection.run(MERGE_THREADS, "TSV");
  const threads = new TextDecoder().decode(bytes).split("\n").filter((id) => id !== "").map(Number);
  const libc = Deno.dlopen("libc.so.6", {
    setpriority: { parameters: ["i32", "u32", "i32"], result: "i32" },
  });
  const PRIO_PROCESS = 0;
  const gaveWay = threads.filter((id) => libc.symbols.setpriority(PRIO_PROCESS, id, NICE) === 0);
  libc.close();
  return gaveWay.length;
}
