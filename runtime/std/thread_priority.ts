/** Who of the process's threads goes first where all want the processor. */

/** Nice values by which a thread gives way: each step leaves it a third of the other's weight. */
const STEP = 5;
const PRIO_PROCESS = 0;
/** The calling thread, by the kernel's terms. */
const SELF = 0;

const libc = {
  getpriority: { parameters: ["i32", "u32"], result: "i32" },
  setpriority: { parameters: ["i32", "u32", "i32"], result: "i32" },
  gettid: { parameters: [], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

let opened: Deno.StaticForeignLibraryInterface<typeof libc> | undefined;
const symbols = () => opened ??= Deno.dlopen("libc.so.6", libc).symbols;

/**
 * Lets the calling thread, and all that it starts from now on, give way to the event loop. Threads
 * have priorities of their own on Linux; elsewhere nothing is done.
 */
export function giveWay(): void {
  if (Deno.build.os === "linux") beNicer(SELF, 1);
}

/** The calling thread's number. */
export function threadId(): number {
  return symbols().gettid();
}

/**
 * Gives a thread so many steps more than the event loop's has; never fewer than it had.
 *
 * @returns whether it had fewer.
 */
export function beNicer(thread: number, steps: number): boolean {
  const { getpriority, setpriority } = symbols();
  // The first thread of a process has the process's number.
  const nice = getpriority(PRIO_PROCESS, Deno.pid) + steps * STEP;
  return getpriority(PRIO_PROCESS, thread) < nice && setpriority(PRIO_PROCESS, thread, nice) === 0;
}
