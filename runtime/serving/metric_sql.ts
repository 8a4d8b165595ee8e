/**
 * The statement of one answer: batch rows of one run, speed rows from its cut on, merged by key and
 * bucket, and the frontier rows, all from one scan of the speed table: so the rows and the frontier
 * of the answer belong to one moment.
 *
 * The column `frontier` is 0 in a data row and partition + 1 in a frontier row, whose `version` is
 * how far that partition's rows go.
 */
import type { MeasureColumn, Plugin } from "../plugin.ts";
import type { QueryParams } from "../ports/ports.ts";
import { isJoined, joinedColumns, mergedRowsSql } from "../sql/merged_rows.ts";
import type { PluginTables } from "../sql/tables.ts";
import type { OrderTerm } from "./metric_query.ts";
import {
  elementsOf,
  identityColumns,
  partParameters,
  type PartsInput,
  reads,
  sourcesSql,
  type Tells,
} from "./metric_parts.ts";
import { afterParameters, behindSql } from "./metric_page.ts";

/** What a statement is built from. */
export interface MetricSqlInput extends PartsInput {
  /** How many frontier rows to make room for beside `limit` data rows. */
  readonly frontierRows: number;
  /** Threads that a statement may have. */
  readonly threads: number;
  /** The metric with all of its keys, where `tables` has fewer. Default: `tables`. */
  readonly whole?: PluginTables;
  /** What it tells beside its rows. Default: `frontier`. */
  readonly tells?: Exclude<Tells, "nothing">;
}

/** A statement with its bound parameters. */
export interface MetricSql {
  readonly sql: string;
  readonly params: QueryParams;
  readonly settings: Readonly<Record<string, number>>;
}

/** Builds the statement that answers a question. With an order, frontier rows come first. */
export function metricSql(input: MetricSqlInput): MetricSql {
  const { tables: { plugin }, query, frontierRows, tells = "frontier" } = input;
  const ranking = plugin.measureColumns.filter((column) => orderReads(plugin, query.order, column));
  const large = plugin.measureColumns.some((column) => column.large && !ranking.includes(column));
  const ordered = query.order.length > 0;
  // Large states cost far more to merge than numbers: where the order does not need them, a first
  // step ranks without them and only the rows that survive merge theirs. As a scalar it runs once.
  const ranked = large && ordered;
  const columns = identityColumns(plugin, query.bucket);
  const survivors = ranked
    ? `WITH (SELECT groupArray(${columns.length === 1 ? columns[0] : `(${columns.join(", ")})`})
FROM (${shownSql(input, ranking, false, "nothing")}
LIMIT ${query.limit})) AS survivors
`
    : "";
  return {
    sql: `${survivors}${shownSql(input, plugin.measureColumns, ranked, tells)}${
      ordered ? `\nLIMIT ${query.limit + frontierRows}` : ""
    }${threadsSql(input)}`,
    params: { ...partParameters(input), ...afterParameters(query) },
    // All steps must see the same parts of the speed table.
    settings: ranked || joinedColumns(plugin).length > 0
      ? { enable_shared_storage_snapshot_in_query: 1 }
      : {},
  };
}

/** Builds the statement that counts the rows of an answer on all of its pages, by key and bucket. */
export function countSql(
  input: PartsInput & Pick<MetricSqlInput, "threads">,
): MetricSql {
  const tables = withMeasures(input.tables, []);
  const rows = sourcesSql({ ...input, tables, survivorsOnly: false, tells: "nothing" });
  return {
    sql: `SELECT count() AS rows FROM (
SELECT 1 FROM (
${rows}
) GROUP BY ${identityColumns(tables.plugin, input.query.bucket).join(", ")}
)${threadsSql(input)}`,
    params: partParameters(input),
    settings: {},
  };
}

/**
 * Threads for a statement, in its text: settings beside it cost a connection. Where cores are few the
 * statements that run at once have one each; setting up more costs more than they save. The skip
 * index tells times apart, so that without a range it is read for nothing.
 */
