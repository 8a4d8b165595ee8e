/**
 * The relations: readable SQL views over the state tables, for people's own queries. A view reads
 * its run once, as one scalar within the query, so what it shows is one run from end to end.
 */
import type { Plugin, Relation } from "../plugin.ts";
import { emptySql, sqlText } from "../std/sql_text.ts";
import { isJoined, joinedColumns } from "../sql/merged_rows.ts";
import {
  allTimeRowsSql,
  BatchLevel,
  dayRowsWhere,
  grainStartSql,
  mergedMeasures,
  type PluginTables,
  pointerSql,
  type RunSql,
  SpeedKind,
} from "../sql/tables.ts";
import { reads } from "./metric_parts.ts";

/** A view and the statement that makes it. */
export interface RelationView {
  readonly name: string;
  /** What it shows; names are those of the connection's database. */
  readonly select: string;
  /** `CREATE OR REPLACE VIEW …` */
  readonly sql: string;
}

/** The pointer of {@link scalarRun}, as the views name it. */
const published = "published";
const viewRun: RunSql = {
  run: `${published}.1`,
  fullRun: `${published}.2`,
  skipped: `${published}.4`,
};

/** The relation of the merged layer. */
export const mergedRelation = ({ name, merged }: Plugin): Relation =>
  merged?.relation ?? { name: `merged_${name}` };

/** The names of a plugin's relations: of the speed layer, of the batch layer, merged. */
export const relationNames = (plugin: Plugin): string[] => [
  plugin.stream.relation.name,
  plugin.batch.relation.name,
  mergedRelation(plugin).name,
];

/**
 * The three relations of a plugin: of the speed layer, of the published batch run, and merged.
 *
 * @param logId the log that the speed layer follows.
 */
export function relationViews(of: PluginTables, logId: string): RelationView[] {
  const tables = { ...of, plugin: withoutJoined(of.plugin) };
  const { plugin } = tables;
  const merged = mergedRelation(plugin);
  return [
    viewOf(plugin.stream.relation.name, streamSql(tables, logId)),
    viewOf(plugin.batch.relation.name, batchSql(tables)),
    viewOf(merged.name, mergedSql(tables, logId, merged)),
  ];
}

/** A plugin without what is joined across buckets: a view has no range. */
function withoutJoined(plugin: Plugin): Plugin {
  const joined = joinedColumns(plugin);
  const readsJoined = (sql: string) => joined.some(({ name }) => reads(sql, name));
  return {
    ...plugin,
    measureColumns: plugin.measureColumns.filter((column) => !isJoined(column)),
    shownColumns: plugin.shownColumns.filter(({ sql }) => !readsJoined(sql)),
  };
}

/** A view as it is made. */
export const viewOf = (name: string, select: string): RelationView => ({
  name,
  select,
  sql: `CREATE OR REPLACE VIEW ${name} AS\n${select}`,
});

/** Why a relation cannot show its rows. */
export interface RelationRefusal {
  /** The code of the problem: `rebuilding`, `plugin_refused`, `schema_refused` or `plugin_removed`. */
  readonly code: string;
  /** Begins with `relation` and its name. */
  readonly message: string;
}

/** A refusal as the text of an error of the engine, which adds words of its own around it. */
const refusalText = ({ code, message }: RelationRefusal) => sqlText(`${message} [${code}]`);

/** The refusal in the text of an engine's error; null where the error is another one. */
export function relationRefusal(text: string): RelationRefusal | null {
  const [, message, code] = /(relation \w+[ :].*?) \[([a-z_]+)\]/.exec(text) ?? [];
  return message === undefined || !/code 395\b/.test(text) ? null : { code, message };
}

/**
 * A relation that has its columns and raises an error whenever it is read.
 *
 * @param select what it would show; of a refusing view's own select only the error is replaced.
 */
export function refusingView(
  name: string,
  select: string,
  refusal: RelationRefusal,
): RelationView {
  // A scalar is computed before any row is read: no rows would otherwise mean no error.
  const refusing = `WITH (SELECT throwIf(1, ${refusalText(refusal)})) AS refused`;
  if (REFUSING.test(select)) return viewOf(name, select.replace(REFUSING, () => refusing));
  return viewOf(name, `${refusing}\nSELECT * FROM (\n${select}\n) WHERE refused = 0`);
}

/** How the select of a refusing view begins. */
const REFUSING = /^WITH \(SELECT throwIf\(1, '(?:[^'\\]|\\.)*'\)\) AS refused/;

const names = (columns: readonly { readonly name: string }[]) => columns.map(({ name }) => name);

/**
 * The newest pointer as one value, `(run, full_run, cut, skipped)`; zeros when there is none.
 *
 * @param more further elements, as SQL over the pointer.
 */
function scalarRun(tables: PluginTables, more = ""): string {
  return `WITH (SELECT tuple(max(run), max(full_run), any(cut), groupArrayArray(skipped)${more}) ` +
    `FROM (${pointerSql(tables)})) AS ${published}\n`;
}

function streamSql(tables: PluginTables, logId: string): string {
  const { plugin } = tables;
  const source = `SELECT window_start, ${
    [...names(plugin.keyColumns), ...names(plugin.measureColumns)].join(", ")
  }
FROM ${tables.speed(logId)} FINAL WHERE kind = ${SpeedKind.row}`;
  return relationSql(plugin, plugin.stream.relation, source, ...windowColumns(plugin));
}

