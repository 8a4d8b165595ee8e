import type { Clock } from "../std/clock.ts";
import { asError } from "../std/errors.ts";
import { WorkerThread } from "../std/worker_thread.ts";
import type { Declared, DeclaringMethods } from "./declaring_thread.ts";

/** By then modules that only declare have loaded together, in milliseconds. */
const TOGETHER_MS = 3_000;
/** A module that has not loaded alone by then waits for something that does not happen. */
const ALONE_MS = 10_000;
/** What a module may keep in objects and texts while it loads. */
const MEMORY_MIB = 256;

/**
 * Loads modules of plugins and catalogs in threads, so that one that throws, loops, takes all memory
 * or exits harms nothing but itself, and a file or a helper that changed is loaded anew. They load
 * together in one thread; those that have not declared anything by then, because one of them stopped
 * the thread or holds it up, load again in a thread each.
 *
 * @param files below the root, such as `plugins/ratings.ts`.
 * @returns by file.
 */
export async function declareFiles(
  root: string,
  files: readonly string[],
  clock: Clock,
): Promise<ReadonlyMap<string, Declared>> {
  const declared = new Map<string, Declared>();
  for (const [file, found] of await inThread(root, files, TOGETHER_MS, clock)) {
    if (!(found instanceof Error)) declared.set(file, found);
  }
  const left = files.filter((file) => !declared.has(file));
  await Promise.all(left.map(async (file) => {
    const found = (await inThread(root, [file], ALONE_MS, clock)).get(file)!;
    const fault = (error: Error) => ({ kind: "faults" as const, faults: [threadWords(error)] });
    declared.set(file, found instanceof Error ? fault(found) : found);
  }));
  return declared;
}

/** @returns by file what it declares, or why the thread did not tell. */
async function inThread(
  root: string,
  files: readonly string[],
  withinMs: number,
  clock: Clock,
): Promise<Map<string, Declared | Error>> {
  if (files.length === 0) return new Map();
  const module = new URL("./declaring_thread.ts", import.meta.url);
  const thread = new WorkerThread<DeclaringMethods>(module, {
    name: files.join(", "),
    memoryMiB: MEMORY_MIB,
  });
  const loaded = new AbortController();
  const late = clock.sleep(withinMs, loaded.signal).then(() => {
    if (loaded.signal.aborted) return;
    thread.terminate(`its module did not load within ${withinMs / 1000} s`);
  });
  const found = await Promise.all(files.map(async (file) => {
    return [file, await thread.call("declare", [root, file]).catch(asError)] as const;
  }));
  loaded.abort();
  await late;
  thread.terminate();
  return new Map(found);
}

/** Why a thread ended, as a clause about the module in it. */
const threadWords = ({ message }: Error) =>
  message.replace(
    /^Cannot go on: the thread "[^"]*" ended: /,
    "its module ended the thread that loads it: ",
  );
