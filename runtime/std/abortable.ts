/** Waiting that can be given up. */
import type { Clock } from "./clock.ts";

/**
 * A reason to abort with where nobody asks for it: `abort()` without one makes an error with its
 * stack, which takes longer than most of what it ends.
 */
export const OVER = "over";

/**
 * What `promise` comes to, unless `signal` aborts before: the work behind it goes on.
 *
 * @throws the signal's reason, or what the promise rejects with.
 * @example
 * ```ts
 * import { abortable } from "./abortable.ts";
 * const never = new Promise<number>(() => {});
 * const gaveUp = await abortable(never, AbortSignal.abort("enough")).catch((reason) => reason);
 * if (gaveUp !== "enough") throw new Error("unexpected");
 * ```
 */
export async function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Waits for a promise, but no longer than `ms` milliseconds of a clock.
 *
 * @returns whether it has resolved by then; the work behind it goes on.
 * @throws what it has rejected with by then.
 */
export async function within(
  ms: number,
  promise: Promise<unknown>,
  clock: Pick<Clock, "sleep">,
): Promise<boolean> {
  const done = new AbortController();
  const late = clock.sleep(ms, done.signal).then(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    done.abort(OVER);
  }
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