function threadsSql({ query, threads }: Pick<MetricSqlInput, "query" | "threads">): string {
  const index = query.from === null && query.to === null ? ", use_skip_indexes = 0" : "";
  return `\nSETTINGS max_threads = ${threads}${index}`;
}

function orderReads(plugin: Plugin, order: readonly OrderTerm[], column: MeasureColumn): boolean {
  return plugin.shownColumns.some((shown) =>
    reads(shown.sql, column.name) && order.some((term) => term.column === shown.name)
  );
}

const shownHeads = {
  nothing: [],
  frontier: ["frontier", "version"],
  parts: ["frontier", "version", "_part"],
};

/** Merged, shown and ordered rows. */
function shownSql(
  input: MetricSqlInput,
  measures: readonly MeasureColumn[],
  survivorsOnly: boolean,
  tells: Tells,
): string {
  const { tables: { plugin }, query } = input;
  const tables = withMeasures(input.tables, measures);
  const names = new Set(measures.map((column) => column.name));
  const readable = plugin.shownColumns.filter((shown) =>
    plugin.measureColumns.every((column) =>
      names.has(column.name) || !reads(shown.sql, column.name)
    )
  );
  const time = {
    all: [],
    window: [
      "bucket AS window_start",
      `bucket + ${plugin.stream.window.sizeSeconds} AS window_end`,
    ],
  }[query.bucket as string] ?? [];
  const columns = [
    ...shownHeads[tells],
    ...identityColumns(plugin, query.bucket),
    ...time,
    ...readable.map((shown) =>
      shown.sql === shown.name ? shown.name : `${shown.sql} AS ${shown.name}`
    ),
  ];
  const order = query.order.map((term) => `${term.column}${term.descending ? " DESC" : ""}`);
  const shown = `SELECT ${columns.join(", ")} FROM (
${mergedSql(input, tables, survivorsOnly, tells)}
) AS merged`;
  if (order.length === 0) return shown;
  return `${query.after === null ? shown : afterSql(input, shown, tells)} ORDER BY ${
    [...(tells === "nothing" ? [] : ["frontier DESC"]), ...order].join(", ")
  }`;
}

/** Only the rows behind the cursor's; around the shown columns, whose names are not the tables'. */
function afterSql({ tables, query }: MetricSqlInput, shown: string, tells: Tells): string {
  const behind = behindSql(tables.plugin, query);
  return `SELECT * FROM (
${shown}
) WHERE ${tells === "nothing" ? behind : `frontier > 0 OR (${behind})`}`;
}

const withMeasures = (
  tables: PluginTables,
  measureColumns: readonly MeasureColumn[],
): PluginTables => ({ ...tables, plugin: { ...tables.plugin, measureColumns } });

function mergedSql(
  input: MetricSqlInput,
  tables: PluginTables,
  survivorsOnly: boolean,
  tells: Tells,
): string {
  const { query, whole = input.tables } = input;
  const { measureColumns } = tables.plugin;
  const part = { ...input, tables, survivorsOnly, tells };
  const plain = measureColumns.filter((column) => !isJoined(column));
  const identity = identityColumns(tables.plugin, query.bucket);
  const group = [...(tells === "nothing" ? [] : ["frontier"]), ...identity];
  const columns = [
    ...group,
    ...(tells === "parts" ? ["_part"] : []),
    ...(tells === "nothing" ? [] : ["max(version) AS version"]),
  ];
  const by = group.join(", ");
  return mergedRowsSql({
    measureColumns,
    columns,
    heads: [...shownHeads[tells], ...identity],
    rows: sourcesSql({ ...part, tables: withMeasures(tables, plain) }),
    elements: (column) => elementsOf(part, whole, column),
    // A row without its part is the merged one: there `_part` is 0.
    groupBy: tells === "parts" ? `GROUPING SETS ((${by}), (${by}, _part))` : by || "()",
  });
}
