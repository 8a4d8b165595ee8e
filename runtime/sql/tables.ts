/**
 * The tables that hold the layers' state, and the SQL that reads them. Both layers, the serving
 * layer and the relations use the same fragments, so there is one way to read a table.
 *
 * **Speed** (`state_speed_…`): one row per (block, window, key) and partition, versioned by the
 * offset it covers; the rows of a flush and its frontier row are one insert. ReplacingMergeTree keeps
 * the highest version. Partition and block lead the sorting key, because the merge reads from the
 * cut on. `_rows_hash` of a block's frontier row is the sum of {@link rowHashSql} over the block's
 * rows, modulo 2³²; 0 where an earlier build wrote the frontier row, and in all other rows.
 *
 * **Batch** (`state_batch_…`): immutable rows by run. A run's rows are written first, its pointer
 * (with the cut) and its day markers last, in one insert: without them nothing of a run is read.
 */
import { grainSeconds, type Plugin } from "../plugin.ts";
import { defaultSql } from "../std/sql_text.ts";

/** `kind` of a row of a speed table. */
export const SpeedKind = { row: 0, frontier: 1 } as const;

/** `level` of a row of a batch table. */
export const BatchLevel = {
  pointer: 0,
  marker: 1,
  grain: 2,
  day: 3,
  all: 4,
  /** `run` is a number below the floor that was never published. */
  skipped: 5,
  /** `run` is the floor: the pointers of lower runs may be gone. */
  floor: 6,
} as const;

/** A condition that selects what a run computed: rows of grain, day and all-time. */
export const computedRows = `level BETWEEN ${BatchLevel.grain} AND ${BatchLevel.all}`;

/** The start of the bucket of so many seconds that a time lies in, as a DateTime. */
export const bucketStartSql = (seconds: number, time: string): string =>
  `toDateTime(intDiv(toUInt32(${time}), ${seconds}) * ${seconds}, 'UTC')`;

/** The start of the grain that a row of the speed layer lies in. */
export const grainStartSql = ({ batch }: Plugin): string =>
  bucketStartSql(grainSeconds[batch.grain], "window_start");

/** A plugin with the names of its tables. */
export interface PluginTables {
  readonly plugin: Plugin;
  readonly generation: string;
  readonly batch: string;
  /** The speed table of one log. */
  speed(logId: string): string;
}

/** The tables of a plugin's generation. */
export function tablesOf(plugin: Plugin, generation: string): PluginTables {
  return {
    plugin,
    generation,
    batch: `state_batch_${plugin.name}_${generation}`,
    speed: (logId) => `state_speed_${plugin.name}_${generation}_${logId.replaceAll("-", "_")}`,
  };
}

const keyDdl = (plugin: Plugin) =>
  plugin.keyColumns.map((k) => `${k.name} ${k.sqlType}, `).join("");
const measureDdl = (plugin: Plugin) =>
  plugin.measureColumns.map((m) => `${m.name} ${m.sqlType}, `).join("");
const keyList = (plugin: Plugin) => plugin.keyColumns.map((k) => `, ${k.name}`).join("");

/** Small granules: a question for one key unpacks the sets of a thousand rows, not of eight. */
const pointReads = "SETTINGS index_granularity = 1024";

/** The column of a speed table that tables of earlier builds lack. */
export const rowsHashColumn = "_rows_hash UInt32";

/** Columns of a speed table in the order of its RowBinary rows. */
export function speedColumns(plugin: Plugin): string[] {
  return [
    "kind",
    "partition",
    "block",
    "window_start",
    ...plugin.keyColumns.map((key) => key.name),
    ...plugin.measureColumns.map((measure) => measure.name),
    "version",
    "_rows_hash",
  ];
}

/**
 * The hash of a row of a speed table: of what the speed layer wrote between block and version, in the
 * same bytes. It does not depend on when the row was flushed, so the sum over the rows of a block is,
 * like the rows, decided by the log, the generation and the block's frontier.
 */
export function rowHashSql({ keyColumns, measureColumns }: Plugin): string {
  const names = [...keyColumns, ...measureColumns].map(({ name }) => name);
  return `murmurHash3_32(formatRow('RowBinary', ${["window_start", ...names].join(", ")}))`;
}

/**
 * Creates the speed table of one log. It has one table partition: an insert is one part then, all of
 * which appears at once, however many log partitions are in it. The log partition leads the sorting
 * key: without it two partitions' rows of the same block, window and key would replace each other.
 * The key comes before the window, so that a question for one key reads a granule per block; times are told apart
 * by the block, which is open for a minute at most, and by the index. It has `kind` beside the time,
 * because readers ask for `kind = 1 OR window_start …`.
 */
export function createSpeedTable(tables: PluginTables, logId: string): string {
  const { plugin } = tables;
  return `CREATE TABLE IF NOT EXISTS ${tables.speed(logId)} (
  kind UInt8, partition UInt32, block UInt64, window_start DateTime('UTC'),
  ${keyDdl(plugin)}${measureDdl(plugin)}version UInt64, ${rowsHashColumn},
  INDEX window_start_range (kind, window_start) TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
ORDER BY (partition, block, kind${keyList(plugin)}, window_start)
${pointReads}`;
}

