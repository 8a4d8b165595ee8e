import type { Clock } from "../std/clock.ts";
import { simulate, type SimulatedChunk, type SimulatorOptions } from "./simulator.ts";

/** Options of {@link feed}. */
export interface FeedOptions extends Omit<SimulatorOptions, "startMs" | "rate"> {
  /** Events per second. */
  readonly rate: number;
  readonly clock: Clock;
  /** Ends the feed. */
  readonly signal: AbortSignal;
  /** Takes a chunk; the next is made when it has resolved. */
  readonly send: (chunk: SimulatedChunk) => Promise<void>;
}

/** Behind by more than this (a slow disk, a laptop that slept), the feed starts again at now. */
const BEHIND_MS = 5_000;

/**
 * Sends simulated events at a steady rate until `signal` aborts. Event time starts at the clock's
 * now and keeps to it: time that was lost is left out and not made up for.
 *
 * @throws what `send` throws.
 */
export async function feed({ clock, signal, send, ...options }: FeedOptions): Promise<void> {
  while (!signal.aborted) {
    for (const chunk of simulate({ ...options, startMs: clock.now() })) {
      const waitMs = chunk.dueMs - clock.now();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      if (waitMs < -BEHIND_MS) break;
      await send(chunk);
      if (signal.aborted) return;
    }
  }
}
