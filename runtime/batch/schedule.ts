import { Cron } from "croner";
import type { Clock } from "../std/clock.ts";
import { UserError } from "../std/errors.ts";
/** When to run. */
export interface Schedule {
  /**
   * The first time after `afterMs`.
   *
   * @returns milliseconds since 1970 UTC, or null when there is none.
   */
  next(afterMs: number): number | null;
}

/**
 * Reads a cron expression of five fields (minute, hour, day of month, month, day of week), in UTC.
 *
 * @throws UserError when the expression cannot be read.
 * @example
 * ```ts
 * import { parseCron } from "./schedule.ts";
 * const hourly = parseCron("5 * * * *");
 * const next = hourly.next(Date.parse("2013-07-20T10:05:00Z"));
 * if (next !== Date.parse("2013-07-20T11:05:00Z")) throw new Error("unexpected");
 * ```
 */
export function parseCron(expression: string): Schedule {
  let cron: Cron;
  try {
    cron = new Cron(expression, { timezone: "UTC", paused: true, mode: "5-part" });
  } catch (cause) {
    throw new UserError(
      `Cannot read schedule: expected a cron expression such as "5 * * * *", got "${expression}"`,
      { field: "schedule", cause },
    );
  }
  return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() ?? null };
}

/** Timers hold 31 bits of milliseconds: longer waits are made of these. */
const LONGEST_SLEEP_MS = 86_400_000;

/**
 * Calls `run` at the times of a cron expression until `signal` aborts. Never twice at once: times
 * that pass while a run is under way are left out.
 *
 * @param onError called with what a run threw; the schedule goes on.
 * @throws UserError when the expression cannot be read.
 */
export async function runOnSchedule(
  run: () => Promise<void>,
  cron: string,
  clock: Clock,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  const schedule = parseCron(cron);
  while (!signal.aborted) {
    const next = schedule.next(clock.now());
    if (next === null) return;
    while (!signal.aborted && clock.now() < next) {
      await clock.sleep(Math.min(next - clock.now(), LONGEST_SLEEP_MS), signal);
    }
    if (signal.aborted) return;
    try {
      await run();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  }
}
