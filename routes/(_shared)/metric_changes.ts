/** What changed a metric, for the marks on its chart. */
import type { MetricChanges } from "../(_parts)/chart_marks.ts";
import type { MetricInfo, SeriesAnswer, Services } from "../../runtime/ports/services.ts";

/** The most runs that are looked at, from the newest on. */
const MOST_RUNS = 100;

/** The changes within the time of a series. */
export async function changesOf(
  { batch, lifecycle }: Services,
  { name, topic }: MetricInfo,
  { time, end }: SeriesAnswer,
): Promise<MetricChanges> {
  const [runs, generations] = await Promise.all([
    batch.get(topic)?.history({ limit: MOST_RUNS, before: null }) ?? [],
    lifecycle.generations(name),
  ]);
  const isShown = ({ at }: { readonly at: string }) => {
    const seconds = Date.parse(at) / 1000;
    return end !== null && seconds >= time[0] && seconds < end;
  };
  return {
    topic,
    runs: runs.flatMap(({ run, finished, plugins }) => {
      const part = plugins.find(({ plugin, status }) => plugin === name && status === "published");
      if (part === undefined || part.rows === 0 || finished === null) return [];
      return [{ run, at: finished, days: part.days, rows: part.rows }];
    }).filter(isShown),
    generations: generations.filter(({ generation }, i) =>
      i > 0 && generation !== generations[i - 1].generation
    ).map(({ generation, since }) => ({ generation, at: since })).filter(isShown),
  };
}
