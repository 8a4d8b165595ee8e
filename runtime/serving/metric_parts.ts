/** The two sources of an answer as SELECTs of one shape: rows of the batch table, of the speed table. */
import { grainSeconds, type KeyColumn, type MeasureColumn, type Plugin } from "../plugin.ts";
import type { TimeRange } from "../model/recent.ts";
import type { QueryParams } from "../ports/ports.ts";
import {
  allTimeRowsSql,
  BatchLevel,
  boundRun,
  bucketStartSql,
  dayRowsWhere,
  type PluginTables,
  SpeedKind,
} from "../sql/tables.ts";
import type { Elements } from "../sql/merged_rows.ts";
import { readFrom, windowRanges } from "./grain_ranges.ts";
import { isUtc } from "./local_buckets.ts";
import { localBucketParameters, localBucketSql } from "./local_buckets_sql.ts";
import type { TypedBucket } from "./metric_info.ts";
import type { TypedQuery } from "./metric_query.ts";

/** A published run, as its pointer tells. */
export interface PublishedRun {
  readonly run: number;
  readonly fullRun: number;
  readonly skipped: readonly number[];
}

/** What both parts are built from. */
export interface PartsInput {
  readonly tables: PluginTables;
  readonly logId: string;
  readonly query: TypedQuery;
  /** The run to read; null when none is published. */
  readonly run: PublishedRun | null;
  /** The cut of the log that the speed table follows; the speed layer only tells parts by it. */
  readonly cut: readonly bigint[];
}

/**
 * What a statement tells beside its rows: nothing; how far they go, by frontier rows, whose column
 * `frontier` is partition + 1 and 0 in the others; or that and, by rows of their own, how much of each
 * row lies below the cut and how much above: `_part` is a {@link RowPart}.
 */
export type Tells = "nothing" | "frontier" | "parts";

/** The part of an answer that a row is of. */
export const RowPart = { merged: 0, batch: 1, speed: 2 } as const;

/** One step of a statement. */
export interface Part extends PartsInput {
  /** Keep only what the scalar `survivors`, an array of (bucket and) keys, names. */
  readonly survivorsOnly: boolean;
  readonly tells: Tells;
  /** The parameter that the range begins with. Default: `from`. */
  readonly since?: "from" | "read_from";
}

/** The columns before the others, of rows of the speed table and of the batch table. */
const frontierHeads = {
  speed: [`toUInt32(if(kind = ${SpeedKind.frontier}, partition + 1, 0)) AS frontier`, "version"],
  batch: ["toUInt32(0) AS frontier", "toUInt64(0) AS version"],
};
const heads: Readonly<Record<Tells, { readonly speed: string[]; readonly batch: string[] }>> = {
  nothing: { speed: [], batch: [] },
  frontier: frontierHeads,
  parts: {
    speed: frontierHeads.speed,
    batch: [...frontierHeads.batch, `toUInt8(${RowPart.batch}) AS _part`],
  },
};

/** The parameters that the parts bind. */
export function partParameters({ tables, query, run, cut }: PartsInput): QueryParams {
  const params: Record<string, QueryParams[string]> = {};
  for (const { column, value } of query.keys) params[`key_${column.name}`] = value;
  query.anyOf?.columns.forEach(({ name, type }, i) => {
    const values = query.anyOf!.keys.map((key) => key[i]);
    params[`any_${name}`] = type.kind === "boolean"
      ? values.map((v) => String(v) === "true")
      : values;
  });
  const { from, to, grains } = query;
  const times = {
    from,
    to,
    read_from: readFrom(tables.plugin, query),
    grains_from: grains?.from ?? null,
    grains_to: grains?.to ?? null,
  };
  for (const [name, time] of Object.entries(times)) {
    if (time !== null && time <= LAST_SECOND) params[name] = time;
  }
  if (run !== null && grains !== null) {
    params.run = run.run;
    params.full_run = run.fullRun;
    params.skipped = run.skipped;
  }
  if (query.layer !== "batch") Object.assign(params, cutParameters(cut));
  if (typeof query.bucket === "object") Object.assign(params, localBucketParameters(query.bucket));
  return params;
}

