/** The archive as SQL: its columns, and the relation that reads a list of files. */
import { emptySql } from "../std/sql_text.ts";
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

/** The columns of a file of dead letters with their ClickHouse types. */
export const letterColumns: readonly (readonly [string, string])[] = [
  ["log", "String"],
  ["partition", "UInt32"],
  ["offset", "UInt64"],
  ["append_time", "DateTime64(3, 'UTC')"],
  ["field", "String"],
  ["reason", "String"],
  ["value", "String"],
];

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
  return filesSql(store, eventColumns(schema), files);
}

/** A stored file by its name: `<folder>/dt=<day>/<file>`, or `<folder>/<file>`. */
const FILE = /^(.*?)\/(?:dt=([^/]+)\/)?([^/]+)$/;

/**
 * The rows of the given files, and of no other file, as a table.
 *
 * @param prefix what all of the files' own names begin with: others are not listed.
 */
export function filesSql(
  store: Pick<ObjectStore, "tableFunction">,
  columns: readonly (readonly [string, string])[],
  files: readonly { readonly name: string }[],
  prefix = "",
): string {
  const names = columns.map(([name]) => name).join(", ");
  const folders = Map.groupBy(files, ({ name }) => FILE.exec(name)![1]);
  const sides = [...folders].sort(([a], [b]) => a < b ? -1 : 1).map(([folder, own]) => {
    const days = new Set(own.flatMap(({ name }) => FILE.exec(name)![2] ?? []));
    const within = days.size === 0 ? folder : `${folder}/dt=${daysGlob([...days])}`;
    const from = store.tableFunction(`${within}/${prefix}*.parquet`, structureOf(columns));
    return `SELECT ${names} FROM ${from} WHERE ${isOneOf(own)}`;
  });
  return sides.length === 0 ? emptySql(columns) : `(${sides.join(" UNION ALL ")})`;
}

function daysGlob(days: readonly string[]): string {
  if (days.length > MAX_NAMED_DAYS) return "*";
  return days.length === 1 ? days[0] : `{${days.join(",")}}`;
}

/**
 * The condition for rows of the given files of a folder, by day and name. ClickHouse evaluates it on the
 * listing: files that are not in the list are not opened.
 */
function isOneOf(files: readonly { readonly name: string }[]): string {
  const tails = files.map(({ name }) => `'${name.split("/").slice(-2).join("/")}'`);
  return `substringIndex(_path, '/', -2) IN (${tails.join(", ")})`;
}
