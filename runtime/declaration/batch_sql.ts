/** The batch SQL that follows from a declaration. */
import type { Grain, Plugin } from "../plugin.ts";

/** The columns of a declaration that have a name before the measures are read. */
type Named = Pick<Plugin, "computed" | "keyColumns" | "measures">;

/**
 * Gives the SQL of columns, declared or computed. A field that a key or a column of a measure may
 * hide is named as `events.<field>`.
 */
export function columnSql({ computed, keyColumns, measures }: Named): (column: string) => string {
  const outputs = ["bucket", ...Object.keys(measures)];
  // Columns of measures have names such as `<measure>_sum` and `<field>_quantiles`.
  const starts = [...outputs, ...Object.values(measures).map(({ field }) => field)];
  const isHidden = (field: string) =>
    keyColumns.some((key) => key.name === field && key.field !== field) ||
    outputs.includes(field) || starts.some((start) => field.startsWith(`${start}_`));
  const fieldSql = (field: string) => isHidden(field) ? `events.${field}` : field;
  return (column) =>
    Object.hasOwn(computed, column) ? computed[column].expression!.sql(fieldSql) : fieldSql(column);
}

/** What the SQL is made from. */
type Defined = Named & Pick<Plugin, "source" | "where" | "measureColumns"> & {
  readonly grain: Grain;
};

/** The function of the batch SQL that gives the start of a grain. */
export const grainStarts: Readonly<Record<Grain, string>> = {
  minute: "toStartOfMinute",
  "5minute": "toStartOfFiveMinutes",
  "15minute": "toStartOfFifteenMinutes",
  hour: "toStartOfHour",
  day: "toStartOfDay",
};

/**
 * A SELECT over `events` of the bucket, the keys and the measures' columns: what the speed layer
 * computes.
 */
export function generatedSql(defined: Defined): string {
  const { source, where, keyColumns, measureColumns } = defined;
  const sqlOf = columnSql(defined);
  const columns = [
    `${grainStarts[defined.grain]}(${sqlOf("event_time")}) AS bucket`,
    ...keyColumns.map(({ name, field }) => as(sqlOf(field), name)),
    ...measureColumns.map((column) => as(column.buildSql(), column.name)),
  ];
  const groups = ["bucket", ...keyColumns.map(({ name }) => name)];
  // The name of a group that is also another field's could be read as that field.
  const ambiguous = groups.some((name) =>
    Object.hasOwn(source.fields, name) && sqlOf(name) !== name
  );
  return `SELECT
    ${columns.join(",\n    ")}
FROM events${where === undefined ? "" : `\nWHERE ${where.sql(sqlOf)}`}
GROUP BY ${ambiguous ? "ALL" : groups.join(", ")}`;
}

const as = (sql: string, name: string) => sql === name ? name : `${sql} AS ${name}`;
