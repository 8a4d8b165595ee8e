/** Who of the process's threads goes first where all want the processor. */
import type { NativeConnection } from "./native_connection.ts";

/** Nice values by which a thread gives way: each step leaves it a third of the other's weight. */
const STEP = 5;
const PRIO_PROCESS = 0;
/** The calling thread, by the kernel's terms. */
const SELF = 0;

const priorities = {
  getpriority: { parameters: ["i32", "u32"], result: "i32" },
  setpriority: { parameters: ["i32", "u32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Lets the calling thread, and all that it will start, give way to the others of the process. */
export function giveWay(): void {
  beNicer([SELF]);
}

/** Merges start with the first table that has any. */
const START_MERGES = "CREATE TEMPORARY TABLE starts_merges (n UInt8) ENGINE = MergeTree ORDER BY n";
const MERGE_THREADS = "SELECT thread_id FROM system.stack_trace WHERE thread_name = 'MergeMutate'";

/**
 * Lets merges give way to statements: nobody waits for them, and should parts become many, inserts
 * do. The engine has a setting for that, and honours it only with a right that the kernel does not
 * ask for. For a thread that gave way itself.
 *
 * @param connection the first one of the engine, before there are tables.
 */
export async function yieldMerges(connection: NativeConnection): Promise<void> {
  await connection.run(START_MERGES, "Null");
  const { bytes } = await connection.run(MERGE_THREADS, "TSV");
  const threads = new TextDecoder().decode(bytes).split("\n").filter((id) => id !== "");
  beNicer(threads.map(Number));
}

/** Gives threads a step more than the calling one has; less than that only root may. */
function beNicer(threads: readonly number[]): void {
  const libc = Deno.dlopen("libc.so.6", priorities);
  const nice = libc.symbols.getpriority(PRIO_PROCESS, SELF) + STEP;
  for (const thread of threads) libc.symbols.setpriority(PRIO_PROCESS, thread, nice);
  libc.close();
}
