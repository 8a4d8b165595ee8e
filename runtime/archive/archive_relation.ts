/** The archive as SQL: its columns, and the relation that reads a list of files. */
import { clickHouseType, type EventSchema } from "../events.ts";
import type { ArchiveFile, ObjectStore } from "../ports/ports.ts";

/** Above so many days one `*` is cheaper than their names. */
const MAX_NAMED_DAYS = 366;

/** The columns of an event file with their ClickHouse types. */
export function eventColumns(schema: EventSchema): [name: string, type: string][] {
  return [
    ["event_time", "DateTime64(9, 'UTC')"],
    ...schema.fieldNames.filter((name) => name !== schema.eventTime)
      .map((name): [string, string] => [name, clickHouseType(schema.fields[name])]),
    ["log", "String"],
    ["partition", "UInt32"],
    ["offset", "UInt64"],
    ["append_time", "DateTime64(3, 'UTC')"],
    ["raw", "String"],
  ];
}

/** The columns as `tableFunction` takes them. */
export function structureOf(columns: readonly (readonly [string, string])[]): string {
  return columns.map(([name, type]) => `${name} ${type}`).join(", ");
}

/**
 * The relation of the rows of the given files, and of no other file. A file that is missing would be
 * passed over: see {@link ArchiveReader.check}.
 */
export function relationSql(
  schema: EventSchema,
  store: ObjectStore,
  files: readonly ArchiveFile[],
): string {
  const columns = eventColumns(schema);
  const names = columns.map(([name]) => name).join(", ");
  const sides = (["compacted", "events"] as const).flatMap((folder) => {
    const own = files.filter(({ name }) => name.startsWith(`${schema.topic}/${folder}/`));
    if (own.length === 0) return [];
    const days = [...new Set(own.map(({ day }) => day))];
    const glob = `${schema.topic}/${folder}/dt=${daysGlob(days)}/*.parquet`;
    const from = store.tableFunction(glob, structureOf(columns));
    return [`SELECT ${names} FROM ${from} WHERE ${isOneOf(own)}`];
  });
  return sides.length === 0 ? emptySql(columns) : `(${sides.join(" UNION ALL ")})`;
}

/** Days as a part of a glob. */
export function daysGlob(days: readonly string[]): string {
  if (days.length > MAX_NAMED_DAYS) return "*";
  return days.length === 1 ? days[0] : `{${days.join(",")}}`;
}

/**
 * The condition for rows of the given files, by folder and name. ClickHouse evaluates it on the
 * listing: files that are not in the list are not opened.
 */
export function isOneOf(files: readonly { readonly name: string }[]): string {
  const tails = files.map(({ name }) => `'${name.split("/").slice(-2).join("/")}'`);
  return `substringIndex(_path, '/', -2) IN (${tails.join(", ")})`;
}

function emptySql(columns: readonly (readonly [string, string])[]): string {
  const empty = columns.map(([name, type]) =>
    `CAST(defaultValueOfTypeName('${type.replace(/[\\']/g, "\\$&")}') AS ${type}) AS ${name}`
  );
  return `(SELECT ${empty.join(", ")} WHERE 0)`;
}
