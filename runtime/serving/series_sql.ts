/** The statements of a time series, made of the same parts as any other answer. */
import type { Plugin } from "../plugin.ts";
import { BatchLevel, boundRun, type PluginTables } from "../tables.ts";
import { type MetricSql, metricSql } from "./metric_sql.ts";
import { fromCut, type PartsInput } from "./metric_parts.ts";
import type { SeriesRange, TypedSeries } from "./series_query.ts";

/** What the statements are built from. */
export type SeriesSqlInput = Omit<PartsInput, "query"> & { readonly frontierRows: number };

/** Reads where the data begins and ends: `first` and `last` in seconds since 1970 UTC, by source. */
export function boundsSql(input: SeriesSqlInput, { layer }: TypedSeries): MetricSql {
  const { tables, logId, run, cut } = input;
  const days = `SELECT toUnixTimestamp(min(bucket)) AS first,
  toUnixTimestamp(max(bucket)) + 86400 AS last
FROM ${tables.batch} WHERE level = ${BatchLevel.marker} AND run <= ${boundRun.run}
  AND run >= ${boundRun.fullRun} HAVING count() > 0`;
  const size = tables.plugin.stream.window.sizeSeconds;
  const windows = `SELECT toUnixTimestamp(min(window_start)) AS first,
  toUnixTimestamp(max(window_start)) + ${size} AS last
FROM ${tables.speed(logId)} WHERE kind = 0${layer === "speed" ? "" : ` AND ${fromCut(cut)}`}
HAVING count() > 0`;
  const parts = [
    ...(layer === "speed" || run === null ? [] : [days]),
    ...(layer === "batch" ? [] : [windows]),
  ];
  const offsets = layer === "batch" || layer === "speed"
    ? []
    : cut.map((at, partition) => [`cut_${partition}`, at] as const);
  return {
    sql: parts.join("\nUNION ALL\n"),
    params: {
      ...Object.fromEntries(offsets),
      ...(run === null ? {} : { run: run.run, full_run: run.fullRun }),
    },
    settings: {},
  };
}

/**
 * Reads the points: `bucket`, the key's columns where keys are told apart, the measure; and the
 * frontier rows.
 */
export function pointsSql(
  input: SeriesSqlInput,
  query: TypedSeries,
  { start, bucketSeconds, points }: SeriesRange,
): MetricSql {
  return metricSql({
    ...input,
    tables: narrowed(input.tables, query),
    query: {
      layer: query.layer,
      bucket: bucketSeconds,
      from: query.from ?? start,
      to: query.to ?? start + points * bucketSeconds,
      keys: query.keys,
      order: [{ column: "bucket", descending: false }],
      limit: points,
      after: null,
      waitFor: null,
    },
  });
}

/** The plugin with the measure alone, and without keys: summed up over all of them. */
function narrowed(tables: PluginTables, { measure }: TypedSeries): PluginTables {
  const { plugin } = tables;
  const shown = plugin.shownColumns.find((column) => column.name === measure)!;
  const measureColumns = plugin.measureColumns.filter((column) =>
    new RegExp(`\\b${column.name}\\b`).test(shown.sql)
  );
  const of: Plugin = { ...plugin, keyColumns: [], measureColumns, shownColumns: [shown] };
  return { ...tables, plugin: of };
}
