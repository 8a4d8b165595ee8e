/**
 * The `events` relation that a plugin's SQL reads, and the SQL around the plugin's SQL.
 */
import { UserError } from "../errors.ts";
import { grainSeconds, type Plugin } from "../plugin.ts";
import { BatchLevel } from "../tables.ts";
import { archiveSql, belowCut } from "./archive_rows.ts";
import { type Repeats, repeatsCondition } from "./repeats.ts";
import { type BatchPlugin, type RunContext, statement } from "./run_context.ts";

/** The events of some days that count: below the cut, each identity once. Binds `days`. */
export function countedEventsSql(
  context: RunContext,
  days: readonly string[],
  repeats: Repeats,
): string {
  return `SELECT ${fieldsOf(context)} FROM ${archiveSql(context, days)}
WHERE ${belowCut} AND NOT (${repeatsCondition(repeats, "1")})`;
}

/** Those that count again in the speed layer: repeats that it could not see. Binds `days`. */
export function unseenEventsSql(
  context: RunContext,
  days: readonly string[],
  repeats: Repeats,
): string {
  return `SELECT ${fieldsOf(context)} FROM ${archiveSql(context, days)}
WHERE ${belowCut} AND (${repeatsCondition(repeats, "unseen")})`;
}

/** Every column, and the event time also by its name in the schema: the archive has it once. */
const fieldsOf = ({ schema }: RunContext) => `*, event_time AS ${schema.eventTime}`;

/**
 * A SELECT of `bucket`, the keys and the measures in the types of the batch table: the plugin's SQL
 * over the given events, each column by name.
 */
export function grainRowsSql(plugin: BatchPlugin, eventsSql: string): string {
  const { plugin: declared } = plugin.tables;
  const keys = declared.keyColumns.map(({ name, sqlType }) =>
    `CAST(returned.${name}, ${text(sqlType)}) AS ${name}`
  );
  const measures = declared.measureColumns.map(({ name, monoid, sqlType }) =>
    // A sum over no values is NULL in SQL and zero in the tables.
    monoid === "sum"
      ? `CAST(ifNull(returned.${name}, 0), ${text(sqlType)}) AS ${name}`
      : `CAST(returned.${name}, ${text(sqlType)}) AS ${name}`
  );
  return `WITH events AS (
${eventsSql}
)
SELECT ${[`${bucketSql(declared)} AS bucket`, ...keys, ...measures].join(", ")}
FROM (
${plugin.batchSql.replace(/[;\s]+$/, "")}
) AS returned`;
}

/** A text as an SQL literal. */
const text = (value: string) => `'${value.replace(/[\\']/g, "\\$&")}'`;

/**
 * `bucket` as a DateTime. A bucket that is not aligned, or not of a day that is recomputed, would
 * give rows that no reader takes: it fails the plugin instead.
 */
function bucketSql(plugin: Plugin): string {
  const { grain } = plugin.batch;
  const bucket = "CAST(returned.bucket, 'DateTime(\\'UTC\\')')";
  const aligned = `${bucket} = returned.bucket AND toUnixTimestamp(${bucket}) % ${
    grainSeconds[grain]
  } = 0`;
  const message = (what: string) => text(`Batch SQL of plugin ${plugin.name}: ${what}`);
  return `${bucket} + throwIf(NOT (${aligned}), ${
    message(`column bucket must be the start of the ${grain}`)
  }) + throwIf(toDate(${bucket}) NOT IN {days:Array(Date)}, ${
    message("column bucket must lie on the day of its events")
  })`;
}

/**
 * Checks that a plugin's SQL returns `bucket`, the keys and the measures, and nothing else.
 *
 * @throws UserError naming plugin and column.
 */
export async function checkColumns(
  context: RunContext,
  plugin: BatchPlugin,
  eventsSql: string,
  days: readonly string[],
): Promise<void> {
  const { plugin: declared } = plugin.tables;
  const described = await context.warehouse.query<{ name: string }>(
    `DESCRIBE TABLE (
WITH events AS (
${eventsSql}
)
SELECT * FROM (
${plugin.batchSql.replace(/[;\s]+$/, "")}
)
)`,
    statement(context, { days }),
  );
  const got = described.map((column) => column.name);
  const wanted = [
    "bucket",
    ...declared.keyColumns.map((key) => key.name),
    ...declared.measureColumns.map((measure) => measure.name),
  ];
  const fault = (what: string) =>
    new UserError(
      `Cannot run the batch SQL of plugin "${declared.name}": ${what}; ` +
        `wanted ${wanted.join(", ")}, got ${got.join(", ")}`,
    );
  for (const name of wanted) if (!got.includes(name)) throw fault(`column "${name}" is missing`);
  for (const name of got) {
    if (!wanted.includes(name)) throw fault(`column "${name}" is not declared`);
  }
}

/** Writes a run's grain rows. */
export function grainInsertSql(plugin: BatchPlugin, eventsSql: string): string {
  const { tables } = plugin;
  const columns = [
    "bucket",
    ...tables.plugin.keyColumns.map((key) => key.name),
    ...tables.plugin.measureColumns.map((measure) => measure.name),
  ].join(", ");
  return `INSERT INTO ${tables.batch} (level, run, ${columns})
SELECT ${BatchLevel.grain}, {run:UInt64}, ${columns} FROM (
${grainRowsSql(plugin, eventsSql)}
)`;
}