/** The rows of a key from which the elements of a joined column are made, in its range and before. */
export function elementsOf(
  part: Part,
  whole: PluginTables,
  column: MeasureColumn,
): Elements {
  const { query, tables: { plugin }, tells } = part;
  const tables = { ...whole, plugin: { ...whole.plugin, measureColumns: [column] } };
  const wider: Part = {
    ...part,
    tables,
    query: { ...query, bucket: "all" },
    survivorsOnly: false,
    tells: "nothing",
    since: "read_from",
  };
  const { sizeSeconds } = plugin.stream.window;
  const bucket = query.bucket === "all"
    ? []
    : query.bucket === "window"
    ? [bucketStartSql(sizeSeconds, "_start")]
    : [localBucketSql(query.bucket, "_start")];
  const keys = plugin.keyColumns.map(({ name }) => name);
  return {
    // What tells batch from speed counts events: elements may stand with either.
    rows: sourcesSql(wider),
    by: whole.plugin.keyColumns.map(({ name }) => name),
    heads: [...heads[tells].batch, ...bucket.map((start) => `${start} AS bucket`), ...keys],
    where: [
      "_start >= toDateTime({from:UInt32}, 'UTC')",
      ...semiJoin([...bucket, ...keys], part.survivorsOnly),
    ],
  };
}

/** The rows of both layers, as far as the question's layer takes them. */
export function sourcesSql(part: Part): string {
  const { query, run } = part;
  return [
    ...(query.grains === null || run === null ? [] : [batchPart(part)]),
    ...(query.layer === "batch" ? [] : [speedPart(part)]),
  ].join("\nUNION ALL\n");
}

/** The speed table's rows, in whole grains those at or above the cut; and frontier rows, if they tell. */
function speedPart(part: Part): string {
  const { query, cut, logId, tables, tells, since = "from" } = part;
  const keys = tables.plugin.keyColumns.map((key) => key.name);
  const bucket = query.bucket === "all" ? [] : [bucketStart(query.bucket, "window_start")];
  const conditions = [
    ...rangeSql("window_start", { from: query.from, to: query.to }, since, "to"),
    ...edgesWhere(query, cut),
    ...keyConditions(query),
    ...semiJoin([...bucket, ...keys], part.survivorsOnly),
  ];
  const ofRows = conditions.length === 0
    ? []
    : [`(kind = ${SpeedKind.frontier} OR (${conditions.join(" AND ")}))`];
  const where = [
    ...fromWhere(query, cut),
    ...(tells === "nothing" ? [`kind = ${SpeedKind.row}`, ...conditions] : ofRows),
  ];
  const columns = [
    ...heads[tells].speed,
    ...(tells === "parts" ? [`${partOf(cut)} AS _part`] : []),
    ...bucket.map((start) => `${start} AS bucket`),
    ...keys,
    ...measureNames(tables.plugin.measureColumns),
  ];
  // Every column of the condition belongs to the sorting key, on which all versions of a row agree:
  // so it may be applied before FINAL.
  return `SELECT ${columns.join(", ")}
FROM ${tables.speed(logId)} FINAL
PREWHERE ${where.join(" AND ") || "1"}`;
}

/** The batch table's rows of the run: all-time, day or grain rows, whichever are the fewest. */
export function batchPart(part: Part): string {
  const { query, tables, since = "from" } = part;
  const { plugin } = tables;
  const keys = plugin.keyColumns.map((key) => key.name);
  const measures = measureNames(plugin.measureColumns);
  const head = heads[part.tells].batch;
  if (query.bucket === "all" && query.from === null && query.to === null) {
    const where = [...keyConditions(query), ...semiJoin(keys, part.survivorsOnly)];
    return allTimeRowsSql(tables, where.join(" AND ") || "1", boundRun, head);
  }
  const bucket = query.bucket === "all" ? [] : [bucketStart(query.bucket, "bucket")];
  const grains = query.grains!;
  const where = [
    dayRowsWhere(tables, levelOf(query)),
    ...rangeSql("bucket", grains, grains.from === query.from ? since : "grains_from", "grains_to"),
    ...keyConditions(query),
    ...semiJoin([...bucket, ...keys], part.survivorsOnly),
  ];
  const columns = [...head, ...bucket.map((start) => `${start} AS bucket`), ...keys, ...measures];
  // The inner SELECT keeps the conditions on the stored bucket, not on its alias.
  return `SELECT ${columns.join(", ")}
FROM (SELECT bucket, ${[...keys, ...measures].join(", ")} FROM ${tables.batch}
WHERE ${where.join(" AND ")})`;
}

function levelOf({ bucket, grains }: TypedQuery) {
  const isWholeDays = (seconds: number) => seconds % grainSeconds.day === 0;
  return holdsDays(bucket) && [grains?.from ?? 0, grains?.to ?? 0].every(isWholeDays)
    ? BatchLevel.day
    : BatchLevel.grain;
}

