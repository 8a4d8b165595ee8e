/** The statements of a time series, made of the same parts as any other answer. */
import type { MeasureColumn, Plugin, ShownColumn } from "../plugin.ts";
import { BatchLevel, boundRun, type PluginTables } from "../sql/tables.ts";
import { type CoveredRange, coveredRange } from "./grain_ranges.ts";
import type { KeyValue, TypedQuery } from "./metric_query.ts";
import { type MetricSql, metricSql, type MetricSqlInput } from "./metric_sql.ts";
import { cutParameters, fromCut, reads } from "./metric_parts.ts";
import type { SeriesRange, TypedSeries } from "./series_query.ts";

/** What the statements are built from. */
export type SeriesSqlInput = Omit<MetricSqlInput, "query">;

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
  return {
    sql: parts.join("\nUNION ALL\n"),
    params: {
      ...(layer === "merged" ? cutParameters(cut) : {}),
      ...(run === null ? {} : { run: run.run, full_run: run.fullRun }),
    },
    settings: {},
  };
}

/** Reads the greatest keys by the measure over the whole range. */
export function topKeysSql(
  input: SeriesSqlInput,
  query: TypedSeries,
  range: SeriesRange,
  top: number,
): MetricSql {
  const { keyColumns } = input.tables.plugin;
  return metricSql({
    ...input,
    tables: narrowed(input.tables, query, true),
    query: {
      ...within(input.tables.plugin, query, range),
      bucket: "all",
      anyOf: null,
      order: [
        { column: query.measure, descending: true },
        ...keyColumns.map(({ name }) => ({ column: name, descending: false })),
      ],
      limit: top,
    },
  });
}

/**
 * Reads the points: `bucket`, the key's columns where keys are told apart, the measure; and the
 * frontier rows. Points of all but the batch layer come thrice: whole, and how much of each is batch and speed, with the
 * events that each counts ({@link partEvents}) where the measure does not add up.
 *
 * @param keys those to tell apart; null for the sum over all of them.
 */
export function pointsSql(
  input: SeriesSqlInput,
  query: TypedSeries,
  range: SeriesRange,
  keys: readonly (readonly KeyValue[])[] | null,
): MetricSql {
  return metricSql({
    ...input,
    tables: narrowed(input.tables, query, keys !== null),
    whole: input.tables,
    query: {
      ...within(input.tables.plugin, query, range),
      bucket: range.bucket,
      anyOf: keys && { columns: input.tables.plugin.keyColumns, keys },
      // Points are put in their places, in whatever order they come.
      order: [],
      limit: range.time.length * (keys?.length ?? 1),
    },
    tells: query.layer === "batch" ? "frontier" : "parts",
  });
}

/** The column of {@link pointsSql} that counts the events behind a value. */
export const partEvents = "_events";

/**
 * How a measure is told apart into batch and speed: `values` add up; of others, the column that counts
 * the `events` behind them; null where the plugin keeps none.
 */
export function partsOf(
  { measureColumns, shownColumns }: Plugin,
  measure: string,
): { readonly by: "values" } | { readonly by: "events"; readonly column: MeasureColumn } | null {
  const { sql } = shownColumns.find(({ name }) => name === measure)!;
  const own = measureColumns.find(({ name }) => name === sql);
  if (own?.additive) return { by: "values" };
  const column =
    measureColumns.find(({ name, counts }) => counts === "values" && reads(sql, name)) ??
      measureColumns.find(({ counts }) => counts === "events");
  return column === undefined ? null : { by: "events", column };
}

/** The times of a series: its buckets, or the part of them that was asked for. */
export function timesOf(
  plugin: Plugin,
  { layer, from, to }: TypedSeries,
  { bucket, time, end }: SeriesRange,
): CoveredRange {
  return coveredRange(plugin, layer, bucket, { from: from ?? time[0], to: to ?? end });
}

function within(plugin: Plugin, query: TypedSeries, range: SeriesRange) {
  const { layer, zone, keys } = query;
  return {
    layer,
    zone,
    keys,
    after: null,
    waitFor: null,
    ...timesOf(plugin, query, range),
  } satisfies Partial<TypedQuery>;
}

/** The plugin with the measure alone; without keys it is summed up over all of them. */
function narrowed(
  tables: PluginTables,
  { layer, measure }: TypedSeries,
  byKey: boolean,
): PluginTables {
  const { plugin } = tables;
  const shown = plugin.shownColumns.find((column) => column.name === measure)!;
  const parts = partsOf(plugin, measure);
  const events = layer !== "batch" && parts?.by === "events" ? parts.column : null;
  const measureColumns = plugin.measureColumns.filter((column) =>
    column === events || reads(shown.sql, column.name)
  );
  const keyColumns = byKey ? plugin.keyColumns : [];
  const counted: ShownColumn[] = events === null
    ? []
    : [{ name: partEvents, type: "integer", sql: `merged.${events.name}`, of: null }];
  const of: Plugin = { ...plugin, keyColumns, measureColumns, shownColumns: [shown, ...counted] };
  return { ...tables, plugin: of };
}
