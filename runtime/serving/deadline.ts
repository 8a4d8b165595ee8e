/** Time limits of questions. */
import { OVER } from "../std/abortable.ts";
import type { Clock } from "../std/clock.ts";

/** What {@link withDeadline} hands to its action. */
export interface Deadline {
  /** Aborts when the time is up or when the caller's signal does. */
  readonly signal: AbortSignal;
  /** Whether the time is up. */
  readonly expired: () => boolean;
}

/**
 * Runs an action under a time limit of the clock's.
 *
 * @param ms the limit in milliseconds.
 * @param signal the caller's own signal; its abort reaches the action too.
 * @throws what the action throws.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal | undefined,
  action: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  const time = new AbortController();
  const done = new AbortController();
  let expired = false;
  void clock.sleep(ms, done.signal).then(() => {
    if (done.signal.aborted) return;
    expired = true;
    time.abort(new DOMException(`The time limit of ${ms} ms is over`, "TimeoutError"));
  });
  const all = signal === undefined ? time.signal : AbortSignal.any([signal, time.signal]);
  try {
    return await action({ signal: all, expired: () => expired });
  } finally {
    done.abort(OVER);
  }
}
