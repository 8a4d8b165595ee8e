/** Merging rows by bucket and key: of most columns states add up, of some elements are joined. */
import type { MeasureColumn, Plugin } from "../plugin.ts";
import { defaultSql } from "../std/sql_text.ts";

/** Whether elements of a column are joined across buckets; see `MeasureColumn.joinSeconds`. */
export const isJoined = ({ joinSeconds }: MeasureColumn): boolean => joinSeconds !== undefined;

/** The measures' columns whose elements are joined across buckets. */
export const joinedColumns = ({ measureColumns }: Pick<Plugin, "measureColumns">) =>
  measureColumns.filter(isJoined);

/** How far apart elements are joined at most, in seconds; 0 where no column is joined. */
export const joinedSeconds = (plugin: Pick<Plugin, "measureColumns">): number =>
  Math.max(0, ...joinedColumns(plugin).map(({ joinSeconds = 0 }) => joinSeconds));

/** Where the elements of a joined column come from. */
export interface Elements {
  /** A SELECT of `by` and the column: rows of the range and of `joinSeconds` before it. */
  readonly rows: string;
  /** The columns that tell one key from another. */
  readonly by: readonly string[];
  /** The columns before the measures, as SQL over `by` and `_start`, the start of an element. */
  readonly heads: readonly string[];
  /** Which elements count, as SQL over the same. */
  readonly where: readonly string[];
}

/** What is merged. */
export interface MergedRows {
  readonly measureColumns: readonly MeasureColumn[];
  /** The columns of `rows` before the measures. */
  readonly heads: readonly string[];
  /** A SELECT of `heads` and the columns that are not joined. */
  readonly rows: string;
  readonly elements: (column: MeasureColumn) => Elements;
  /** The columns of the result before the measures. */
  readonly columns: readonly string[];
  readonly groupBy: string;
}

/**
 * A SELECT that merges rows. A joined column holds the elements that start in a row's bucket: they
 * are joined for each key first, over all of its buckets.
 */
export function mergedRowsSql(merged: MergedRows): string {
  const { measureColumns, columns, groupBy } = merged;
  const joined = joinedColumns(merged);
  const condition = joined.length === 0 ? undefined : "NOT _joined";
  const measures = measureColumns.map((column) => {
    const { name } = column;
    return isJoined(column)
      ? `groupArrayArray(${name}) AS ${name}`
      : `${column.mergeSql(name, condition)} AS ${name}`;
  });
  const source = joined.length === 0 ? merged.rows : sourceSql(merged, joined);
  return `SELECT ${[...columns, ...measures].join(", ")}
FROM (
${source}
) GROUP BY ${groupBy}`;
}

/** The rows without elements, and the elements. */
function sourceSql(
  { measureColumns, heads, rows, elements }: MergedRows,
  joined: readonly MeasureColumn[],
): string {
  const withElements = measureColumns.map((column) =>
    isJoined(column) ? `${defaultSql(column.sqlType)} AS ${column.name}` : column.name
  );
  const parts = joined.map((column) => {
    const { rows, by, heads, where } = elements(column);
    const measures = measureColumns.map(({ name, sqlType }) =>
      `${name === column.name ? "[_element]" : defaultSql(sqlType)} AS ${name}`
    );
    return `SELECT ${[...heads, ...measures].join(", ")}, 1 AS _joined
FROM (
SELECT ${[...by, "_element"].join(", ")}, toDateTime(intDiv(_element.1, 1000), 'UTC') AS _start
FROM (
SELECT ${[...by, `arrayJoin(${column.mergeSql(column.name)}) AS _element`].join(", ")}
FROM (
${rows}
) GROUP BY ${by.join(", ") || "()"}
)
) WHERE ${where.join(" AND ") || "1"}`;
  });
  return [
    `SELECT ${[...heads, ...withElements].join(", ")}, 0 AS _joined FROM (\n${rows}\n)`,
    ...parts,
  ].join("\nUNION ALL\n");
}
