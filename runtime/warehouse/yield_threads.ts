import { beNicer, threadId } from "../thread_priority.ts";
import type { NativeConnection, TextParams } from "./native_connection.ts";

/** Merges start with the first table that has any. */
const START_MERGES = "CREATE TEMPORARY TABLE starts_merges (n UInt8) ENGINE = MergeTree ORDER BY n";
const THREADS = `SELECT thread_id, thread_name = 'MergeMutate' FROM system.stack_trace
WHERE thread_id >= {own:UInt64} OR thread_name = 'MergeMutate'`;
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
 */
export async function yieldThreads(connection: NativeConnection): Promise<void> {
  await connection.run(START_MERGES, "Null");
  const [[expected]] = await numbersOf(connection, MERGE_THREADS);
  // Threads are numbered in the order in which they start: the engine's come after its caller, but
  // those that an engine before it has left, which gave way already, and now may merge.
  const params = { own: String(threadId()) };
  for (let count = 0, all = false; !all && count < MOST_COUNTS; count++) {
    // A statement starts threads itself: they are seen by the next one.
    const threads = await numbersOf(connection, THREADS, params);
    // A thread tells that it merges only when it first runs.
    all = threads.filter(([, merges]) => merges === 1).length >= expected;
    for (const [thread, merges] of threads) {
      if (beNicer(thread, merges === 1 ? 2 : 1)) all = false;
    }
  }
}

/** The rows of a statement that gives numbers. */
async function numbersOf(
  connection: NativeConnection,
  sql: string,
  params: TextParams = {},
): Promise<number[][]> {
  const { bytes } = await connection.run(sql, "TSV", params);
  const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
  return lines.map((line) => line.split("\t").map(Number));
}
