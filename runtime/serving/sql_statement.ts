/** A statement of people's SQL: read by the engine's parser, and refused where it is not allowed. */
import { UserError } from "../std/errors.ts";
import type { ReadableWarehouse } from "../ports/ports.ts";
import { type StatementFacts, statementFacts } from "../sql/statement_facts.ts";
import { isAllowedFunction, isAllowedTableFunction } from "../sql/sql_functions.ts";

/** A statement that may run. */
export interface ReadStatement {
  /** As the engine writes it: what was checked is what runs. */
  readonly sql: string;
  /** Whether it is a query: it may stand as a subquery, and its result comes block by block. */
  readonly query: boolean;
}

const MAX_SQL_BYTES = 100_000;

/** Tables of the engine's that may be read, beside those of our database. */
const systemTables = new Set(
  ["tables", "columns", "parts", "one", "numbers", "functions"].map((name) => `system.${name}`),
);

/** The parser's names of statements that may run. */
const kinds = new Set([
  "SelectWithUnionQuery",
  "Explain",
  "DescribeQuery",
  "ShowTables",
  "ShowColumns",
  "ShowFunctions",
  "ShowCreateTableQuery",
  "ShowCreateViewQuery",
  "ExistsTableQuery",
  "ExistsViewQuery",
]);

/** The parser's names of what they may consist of. */
const parts = new Set([
  ...kinds,
  "SelectQuery",
  "SelectIntersectExceptQuery",
  "Subquery",
  "WithElement",
  "ExpressionList",
  "Identifier",
  "Literal",
  "Function",
  "Set",
  "Asterisk",
  "QualifiedAsterisk",
  "ColumnsRegexpMatcher",
  "ColumnsListMatcher",
  "QualifiedColumnsRegexpMatcher",
  "QualifiedColumnsListMatcher",
  "ColumnsTransformerList",
  "ColumnsExceptTransformer",
  "ColumnsReplaceTransformer",
  "ColumnsReplaceTransformer::Replacement",
  "ColumnsApplyTransformer",
  "TablesInSelectQuery",
  "TablesInSelectQueryElement",
  "TableExpression",
  "TableIdentifier",
  "TableJoin",
  "ArrayJoin",
  "SampleRatio",
  "OrderByElement",
  "InterpolateElement",
  "WindowListElement",
  "WindowDefinition",
]);

const NAME = "(?:\\w+|`(?:[^`\\\\]|\\\\.)*`)";
/**
 * The parser does not list the parts of a SHOW. As the engine writes it, one may be these words and
 * nothing else: a WHERE could call any function.
 */
const SHOW = new RegExp(
  `^SHOW (?:EXTENDED )?(?:FULL )?(?:DATABASES|TABLES|COLUMNS|INDEXES|FUNCTIONS)` +
    `(?: FROM ${NAME}(?:\\.${NAME})?){0,2}(?: (?:NOT )?I?LIKE '(?:[^'\\\\]|\\\\.)*')?` +
    `(?: LIMIT \\d+)?$`,
);

/**
 * Reads a statement.
 *
 * @throws {UserError} when it is none, or when it is not allowed; it names the part at fault.
 */
export async function readStatement(
  warehouse: ReadableWarehouse,
  text: string,
  signal: AbortSignal,
): Promise<ReadStatement> {
  const { length } = new TextEncoder().encode(text);
  if (length > MAX_SQL_BYTES) {
    throw refused(`it must have at most ${MAX_SQL_BYTES} bytes, got ${length}`);
  }
  const facts = await statementFacts(warehouse, text, { signal }).catch((error) => {
    throw error instanceof SyntaxError ? refused(error.message) : error;
  });
  const fault = faultOf(facts, warehouse.database);
  if (fault !== null) throw refused(fault);
  return { sql: facts.sql, query: facts.kind === "SelectWithUnionQuery" };
}

/** A statement that its author has to change. */
export const refused = (why: string) =>
  new UserError(`Cannot run the SQL: ${why}`, { field: "sql" });

/** Why a statement is not allowed; null where it is. */
function faultOf(facts: StatementFacts, database: string): string | null {
  const { kind, nodes, sql } = facts;
  const explains = kind !== "Explain" || nodes.includes("SelectWithUnionQuery");
  if (!kinds.has(kind) || !explains || kind.startsWith("Show") && !isShow(sql, kind)) {
    const begins = sql.length > 40 ? `${sql.slice(0, 40)}…` : sql;
    return "expected one SELECT, EXPLAIN of a SELECT, DESCRIBE, EXISTS, SHOW CREATE, or SHOW of " +
      `TABLES, COLUMNS, INDEXES, FUNCTIONS or DATABASES without WHERE; got "${begins}"`;
  }
  if (facts.output) return "FORMAT and INTO OUTFILE are not allowed";
  if (facts.settings) return "SETTINGS are not allowed";
  const tableFunction = facts.tableFunctions.find((name) => !isAllowedTableFunction(name));
  if (tableFunction !== undefined) return `table function ${tableFunction} is not allowed`;
  const unlisted = facts.functions.find((name) => !isAllowedFunction(name));
  if (unlisted !== undefined) return `function ${unlisted} is unknown or not allowed`;
  const table = [...facts.tables, ...facts.inNames].find((name) => !isAllowedTable(name, database));
  if (table !== undefined) {
    return `table ${table} is not allowed: a statement reads tables and views of ${database}, and ` +
      [...systemTables].join(", ");
  }
  const part = nodes.find((node) => !parts.has(node));
  return part === undefined ? null : `${part} is not allowed`;
}

/** SHOW CREATE names its table, which is checked as every other. */
function isShow(sql: string, kind: string): boolean {
  return kind.startsWith("ShowCreate") || SHOW.test(sql);
}

function isAllowedTable(name: string, database: string): boolean {
  return !name.includes(".") || name.startsWith(`${database}.`) || systemTables.has(name);
}
