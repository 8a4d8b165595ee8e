import type { MadeEvents, Source } from "../source.ts";
import type { Clock } from "../std/clock.ts";

/** Options of {@link feed}. */
export interface FeedOptions {
  readonly source: Source;
  /** Events per second. */
  readonly rate: number;
  readonly clock: Clock;
  /** Ends the feed. */
  readonly signal: AbortSignal;
}

/** Behind by more than this (a slow disk, a laptop that slept), the feed starts again at now. */
const BEHIND_MS = 5_000;

/**
 * Events of a source at a steady rate, each when it is due, until `signal` aborts. Event time starts
 * at the clock's now and keeps to it: time that was lost is left out and not made up for.
 *
 * @throws what the source throws.
 */
export async function* feed(
  { source, rate, clock, signal }: FeedOptions,
): AsyncGenerator<MadeEvents> {
  while (!signal.aborted) {
    for (const made of source.events({ rate, startMs: clock.now() })) {
      const waitMs = made.dueMs - clock.now();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      if (waitMs < -BEHIND_MS) break;
      yield made;
      if (signal.aborted) return;
    }
  }
}
