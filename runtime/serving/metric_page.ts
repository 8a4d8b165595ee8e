/**
 * Pages of an answer by keyset: the cursor holds the values of the order's columns in the last row
 * of a page, and the next page is what lies behind them. Rows that change between two pages move in
 * the order and may so be met twice or not at all; no other row is.
 */
import { encodeCursor, type Scalar } from "../std/page_cursor.ts";
import { isNumeric } from "../measures/measure.ts";
import type { Plugin } from "../plugin.ts";
import type { QueryParams } from "../ports/ports.ts";
import { answerColumns } from "./metric_info.ts";
import type { TypedQuery, TypedQuestion } from "./metric_query.ts";

/** The cursor behind `row`, the last one of a page. */
export function nextPage(
  { order, question }: TypedQuestion,
  row: Readonly<Record<string, unknown>>,
): string {
  return encodeCursor(question, order.map(({ column }) => row[column] as Scalar));
}

/** A condition on shown columns: behind the cursor, in an order that puts null last. */
export function behindSql(plugin: Plugin, { bucket, order, after }: TypedQuery): string {
  const types = new Map(answerColumns(plugin, bucket).map(({ name, type }) => [name, type]));
  const alternatives = order.map((_, at) => {
    const terms = order.slice(0, at + 1).map(({ column, descending }, i) => {
      const type = types.get(column)!;
      const value = `{after_${i}:${parameterTypes[type] ?? "String"}}`;
      const bare = isNumeric({ type }) ? `toFloat64(${column})` : column;
      const missing = after![i] === null;
      if (i < at) return missing ? `${column} IS NULL` : `${bare} = ${value}`;
      // Null comes last, so nothing lies behind it.
      if (missing) return "0";
      return `(${bare} ${descending ? "<" : ">"} ${value} OR ${column} IS NULL)`;
    });
    return terms.join(" AND ");
  });
  return alternatives.map((terms) => `(${terms})`).join(" OR ");
}

/** The values that {@link behindSql} binds. */
export function afterParameters({ after }: TypedQuery): QueryParams {
  if (after === null) return {};
  const given = after.map((value, i) => [`after_${i}`, value] as const);
  return Object.fromEntries(
    given.flatMap(([name, value]) => value === null ? [] : [[name, value]]),
  );
}

/** Numbers travel as JSON's, hence as 64-bit floats, and are compared as such. */
const parameterTypes: Readonly<Record<string, string>> = {
  instant: "DateTime('UTC')",
  integer: "Float64",
  decimal: "Float64",
  number: "Float64",
  uint32: "UInt32",
  boolean: "Bool",
};
