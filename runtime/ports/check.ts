import { messageOf } from "../std/errors.ts";

/** What one check of doctor came to. */
export interface Check {
  readonly check: string;
  /** `warn`: it runs, but somebody should look. */
  readonly state: "ok" | "warn" | "fail";
  /** What was found, in words; several lines where there is a list. */
  readonly found: string;
  /** What to do next; null where nothing is to be done. */
  readonly advice: string | null;
}

/** A check that found nothing amiss. */
export const fine = (check: string, found: string): Check => ({
  check,
  state: "ok",
  found,
  advice: null,
});

/** A check that found a fault. */
export const failed = (check: string, error: unknown, advice: string | null): Check => ({
  check,
  state: "fail",
  found: messageOf(error),
  advice,
});

/** A check that found something to look at. */
export const doubtful = (check: string, found: string, advice: string): Check => ({
  check,
  state: "warn",
  found,
  advice,
});

/** Beyond this two clocks differ: ages and dates are off by it. */
const CLOCK_MS = 5000;

/**
 * Compares a server's clock with this machine's.
 *
 * @param serverMs what the server told between `beforeMs` and `afterMs` of this machine's clock.
 * @param exactMs how coarse the server tells it.
 * @example
 * ```ts
 * import { clockCheck } from "./check.ts";
 * const { state, found } = clockCheck("clock", 9_000, [20_000, 20_010], 10);
 * if (state !== "warn" || !found.includes("11.0 s behind")) throw new Error(found);
 * ```
 */
export function clockCheck(
  check: string,
  serverMs: number,
  [beforeMs, afterMs]: readonly [number, number],
  exactMs: number,
): Check {
  const offsetMs = serverMs > afterMs ? serverMs - afterMs : Math.min(0, serverMs - beforeMs);
  const seconds = (Math.abs(offsetMs) / 1000).toFixed(1);
  const found = Math.abs(offsetMs) <= exactMs
    ? "its clock agrees with this machine's"
    : `its clock is ${seconds} s ${offsetMs > 0 ? "ahead of" : "behind"} this machine's`;
  return Math.abs(offsetMs) > CLOCK_MS + exactMs
    ? doubtful(check, found, "set both by NTP")
    : fine(check, found);
}
