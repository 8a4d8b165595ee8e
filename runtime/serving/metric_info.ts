/** What a client may know of a metric: its buckets, columns and their types. */
import { isNumeric } from "../measures/measure.ts";
import { grains, grainSeconds, type Plugin } from "../plugin.ts";
import { joinedColumns } from "../sql/merged_rows.ts";
import type { AnswerColumn, Bucket, Layer, MetricInfo } from "../ports/services.ts";
import type { LocalBucket } from "./local_buckets.ts";

/** How an answer divides time. */
export type TypedBucket = "window" | "all" | LocalBucket;

/** The layers, in the order in which they are told. */
export const layers: readonly Layer[] = ["merged", "batch", "speed"];

/**
 * The finest step that a layer's time ranges must keep to, in seconds: the window, or the grain for
 * the batch layer.
 */
export function stepSeconds(plugin: Plugin, layer: Layer): number {
  return layer === "batch" ? grainSeconds[plugin.batch.grain] : plugin.stream.window.sizeSeconds;
}

/** The buckets that a layer can give for a plugin, finest first. */
export function bucketsOf(plugin: Plugin, layer: Layer): Bucket[] {
  const step = stepSeconds(plugin, layer);
  const fixed = grains.filter((grain) => grainSeconds[grain] % step === 0);
  const days = grainSeconds.day % step === 0 ? ["week", "month"] as const : [];
  return [...(layer === "batch" ? [] : ["window" as const]), ...fixed, ...days, "all"];
}

/** The time columns of a bucket. */
export function timeColumns(bucket: TypedBucket): AnswerColumn[] {
  const names = bucket === "all"
    ? []
    : bucket === "window"
    ? ["window_start", "window_end"]
    : ["bucket"];
  return names.map((name) => ({ name, type: "instant" }));
}

const keysOf = ({ keyColumns }: Plugin): AnswerColumn[] =>
  keyColumns.map(({ name, type: { kind, unit } }) => columnOf(name, kind, unit));

const columnOf = (name: string, type: string, unit: string | undefined): AnswerColumn =>
  unit === undefined ? { name, type } : { name, type, unit };

/** All columns of an answer in order: time, keys, shown measures. */
export function answerColumns(plugin: Plugin, bucket: TypedBucket): AnswerColumn[] {
  return [
    ...timeColumns(bucket),
    ...keysOf(plugin),
    ...plugin.shownColumns.map(({ name, type, unit }) => columnOf(name, type, unit)),
  ];
}

/** Whether a question has to give `from`: elements that are joined across buckets have no roll-up. */
export const needsFrom = (plugin: Plugin): boolean => joinedColumns(plugin).length > 0;

/** The measures that a time series can show: those that are numbers. */
export const seriesMeasures = ({ shownColumns }: Plugin): string[] =>
  shownColumns.filter(isNumeric).map(({ name }) => name);

/** Describes a metric. */
export function metricInfo(plugin: Plugin): MetricInfo {
  const { present, batch, stream } = plugin;
  return {
    name: plugin.name,
    version: plugin.version,
    summary: plugin.summary,
    topic: plugin.source.topic,
    title: present.title,
    chart: present.chart,
    by: present.by,
    sort: present.sort,
    window_seconds: stream.window.sizeSeconds,
    grain: batch.grain,
    grain_seconds: grainSeconds[batch.grain],
    needs_from: needsFrom(plugin),
    keys: keysOf(plugin),
    measures: plugin.shownColumns.map((column) => column.name),
    series_measures: seriesMeasures(plugin),
    units: Object.fromEntries(
      answerColumns(plugin, "all").flatMap(({ name, unit }) =>
        unit === undefined ? [] : [[name, unit]]
      ),
    ),
    layers: {
      merged: bucketsOf(plugin, "merged"),
      batch: bucketsOf(plugin, "batch"),
      speed: bucketsOf(plugin, "speed"),
    },
  };
}