/** Creates the batch table. Pointers and markers share one table partition: one atomic insert. */
export function createBatchTable(tables: PluginTables): string {
  const { plugin } = tables;
  return `CREATE TABLE IF NOT EXISTS ${tables.batch} (
  level UInt8, run UInt64, bucket DateTime('UTC'),
  ${keyDdl(plugin)}${measureDdl(plugin)}
  day_rows UInt64, full_run UInt64, cut Map(String, Array(UInt64))
) ENGINE = MergeTree PARTITION BY if(level < ${BatchLevel.grain}, 0, toYYYYMM(bucket))
ORDER BY (level, bucket${keyList(plugin)}, run)
${pointReads}`;
}

/**
 * The newest published run: one row of `run`, `full_run`, `cut`, `published` (when) and `skipped`, or none. Skipped are
 * the numbers from the full run on that were claimed and never published: their rows count nowhere.
 * From the floor on they are the numbers without a pointer; below it, where pointers are removed,
 * they have rows of their own. One scan sees both, so a floor is never seen without its rows.
 */
export function pointerSql(tables: PluginTables): string {
  const { pointer, skipped, floor } = BatchLevel;
  const pointers = `kind = ${pointer}`;
  return `SELECT maxIf(number, ${pointers}) AS run, argMaxIf(of_full, number, ${pointers}) AS full_run,
  argMaxIf(of_cut, number, ${pointers}) AS cut, bitmapToArray(bitmapOr(
    groupBitmapStateIf(number, kind = ${skipped}),
    bitmapAndnot(
      bitmapBuild(range(greatest(full_run, maxIf(number, kind = ${floor})), run + 1)),
      groupBitmapStateIf(number, ${pointers})
    )
  )) AS skipped, maxIf(at, ${pointers}) AS published
FROM (
  SELECT level AS kind, run AS number, full_run AS of_full, cut AS of_cut, bucket AS at
  FROM ${tables.batch}
  WHERE level IN (${pointer}, ${skipped}, ${floor})
) HAVING countIf(${pointers}) > 0`;
}

/**
 * Which run to read, as SQL: bound parameters (`{run:UInt64}`) in the API, names of a scalar
 * subquery in a view.
 */
export interface RunSql {
  readonly run: string;
  readonly fullRun: string;
  /** An array of the skipped runs. */
  readonly skipped: string;
}

/** The usual parameters for {@link RunSql}. */
export const boundRun: RunSql = {
  run: "{run:UInt64}",
  fullRun: "{full_run:UInt64}",
  skipped: "{skipped:Array(UInt64)}",
};

/**
 * The condition that selects a run's rows of level grain or day: per day, all rows of the largest
 * published run not above it and not older than the last full run.
 */
export function dayRowsWhere(
  tables: PluginTables,
  level: typeof BatchLevel.grain | typeof BatchLevel.day,
  at: Pick<RunSql, "run" | "fullRun"> = boundRun,
): string {
  return `level = ${level} AND (toDate(bucket), run) IN (` +
    `SELECT toDate(bucket), max(run) FROM ${tables.batch} ` +
    `WHERE level = ${BatchLevel.marker} AND run <= ${at.run} AND run >= ${at.fullRun} ` +
    `GROUP BY toDate(bucket))`;
}

/**
 * All-time rows as of a run: per key the row of the largest published run not above it. Columns:
 * the keys and the measure columns.
 *
 * @param where a further condition on the keys, such as `movie_id = {key_movie_id:UInt32}`.
 * @param first constant columns before the others: `toUInt32(0) AS frontier`.
 */
export function allTimeRowsSql(
  tables: PluginTables,
  where = "1",
  at: RunSql = boundRun,
  first: readonly string[] = [],
): string {
  const { plugin, batch } = tables;
  const keys = plugin.keyColumns.map((key) => key.name);
  // argMax skips rows whose value is NULL, a one-element tuple is never NULL.
  const latest = plugin.measureColumns.map(({ name, sqlType }) =>
    sqlType.startsWith("Nullable")
      ? `tupleElement(argMax(tuple(${name}), run), 1) AS ${name}`
      : `argMax(${name}, run) AS ${name}`
  );
  // Their bucket is the column's default: with it the rows are found by the sorting key.
  return `SELECT ${[...first, ...keys, ...latest].join(", ")} FROM ${batch} AS t
WHERE level = ${BatchLevel.all} AND bucket = toDateTime(0, 'UTC') AND run <= ${at.run} AND run >= ${at.fullRun}
  AND NOT has(${at.skipped}, run) AND (${where})
GROUP BY ${keys.length > 0 ? keys.join(", ") : "()"} HAVING argMax(day_rows, run) > 0`;
}

/** The measure columns merged for all time; joined elements have no such roll-up. */
export function allTimeMeasures(plugin: Plugin, condition?: string): string {
  return plugin.measureColumns.map((column) =>
    column.joinSeconds === undefined
      ? column.mergeSql(`t.${column.name}`, condition)
      : defaultSql(column.sqlType)
  ).join(", ");
}

/** The measure columns merged over rows, each under its own name. */
export function mergedMeasures(plugin: Plugin): string {
  return plugin.measureColumns.map((column) => `${column.mergeSql(column.name)} AS ${column.name}`)
    .join(", ");
}
