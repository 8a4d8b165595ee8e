/** The archive as SQL: its columns, and the relation that reads compacted files and block files. */
import { clickHouseType, type EventSchema } from "../events.ts";
import type { Cut } from "../frontier.ts";
import type { ObjectStore } from "../ports.ts";
import { beforeFile, filePrefix } from "./archive_names.ts";

/** Above so many days one `*` and a condition are cheaper than their names. */
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
 * The relation of all archived rows of the given days (all days when null): below `compacted` those
 * of the compacted files, from there on those of the block files. Leftovers of either kind lie on
 * the other side and are not even opened.
 *
 * @throws {TypeError} when a day is not like 2013-07-20.
 */
export function relationSql(
  schema: EventSchema,
  store: ObjectStore,
  days: readonly string[] | null,
  compacted: Cut,
): string {
  const columns = eventColumns(schema);
  if (days?.length === 0) return emptySql(columns);
  for (const day of days ?? []) {
    if (!/^\d{4}-\d\d-\d\d$/.test(day)) {
      throw new TypeError(`Cannot read the archive: a day must be like 2013-07-20, got "${day}"`);
    }
  }
  const named = days !== null && days.length <= MAX_NAMED_DAYS;
  const dayGlob = !named ? "*" : days.length === 1 ? days[0] : `{${days.join(",")}}`;
  const onDays = days !== null && !named
    ? [`toDate(event_time) IN (${days.map((day) => `'${day}'`).join(", ")})`]
    : [];
  const names = columns.map(([name]) => name).join(", ");
  const rows = (folder: string, conditions: readonly string[]) => {
    const glob = `${schema.topic}/${folder}/dt=${dayGlob}/*.parquet`;
    const where = [...conditions, ...onDays].join(" AND ");
    const from = store.tableFunction(glob, structureOf(columns));
    return `SELECT ${names} FROM ${from}${where === "" ? "" : ` WHERE ${where}`}`;
  };
  const sides = conditionsOf(compacted);
  if (sides === null) return `(${rows("events", [])})`;
  return `(${rows("compacted", sides.below)} UNION ALL ${rows("events", sides.from)})`;
}

/**
 * Which rows lie below the compacted frontier and which from it on, by offset. The file names say
 * the same, since a file never lies across: by them ClickHouse leaves files out before it opens
 * them. Null where nothing is compacted.
 */
function conditionsOf(compacted: Cut): { below: string[]; from: string[] } | null {
  const ends = Object.entries(compacted).flatMap(([log, offsets]) =>
    offsets.map((end, partition) => ({ log, partition, end }))
  ).filter(({ end }) => end > 0n);
  if (ends.length === 0) return null;
  const logs = Object.entries(compacted).map(([log, ends]) => `'${log}', [${ends.join(", ")}]`);
  const end = `CAST(map(${logs.join(", ")}), 'Map(String, Array(UInt64))')[log][partition + 1]`;
  const outside = (from: string, to: string) => `NOT (_file >= '${from}' AND _file < '${to}')`;
  return {
    below: [
      `offset < ${end}`,
      ...ends.map(({ log, partition, end }) =>
        // "~" sorts behind every digit.
        outside(beforeFile(log, partition, end), `${filePrefix(log, partition)}~`)
      ),
    ],
    from: [
      `offset >= ${end}`,
      ...ends.map(({ log, partition, end }) =>
        outside(filePrefix(log, partition), beforeFile(log, partition, end))
      ),
    ],
  };
}

function emptySql(columns: readonly (readonly [string, string])[]): string {
  const empty = columns.map(([name, type]) =>
    `CAST(defaultValueOfTypeName('${type.replace(/[\\']/g, "\\$&")}') AS ${type}) AS ${name}`
  );
  return `(SELECT ${empty.join(", ")} WHERE 0)`;
}
