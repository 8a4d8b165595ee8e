/** Values and rows as text of ClickHouse SQL, where they cannot be bound. */

/**
 * A text as an SQL literal.
 *
 * @example
 * ```ts
 * import { sqlText } from "./sql_text.ts";
 * if (sqlText("it's") !== "'it\\'s'") throw new Error(sqlText("it's"));
 * ```
 */
export const sqlText = (value: string): string => `'${value.replace(/[\\']/g, "\\$&")}'`;

/** The default value of a ClickHouse type. */
export const defaultSql = (type: string): string =>
  `CAST(defaultValueOfTypeName(${sqlText(type)}) AS ${type})`;

/** A SELECT of the columns, by name and ClickHouse type, without rows. */
export function emptySql(columns: readonly (readonly [name: string, type: string])[]): string {
  const empty = columns.map(([name, type]) => `${defaultSql(type)} AS ${name}`);
  return `(SELECT ${empty.join(", ")} WHERE 0)`;
}
