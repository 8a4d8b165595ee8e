/** When people watch: more in the evening than at night, more at the weekend than on a Monday. */

const HOUR_MS = 3_600_000;

/** How much is watched in each hour of the day, UTC; the mean is 1. */
// deno-fmt-ignore
const HOURS = [
  1.15, 0.80, 0.50, 0.30, 0.20, 0.15, 0.20, 0.30, 0.45, 0.60, 0.70, 0.80,
  0.95, 1.00, 1.00, 1.00, 1.05, 1.20, 1.50, 1.90, 2.30, 2.45, 2.05, 1.45,
];

/** How much is watched on each day, Sunday first; the mean is 1. */
const DAYS = [1.25, 0.80, 0.80, 0.85, 0.90, 1.10, 1.30];

const EPOCH_DAY = 4; // 1970-01-01 was a Thursday.

/** The most that {@link rhythm} can be. */
export const RHYTHM_PEAK = Math.max(...HOURS) * Math.max(...DAYS);

/** How much is watched at a moment, against a mean of 1 over the week. */
export function rhythm(ms: number): number {
  const hours = Math.floor(ms / HOUR_MS);
  const part = (ms - hours * HOUR_MS) / HOUR_MS;
  const day = DAYS[(Math.floor(hours / 24) + EPOCH_DAY) % 7];
  return day * (HOURS[hours % 24] * (1 - part) + HOURS[(hours + 1) % 24] * part);
}

/**
 * An hour of the day, as people choose theirs.
 *
 * @param chance in `[0, 1)`.
 */
export function favouriteHour(chance: number): number {
  let left = chance * 24;
  return HOURS.findIndex((weight) => (left -= weight) < 0);
}

/** Hours between an hour of the day and a moment, 0 to 12. */
export function hoursApart(hour: number, ms: number): number {
  const apart = Math.abs(Math.floor(ms / HOUR_MS) % 24 - hour);
  return Math.min(apart, 24 - apart);
}