/** Whether a bucket holds whole days of UTC. Windows may begin at any second. */
function holdsDays(bucket: TypedBucket): boolean {
  if (typeof bucket === "string") return bucket === "all";
  const { unit, count, zone } = bucket;
  return isUtc(zone) && (unit !== "second" || count % grainSeconds.day === 0);
}

/** Whether an SQL expression names a column. */
export const reads = (sql: string, column: string) => new RegExp(`\\b${column}\\b`).test(sql);

const measureNames = (columns: readonly MeasureColumn[]) => columns.map((column) => column.name);

/** The start of the bucket that `column`, a DateTime, falls into. */
const bucketStart = (bucket: Exclude<TypedBucket, "all">, column: string) =>
  bucket === "window" ? column : localBucketSql(bucket, column);

/** The last second of a ClickHouse DateTime, which wraps beyond it. */
const LAST_SECOND = 2 ** 32 - 1;

/**
 * The conditions of a range whose bounds are bound as `first` and `end`. It may end beyond all times:
 * then everything lies before its end.
 */
function rangeSql(column: string, { from, to }: TimeRange, first: string, end: string): string[] {
  return [
    ...(from === null ? [] : [`${column} >= toDateTime({${first}:UInt32}, 'UTC')`]),
    ...(to === null || to > LAST_SECOND ? [] : [`${column} < toDateTime({${end}:UInt32}, 'UTC')`]),
  ];
}

function keyConditions({ keys, anyOf }: TypedQuery): string[] {
  const conditions = keys.map(({ column }) =>
    `${column.name} = {key_${column.name}:${parameterType(column)}}`
  );
  if (anyOf === null) return conditions;
  const names = anyOf.columns.map(({ name }) => name);
  const lists = anyOf.columns.map((column) =>
    `{any_${column.name}:Array(${parameterType(column)})}`
  );
  const [tuple, values] = names.length === 1
    ? [names[0], lists[0]]
    : [`(${names.join(", ")})`, `arrayZip(${lists.join(", ")})`];
  return [...conditions, `${tuple} IN (${values})`];
}

/** An enumeration is compared by its text, which the engine turns into its code. */
const parameterType = ({ type, sqlType }: KeyColumn) =>
  type.kind === "enumeration" ? "String" : sqlType;

function semiJoin(columns: readonly string[], survivorsOnly: boolean): string[] {
  if (!survivorsOnly) return [];
  const tuple = columns.length === 1 ? columns[0] : `(${columns.join(", ")})`;
  return [`${tuple} IN (SELECT arrayJoin(survivors))`];
}

/** The condition on blocks where all of the range is whole grains. */
function fromWhere(query: TypedQuery, cut: readonly bigint[]): string[] {
  return windowRanges(query).length === 0 ? [fromCut(cut)] : [];
}

/** The condition on blocks where some of the range is whole grains. */
function edgesWhere(query: TypedQuery, cut: readonly bigint[]): string[] {
  const { grains } = query;
  if (grains === null || windowRanges(query).length === 0) return [];
  const { from, to } = query;
  const outside = [
    ...(grains.from === from ? [] : ["window_start < toDateTime({grains_from:UInt32}, 'UTC')"]),
    ...(grains.to === to ? [] : ["window_start >= toDateTime({grains_to:UInt32}, 'UTC')"]),
  ];
  return [`(${[...outside, fromCut(cut)].join(" OR ")})`];
}

/** The part that a row of the speed table belongs to. */
function partOf(cut: readonly bigint[]): string {
  if (cut.length === 0) return `toUInt8(${RowPart.speed})`;
  return `toUInt8(if(${fromCut(cut)}, ${RowPart.speed}, ${RowPart.batch}))`;
}

/**
 * Blocks at or above the cut; of a partition that the cut does not name, all. The first condition is
 * what the sorting key can answer, and as short for many partitions as for one.
 */
export function fromCut(cut: readonly bigint[]): string {
  return `(block >= {least_cut:UInt64} OR partition >= ${cut.length})
  AND block >= arrayElement({cut:Array(UInt64)}, partition + 1)`;
}

/** The values that {@link fromCut} binds. */
export function cutParameters(cut: readonly bigint[]): QueryParams {
  return { cut, least_cut: cut.reduce((least, at) => at < least ? at : least, cut[0] ?? 0n) };
}

/** The columns that tell one answer row from another. */
export function identityColumns(plugin: Plugin, bucket: TypedBucket): string[] {
  return [...(bucket === "all" ? [] : ["bucket"]), ...plugin.keyColumns.map((key) => key.name)];
}
