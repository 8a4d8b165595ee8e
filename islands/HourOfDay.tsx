/** The rhythm of a day: how much of a metric there is at each hour, over the time that is shown. */
import type { SeriesAnswer } from "../runtime/ports/services.ts";
import { Distribution } from "../routes/(_parts)/Distribution.tsx";
import { label } from "../routes/(_parts)/figures.ts";
import type { PluginIslandProps } from "../routes/(_parts)/plugin_island.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;

/** Bars, one for each hour of the day. */
export default function HourOfDay({ series }: PluginIslandProps) {
  const shown = series.value;
  if (shown === null) return null;
  const hours = meanByHour(shown);
  return (
    <section aria-labelledby="hour-of-day">
      <h2 id="hour-of-day">By hour of day</h2>
      {hours === null
        ? <p class="note">Select at least one day, with buckets of at most one hour.</p>
        : (
          <>
            <Distribution title="By hour of day" values={hours} />
            <p class="hint">
              {label(shown.measure)} per hour, {shown.tz}, mean of the days shown.
            </p>
          </>
        )}
    </section>
  );
}

/** The mean of each local hour; null where buckets are too coarse, or a day is not whole. */
export function meanByHour({ time, end, offsets, series }: SeriesAnswer) {
  if (end === null || end - time[0] < DAY) return null;
  const isCoarse = time.some((start, i) => (time[i + 1] ?? end) - start > HOUR);
  if (isCoarse) return null;
  const sums = new Array<number>(24).fill(0);
  const seen = Array.from({ length: 24 }, () => new Set<number>());
  for (const [i, start] of time.entries()) {
    const local = start + offsets[i];
    const hour = Math.floor((local + DAY) % DAY / HOUR);
    // An hour that is repeated counts twice.
    seen[hour].add(Math.floor(local / HOUR) * HOUR - offsets[i]);
    for (const { values } of series) sums[hour] += values[i] ?? 0;
  }
  return sums.map((sum, hour) => ({
    name: String(hour).padStart(2, "0"),
    value: Math.round(sum / seen[hour].size * 10) / 10,
  }));
}