/** What the speed layer's relation groups by, and shows, beside what it declares. */
function windowColumns({ stream: { window } }: Plugin): [string[], string[]] {
  return [
    ["window_start"],
    ["window_start AS window_start", `window_start + ${window.sizeSeconds} AS window_end`],
  ];
}

/** A part of a declaration, and SQL over no rows that the engine refuses where that part is wrong. */
export interface DeclaredSql {
  /** Such as `batch.relation`. */
  readonly member: string;
  readonly sql: string;
}

/** The relations of a plugin. */
export function relationsSql(declared: Plugin): DeclaredSql[] {
  const plugin = withoutJoined(declared);
  const rows = noRows(plugin);
  const { stream, batch } = plugin;
  return [
    {
      member: "stream.relation",
      sql: relationSql(plugin, stream.relation, rows, ...windowColumns(plugin)),
    },
    { member: "batch.relation", sql: relationSql(plugin, batch.relation, rows) },
    { member: "merged.relation", sql: relationSql(plugin, mergedRelation(plugin), rows) },
  ];
}

/** No rows, with all columns from which relations are made. */
function noRows({ keyColumns, measureColumns }: Plugin): string {
  const times = ["window_start", "bucket"].map((name) => [name, "DateTime('UTC')"] as const);
  const columns = [...keyColumns, ...measureColumns].map(({ name, sqlType }) =>
    [name, sqlType] as const
  );
  return `SELECT * FROM ${emptySql([...times, ...columns])}`;
}

function batchSql(tables: PluginTables): string {
  const { plugin } = tables;
  const { relation } = plugin.batch;
  const message = `relation ${relation.name} waits for the first batch run of generation ` +
    `${tables.generation} of plugin ${plugin.name}`;
  const refuse = `, throwIf(max(run) = 0, ${refusalText({ code: "rebuilding", message })})`;
  return scalarRun(tables, refuse) + relationSql(plugin, relation, batchRows(tables, relation));
}

function mergedSql(tables: PluginTables, logId: string, relation: Relation): string {
  const { plugin } = tables;
  const cut = `${published}.3['${logId}']`;
  const columns = [
    ...(readsBucket(relation) ? [`${grainStartSql(plugin)} AS bucket`] : []),
    ...names(plugin.keyColumns),
    ...names(plugin.measureColumns),
  ];
  // The first condition lets the engine skip blocks below every partition's cut.
  const speed = `SELECT ${columns.join(", ")}
FROM ${tables.speed(logId)} FINAL
WHERE kind = ${SpeedKind.row} AND (block >= arrayMin(${cut}) OR partition >= length(${cut}))
  AND block >= arrayElement(${cut}, partition + 1)`;
  const source = `${batchRows(tables, relation)}\nUNION ALL\n${speed}`;
  return scalarRun(tables) + relationSql(plugin, relation, source);
}

const readsBucket = (relation: Relation) =>
  Object.values(relation.by ?? {}).some((sql) => /\bbucket\b/.test(sql));

/** Rows of the published run: of the grain where the relation groups by `bucket`, else all-time. */
function batchRows(tables: PluginTables, relation: Relation): string {
  const { plugin, batch } = tables;
  const columns = [...names(plugin.keyColumns), ...names(plugin.measureColumns)].join(", ");
  return readsBucket(relation)
    ? `SELECT bucket, ${columns} FROM ${batch} WHERE ${
      dayRowsWhere(tables, BatchLevel.grain, viewRun)
    }`
    : `SELECT ${columns} FROM (${allTimeRowsSql(tables, "1", viewRun)})`;
}

/** Groups rows by what the relation declares, merges their measures and shows its columns. */
function relationSql(
  plugin: Plugin,
  relation: Relation,
  source: string,
  timeGroup: readonly string[] = [],
  timeColumns: readonly string[] = [],
): string {
  const by = Object.entries(
    relation.by ?? Object.fromEntries(names(plugin.keyColumns).map((name) => [name, name])),
  );
  const columns = Object.entries(
    relation.columns ?? Object.fromEntries(names(plugin.shownColumns).map((name) => [name, name])),
  );
  // Positions as names: a `by` may carry the name of a key that it is made from.
  const group = by.map(([, sql], i) => `${sql} AS by_${i}`);
  const grouped = [...timeGroup, ...by.map((_, i) => `by_${i}`)];
  const merged = `SELECT ${[...timeGroup, ...group, mergedMeasures(plugin)].join(", ")}
FROM (
${source}
) GROUP BY ${grouped.join(", ") || "()"}${grouped.length === 0 ? " HAVING count() > 0" : ""}`;
  const shown = plugin.shownColumns.map(({ name, sql }) =>
    sql === name ? name : `${sql} AS ${name}`
  );
  const middle = `SELECT ${[...grouped, ...shown].join(", ")} FROM (\n${merged}\n) AS merged`;
  const outer = [
    ...timeColumns,
    ...by.map(([name], i) => `by_${i} AS ${name}`),
    ...columns.map(([name, sql]) => sql === name ? name : `${sql} AS ${name}`),
  ];
  return `SELECT ${outer.join(", ")} FROM (\n${middle}\n)`;
}
