/** Cron schedules: five fields, in UTC, so that a run's time never depends on where it runs. */

/** A schedule that {@link parseCron} made: for each field, which numbers match. */
export interface Cron {
  /** The text as given. */
  readonly text: string;
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  /** 1 to 12. */
  readonly months: ReadonlySet<number>;
  /** 0 (Sunday) to 6. */
  readonly daysOfWeek: ReadonlySet<number>;
  /** Whether both kinds of day are restricted: then either may match, as in Vixie's cron. */
  readonly eitherDay: boolean;
}

const FIELDS = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12 },
  { name: "day of week", min: 0, max: 7 },
] as const;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** 29 February comes within eight years, across a century without a leap day. */
const LONGEST_WAIT_DAYS = 8 * 366;

/**
 * Reads `minute hour day-of-month month day-of-week`; each field is `*`, a number, `a-b`, a list by
 * commas, and any of them with a step: every 15 minutes is `0-59/15`, odd working hours `9-17/2`. Sunday is 0 or 7.
 *
 * @throws {SyntaxError} naming the field, what was wanted and what came.
 * @example
 * ```ts
 * import { nextRun, parseCron } from "./cron.ts";
 * const hourly = parseCron("30 * * * *");
 * const next = nextRun(hourly, Date.UTC(2026, 0, 1, 12, 30));
 * if (next !== Date.UTC(2026, 0, 1, 13, 30)) throw new Error("unexpected");
 * ```
 */
export function parseCron(text: string): Cron {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    throw new SyntaxError(
      `Cannot read schedule "${text}": wanted five fields (minute hour day-of-month month ` +
        `day-of-week), got ${text.trim() === "" ? 0 : parts.length}`,
    );
  }
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = parts.map((part, i) =>
    readField(part, FIELDS[i], text)
  );
  if (daysOfWeek.delete(7)) daysOfWeek.add(0);
  const cron = {
    text,
    minutes,
    hours,
    daysOfMonth,
    months,
    daysOfWeek,
    eitherDay: !parts[2].startsWith("*") && !parts[4].startsWith("*"),
  };
  if (nextRun(cron, 0) === null) {
    throw new SyntaxError(`Cannot read schedule "${text}": no day of the calendar matches it`);
  }
  return cron;
}

function readField(
  part: string,
  { name, min, max }: typeof FIELDS[number],
  text: string,
): Set<number> {
  const values = new Set<number>();
  for (const item of part.split(",")) {
    const match = /^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(item);
    const step = Number(match?.[4] ?? 1);
    const from = match?.[1] ? min : Number(match?.[2]);
    const to = match?.[1] || (match?.[4] && !match[3]) ? max : Number(match?.[3] ?? match?.[2]);
    if (!match || step < 1 || from < min || to > max || from > to) {
      throw new SyntaxError(
        `Cannot read schedule "${text}": ${name} must be *, a number, a range or a list within ` +
          `${min}-${max}, got "${item}"`,
      );
    }
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

/**
 * The first whole minute after `afterMs` that matches.
 *
 * @param afterMs milliseconds since 1970 UTC, exclusive.
 * @returns milliseconds since 1970 UTC, or null when no day ever matches (30 February).
 */
export function nextRun(cron: Cron, afterMs: number): number | null {
  const earliest = (Math.floor(afterMs / MINUTE_MS) + 1) * MINUTE_MS;
  const firstDay = Math.floor(earliest / DAY_MS) * DAY_MS;
  for (let day = 0; day < LONGEST_WAIT_DAYS; day++) {
    const midnight = firstDay + day * DAY_MS;
    if (!dayMatches(cron, new Date(midnight))) continue;
    const from = Math.max(earliest, midnight);
    for (let at = from; at < midnight + DAY_MS; at += MINUTE_MS) {
      const minuteOfDay = (at - midnight) / MINUTE_MS;
      if (!cron.hours.has(Math.floor(minuteOfDay / 60))) continue;
      if (cron.minutes.has(minuteOfDay % 60)) return at;
    }
  }
  return null;
}

function dayMatches(cron: Cron, date: Date): boolean {
  if (!cron.months.has(date.getUTCMonth() + 1)) return false;
  const ofMonth = cron.daysOfMonth.has(date.getUTCDate());
  const ofWeek = cron.daysOfWeek.has(date.getUTCDay());
  return cron.eitherDay ? ofMonth || ofWeek : ofMonth && ofWeek;
}
