/** The rows of an earlier range beside those of an answer. */
import type { Plugin } from "../plugin.ts";
import { changesOf, type ComparedRanges } from "./comparison.ts";
import type { KeyValue, TypedQuery } from "./metric_query.ts";
import type { MetricSource } from "./metric_source.ts";
import { metricSql } from "./metric_sql.ts";
import { timeColumns } from "./metric_info.ts";

type Row = Readonly<Record<string, unknown>>;

const keyOf = ({ keyColumns }: Plugin, row: Row) =>
  keyColumns.map(({ name }) => row[name] as KeyValue);

/** Reads all rows of an earlier range that have a key of an answer's rows. */
export async function earlierRows(
  source: MetricSource,
  earlier: TypedQuery,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<Row[]> {
  const { plugin } = source.tables;
  const keys = new Map(
    rows.map((row) => keyOf(plugin, row)).map((key) => [JSON.stringify(key), key]),
  );
  const published = await source.asOf(earlier.layer, signal);
  const acknowledged = source.frontier();
  const query: TypedQuery = {
    ...earlier,
    anyOf: plugin.keyColumns.length === 0
      ? null
      : { columns: plugin.keyColumns, keys: [...keys.values()] },
    // Rows are put in their places, in whatever order they come.
    order: [],
    after: null,
  };
  const statement = metricSql({ ...source.inputs(published), query });
  const found = await source.inTurn(signal, () => source.ask(statement, signal));
  source.reached(query, found, published.cut, acknowledged);
  return found.filter((row) => Number(row.frontier) === 0);
}

/** Adds to rows of an answer what their keys had in the earlier range. */
export function comparedRows(
  plugin: Plugin,
  { bucket }: TypedQuery,
  { rows, found, back }: Pick<ComparedRanges, "back"> & {
    readonly rows: readonly Row[];
    readonly found: readonly Row[];
  },
): Row[] {
  const time = timeColumns(bucket).at(0)?.name;
  const startOf = (row: Row) => Date.parse(String(row[time!])) / 1000;
  const placeOf = (row: Row, move: (start: number) => number) =>
    JSON.stringify([time === undefined ? 0 : move(startOf(row)), ...keyOf(plugin, row)]);
  const before = new Map(found.map((row) => [placeOf(row, (start) => start), row]));
  return rows.map((row) => ({
    ...row,
    ...changesOf(plugin, row, before.get(placeOf(row, back))),
  }));
}
