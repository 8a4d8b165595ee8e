import { raiseNiceValue } from "../std/thread_priority.ts";
import type { NativeConnection } from "./native_connection.ts";

/** Merges start with the first table that has any. */
const START_MERGES = "CREATE TEMPORARY TABLE starts_merges (n UInt8) ENGINE = MergeTree ORDER BY n";
const THREADS = "SELECT thread_id, thread_name = 'MergeMutate' FROM system.stack_trace";
const MERGE_THREADS =
  "SELECT value FROM system.server_settings WHERE name = 'background_pool_size'";

/** How often threads are counted that have started and do not tell yet what they are for. */
const MOST_COUNTS = 1000;

/**
 * Lets what the calling thread has started already give way as it does, and merges to statements:
 * nobody waits for them, and should parts become many, inserts do. The engine has a setting for
 * that, and honours it only with a right that the kernel does not ask for.
 *
 * @param connection the first one of the engine, before there are tables.
 * @param caller the calling thread's number in the kernel.
 */
export async function yieldThreads(connection: NativeConnection, caller: number): Promise<void> {
  await connection.run(START_MERGES, "Null");
  const [[expected]] = await numbersOf(connection, MERGE_THREADS);
  for (let count = 0, all = false; !all && count < MOST_COUNTS; count++) {
    // A statement starts threads itself: they are seen by the next one.
    const threads = (await numbersOf(connection, THREADS)).filter(([thread, merges]) =>
      // Those that an engine before it has left gave way already, and now may merge.
      merges === 1 || startedSince(caller, thread, Deno.pid)
    );
    // A thread tells that it merges only when it first runs.
    all = threads.filter(([, merges]) => merges === 1).length >= expected;
    for (const [thread, merges] of threads) {
      if (raiseNiceValue(thread, merges === 1 ? 2 : 1)) all = false;
    }
  }
}

/**
 * Whether a thread of this process started when `caller` did or later. Threads are numbered in the
 * order in which they start, after the greatest number from the smallest on: what is older than the
 * caller lies between `first`, with which the process began, and the caller, going round.
 */
export function startedSince(caller: number, thread: number, first: number): boolean {
  return (thread - caller) >>> 0 < (first - caller) >>> 0;
}

/** The rows of a statement that gives numbers. */
async function numbersOf(connection: NativeConnection, sql: string): Promise<number[][]> {
  const { bytes } = await connection.run(sql, "TSV");
  const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
  return lines.map((line) => line.split("\t").map(Number));
}
