/** A metric of a process: the generation that is loaded, the one that answers, and the way between. */
import { type Cut, furthest, reaches } from "../model/frontier.ts";
import type { EventLog } from "../ports/ports.ts";
import type { SpeedLayer } from "../ports/services.ts";
import type { Published, PublishedRuns } from "../serving/published_runs.ts";
import { speedOfPlugin } from "../speed/speed_of_plugin.ts";
import type { TableSpeed } from "../speed/table_speed.ts";
import type { PluginTables } from "../sql/tables.ts";
import type { LiveRow } from "./live_rows.ts";
import { type Covered, rebuiltShare, withinLog } from "./rebuilt_share.ts";
import type { TopicRuntime } from "./topic_runtime.ts";

/** A metric of this process. */
export interface Metric {
  readonly topic: TopicRuntime;
  /** The generation of the code that is loaded; null where that code is refused. */
  readonly loaded: PluginTables | null;
  /** How far the speed rows of that generation are. */
  readonly speed: SpeedLayer;
  /** This process's claim, or the newest of all where it makes none; 0 before there is one. */
  claim: number;
  /** What answers; null while no generation ever was complete. */
  live: LiveRow | null;
  /** Where another generation than the loaded one answers. */
  other: OtherGeneration | null;
  /** Since when nobody computes the other one, ISO 8601; null while somebody does. */
  frozenAt: string | null;
  /** The share of the records that the loaded generation has, while it is built. */
  rebuilding: number | null;
  /** See `ServedGeneration.lacksEarlierLogs`, of the loaded generation. */
  lacksEarlierLogs: boolean;
  /** Where the log ended when a metric was new; null once it has come there. */
  target: Cut | null;
}

/** A generation whose code is not loaded. */
export interface OtherGeneration {
  readonly tables: PluginTables;
  readonly speed: TableSpeed;
}

/** How far the loaded generation is on its way to answer. */
export interface Standing {
  readonly share: number;
  /** Null when it may answer. */
  readonly waitsFor: string | null;
}

/** A metric of which nothing is known yet. */
export const newMetric = (topic: TopicRuntime, loaded: PluginTables | null): Metric => ({
  topic,
  loaded,
  speed: loaded === null ? topic.speed : speedOfPlugin(topic.speed, topic.plugins, loaded),
  claim: 0,
  live: null,
  other: null,
  frozenAt: null,
  rebuilding: null,
  lacksEarlierLogs: false,
  target: null,
});

/** Where a log ends. */
export async function endOf(log: EventLog): Promise<Cut> {
  const bounds = Array.from({ length: log.partitionCount() }, (_, partition) => {
    return log.bounds(partition);
  });
  return { [log.id]: (await Promise.all(bounds)).map(({ end }) => end) };
}

/** What the loaded generation of a metric has of the log's records, and its published run. */
export async function covered(
  published: PublishedRuns,
  { topic: { speed, batch } }: Metric,
  loaded: PluginTables,
): Promise<{ readonly run: Published["run"]; readonly has: Covered }> {
  const { name } = loaded.plugin;
  const { run, cut } = await published.of(loaded, batch.ended);
  return { run, has: { cut, start: speed.start(name), frontier: speed.frontier(name) } };
}

/**
 * Whether the archive holds events of earlier logs that no run has read, as after a restore: speed
 * rows are of the present log alone.
 */
async function lacksEarlierLogs({ topic: { archive, log } }: Metric, cut: Cut): Promise<boolean> {
  const read = new Set([log.id, ...Object.keys(cut)]);
  return Object.keys(await archive.frontier()).some((id) => !read.has(id));
}

/** How far the loaded generation of a metric is. */
export async function standingOf(
  published: PublishedRuns,
  metric: Metric,
  loaded: PluginTables,
): Promise<Standing> {
  const { topic: { speed, log, batch }, other } = metric;
  const { name } = loaded.plugin;
  const { run, has } = await covered(published, metric, loaded);
  metric.lacksEarlierLogs = await lacksEarlierLogs(metric, has.cut);
  const gap = speed.begun(name) && reaches(has.cut, has.start)
    ? metric.lacksEarlierLogs ? "a batch run over the archived events of an earlier log" : null
    : "a batch run up to the beginning of its speed rows";
  if (other === null) return { share: 0, waitsFor: gap };
  const old = await published.of(other.tables, batch.ended);
  const target = await withinLog(log, furthest(old.cut, other.speed.frontier(name)));
  const share = rebuiltShare(log.id, has, target);
  // Where the other has no run either, nothing that it shows would be missed.
  if (run === null && old.run !== null) return { share, waitsFor: "its first batch run" };
  if (gap !== null) return { share, waitsFor: gap };
  const there = reaches(furthest(has.cut, has.frontier), target);
  return { share, waitsFor: there ? null : "its speed rows to reach the others" };
}
