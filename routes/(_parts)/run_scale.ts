/** Where runs stand on a time axis. */
import type { ListedRun } from "./listed_run.ts";

/** A place in percent: of the width from the left, of the height from the bottom. */
export interface Place {
  readonly x: number;
  readonly width: number;
  readonly height: number;
}

/** The axis of some runs. */
export interface TimeScale {
  /** Milliseconds since 1970 UTC. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly longestMs: number;
  place(run: ListedRun): Place;
}

/** The narrowest that a bar of the only run is, and those of many are, in percent. */
const NARROW = { one: 3, most: 1 };
/** The lowest bar, in percent. */
const LOW = 6;

/**
 * The axis from the first run's start to the last one's end. Heights are logarithmic in the seconds:
 * beside a backfill of an hour, runs of one second and of ten still differ. A run under way reaches
 * the end.
 *
 * @example
 * ```ts
 * import { scaleOf } from "./run_scale.ts";
 * const run = (started: string, finished: string) =>
 *   ({ topic: "views", run: 1, state: "published", started, finished, plugins: [] }) as const;
 * const [first, last] = [
 *   run("2024-01-01T00:00:00Z", "2024-01-01T00:00:03Z"),
 *   run("2024-01-01T00:01:00Z", "2024-01-01T00:01:01Z"),
 * ];
 * const { place } = scaleOf([last, first]);
 * if (place(first).x !== 0 || place(last).height !== 50) throw new Error("unexpected");
 * ```
 */
export function scaleOf(runs: readonly ListedRun[]): TimeScale {
  const fromMs = Math.min(...runs.map(({ started }) => Date.parse(started)));
  const toMs = Math.max(fromMs + 1, ...runs.map(lastMsOf));
  const endOf = ({ finished }: ListedRun) => finished === null ? toMs : Date.parse(finished);
  const durationOf = (run: ListedRun) => Math.max(0, endOf(run) - Date.parse(run.started));
  const longestMs = Math.max(1, ...runs.map(durationOf));
  const narrow = Math.min(NARROW.one, Math.max(NARROW.most, 50 / runs.length));
  return {
    fromMs,
    toMs,
    longestMs,
    place(run) {
      const width = Math.max(narrow, durationOf(run) / (toMs - fromMs) * 100);
      const x = (Date.parse(run.started) - fromMs) / (toMs - fromMs) * 100;
      return {
        // The narrowest of bars stays inside, too.
        x: Math.min(x, 100 - width),
        width,
        height: Math.max(LOW, logOf(durationOf(run)) / logOf(longestMs) * 100),
      };
    },
  };
}

const logOf = (ms: number) => Math.log1p(ms / 1000);

/** The last that is known of a run. */
const lastMsOf = ({ started, finished, plugins }: ListedRun) =>
  finished === null
    ? Date.parse(started) + Math.max(0, ...plugins.map(({ seconds }) => seconds)) * 1000
    : Date.parse(finished);
