import { within } from "../std/abortable.ts";
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

/** Where a file is that declares something. */
export interface DeclaringPath {
  /** Absolute. */
  readonly root: string;
  /** Below the root, such as `plugins/ratings.ts`. */
  readonly file: string;
}

/**
 * Loads modules of plugins and catalogs in threads, so that one that throws, loops, takes all memory
 * or exits harms nothing but itself, and a file or a helper that changed is loaded anew. They load
 * together in one thread; those that have not declared anything by then, because one of them stopped
 * the thread or holds it up, load again in a thread each.
 *
 * @returns what each declares, in their order.
 */
export async function declareFiles(
  files: readonly DeclaringPath[],
  clock: Clock,
): Promise<Declared[]> {
  const together = await inThread(files, TOGETHER_MS, clock);
  return await Promise.all(together.map(async (first, i) => {
    if (!(first instanceof Error)) return first;
    const [found] = await inThread([files[i]], ALONE_MS, clock);
    return found instanceof Error ? { kind: "faults", faults: [threadWords(found)] } : found;
  }));
}

/** @returns what each file declares, or why the thread did not tell. */
async function inThread(
  files: readonly DeclaringPath[],
  withinMs: number,
  clock: Clock,
): Promise<(Declared | Error)[]> {
  if (files.length === 0) return [];
  const module = new URL("./declaring_thread.ts", import.meta.url);
  const thread = new WorkerThread<DeclaringMethods>(module, {
    name: files.map(({ file }) => file).join(", "),
    memoryMiB: MEMORY_MIB,
  });
  const found = Promise.all(
    files.map(({ root, file }) => thread.call("declare", [root, file]).catch(asError)),
  );
  const isInTime = await within(withinMs, found, clock);
  thread.terminate(isInTime ? undefined : `its module did not load within ${withinMs / 1000} s`);
  return await found;
}

/** Why a thread ended, as a clause about the module in it. */
const threadWords = ({ message }: Error) =>
  message.replace(
    /^Cannot go on: the thread "[^"]*" ended: /,
    "its module ended the thread that loads it: ",
  );
