/** Who of the process's threads goes first where all want the processor. */
import type { NativeConnection } from "./native_connection.ts";

/** Of the engine's threads: a third of the event loop's share, and all that it leaves. */
const ENGINE = 5;
/** Of its merges, which nobody waits for: a tenth. Should parts become many, inserts wait. */
export const MERGES = 10;

/** Lets the calling thread, and all that it will start, give way to the others of the process. */
export function giveWay(): void {
  setNice([0], ENGINE);
}

/** Merges start with the first table that has any. */
const START_MERGES = "CREATE TEMPORARY TABLE starts_merges (n UInt8) ENGINE = MergeTree ORDER BY n";
const MERGE_THREADS = "SELECT thread_id FROM system.stack_trace WHERE thread_name = 'MergeMutate'";

/**
 * Lets merges give way to statements. The engine has a setting for that, and honours it only with a
 * right that the kernel does not ask for.
 *
 * @param connection the first one of the engine, before there are tables.
 * @param nice 0 to 19, at least what the threads have.
 * @returns how many threads gave way.
 */
export async function yieldMerges(connection: NativeConnection, nice: number): Promise<number> {
  await connection.run(START_MERGES, "Null");
  const { bytes } = await connection.run(MERGE_THREADS, "TSV");
  const threads = new TextDecoder().decode(bytes).split("\n").filter((id) => id !== "");
  return setNice(threads.map(Number), nice);
}

/** @param threads their ids; 0 is the calling one. @returns how many have it now. */
function setNice(threads: readonly number[], nice: number): number {
  const PRIO_PROCESS = 0;
  const libc = Deno.dlopen("libc.so.6", {
    setpriority: { parameters: ["i32", "u32", "i32"], result: "i32" },
  });
  const set = threads.filter((id) => libc.symbols.setpriority(PRIO_PROCESS, id, nice) === 0);
  libc.close();
  return set.length;
}
