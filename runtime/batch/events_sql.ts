/**
 * The `events` relation that a plugin's SQL reads, and the SQL around the plugin's SQL.
 */
import { UserError } from "../std/errors.ts";
import { returned, type ReturnedType } from "../measures/measure.ts";
import { grainSeconds, type Plugin } from "../plugin.ts";
import type { StatementOptions, Warehouse } from "../ports/ports.ts";
import { BatchLevel, type PluginTables } from "../sql/tables.ts";
import { sqlText } from "../std/sql_text.ts";
import { archiveSql, belowCut } from "./archive_rows.ts";
import { type Repeats, repeatsCondition } from "./repeats.ts";
import type { RunContext } from "./run_context.ts";
import type { BatchPlugin } from "./plugin_step.ts";

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

/** A declaration and its batch SQL. */
export interface DeclaredSql {
  readonly tables: Pick<PluginTables, "plugin">;
  readonly batchSql: string;
}

/**
 * A SELECT of `bucket`, the keys and the measures in the types of the batch table: the plugin's SQL
 * over the given events, each column by name.
 */
export function grainRowsSql(plugin: DeclaredSql, eventsSql: string): string {
  const { plugin: declared } = plugin.tables;
  const columns = columnsOf(declared);
  const values = columns.map(({ name, value, sqlType }) =>
    `CAST(${value}, ${sqlText(sqlType)}) AS ${name}`
  );
  return `WITH events AS (
${eventsSql}
)
SELECT ${[`${bucketSql(declared)}${checksSql(declared)} AS bucket`, ...values].join(", ")}
FROM (
${plugin.batchSql.replace(/[;\s]+$/, "")}
) AS returned`;
}

/** A column that a plugin's SQL has to return. */
interface WantedColumn {
  readonly name: string;
  readonly sqlType: string;
  /** What goes into the table, before it is cast. */
  readonly value: string;
  readonly mayBeNull: boolean;
  readonly returns: ReturnedType;
}

function columnsOf({ keyColumns, measureColumns }: Plugin): WantedColumn[] {
  const keys = keyColumns.map(({ name, sqlType, type }): WantedColumn => {
    const isNumber = type.kind === "uint32" || type.kind === "boolean";
    const value = `assumeNotNull(returned.${name})`;
    const returns = isNumber ? returned.number : returned.text;
    return { name, sqlType, value, mayBeNull: false, returns };
  });
  const measures = measureColumns.map((column): WantedColumn => {
    const { name, sqlType, returns } = column;
    return { name, sqlType, value: column.storedSql(`returned.${name}`), mayBeNull: true, returns };
  });
  return [...keys, ...measures];
}

/**
 * Checks of each row, to be added to its bucket. A cast alone would turn −1 into 1.8e19 and 0.29 of a
 * Float64 into 0.28: what the column's type does not hold exactly fails the plugin instead.
 */
function checksSql(plugin: Plugin): string {
  const failsIf = (condition: string, what: string) =>
    ` + throwIf(${condition}, ${sqlText(`Batch SQL of plugin ${plugin.name}: ${what}`)})`;
  return columnsOf(plugin).map(({ name, sqlType, value, mayBeNull, returns }) => {
    const null_ = mayBeNull
      ? ""
      : failsIf(`isNull(returned.${name})`, `column ${name} must not be null`);
    const inexact = !returns.exact ? "" : failsIf(
      `ifNull(CAST(${value}, ${sqlText(sqlType)}) != ${value}, 0)`,
      `column ${name} has a value that ${sqlType} does not hold exactly`,
    );
    return null_ + inexact;
  }).join("");
}

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
  const message = (what: string) => sqlText(`Batch SQL of plugin ${plugin.name}: ${what}`);
  return `${bucket} + throwIf(NOT (${aligned}), ${
    message(`column bucket must be the start of the ${grain}`)
  }) + throwIf(toDate(${bucket}) NOT IN {days:Array(Date)}, ${
    message("column bucket must lie on the day of its events")
  })`;
}

/**
 * Checks that a plugin's SQL returns `bucket`, the keys and the measures in types that fit, and
 * nothing else.
 *
 * @throws UserError naming plugin and column.
 */
export async function checkColumns(
  warehouse: Pick<Warehouse, "query">,
  plugin: DeclaredSql,
  eventsSql: string,
  options: StatementOptions = {},
): Promise<void> {
  const { plugin: declared } = plugin.tables;
  const described = await warehouse.query<{ name: string; type: string }>(
    `DESCRIBE TABLE (
WITH events AS (
${eventsSql}
)
SELECT * FROM (
${plugin.batchSql.replace(/[;\s]+$/, "")}
)
)`,
    options,
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
        `expected ${wanted.join(", ")}, got ${got.join(", ")}`,
    );
  for (const name of wanted) if (!got.includes(name)) throw fault(`column "${name}" is missing`);
  for (const name of got) {
    if (!wanted.includes(name)) throw fault(`column "${name}" is not declared`);
  }
  const types = new Map(described.map((column) => [column.name, column.type]));
  for (const { name, returns } of columnsOf(declared)) {
    const got = types.get(name)!;
    if (!returns.pattern.test(got)) {
      throw new UserError(
        `Cannot run the batch SQL of plugin "${declared.name}": column "${name}" must be ` +
          `${returns.words}, got ${got}`,
      );
    }
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
