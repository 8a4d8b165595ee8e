/** Who of the process's threads goes first where all want the processor. */
import { getPriority, setPriority } from "node:os";

/** Nice values by which a thread gives way: each step leaves it a third of the other's weight. */
const STEP = 5;
/** The calling thread, by the kernel's terms. */
const SELF = 0;

/**
 * Lets the calling thread, and all that it starts from now on, give way to the event loop. Threads
 * have priorities of their own on Linux; elsewhere nothing is done.
 */
export function lowerPriority(): void {
  if (Deno.build.os === "linux") raiseNiceValue(SELF, 1);
}

/**
 * Gives a thread so many steps more than the event loop's has; never fewer than it had.
 *
 * @param thread its number in the kernel.
 * @returns whether it had fewer.
 */
export function raiseNiceValue(thread: number, steps: number): boolean {
  try {
    // The first thread of a process has the process's number.
    const nice = Math.min(getPriority(Deno.pid) + steps * STEP, LEAST);
    if (getPriority(thread) >= nice) return false;
    setPriority(thread, nice);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false; // the thread has ended
  }
}

/** The kernel has no greater nice value. */
const LEAST = 19;
