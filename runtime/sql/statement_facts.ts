/**
 * What a statement does, as the engine's own parser reads it. Nothing of the statement runs: its
 * text is a bound value for `formatQuerySingleLine`, which returns it as one line without comments,
 * and `EXPLAIN AST` gets that line. (`EXPLAIN AST` of the text itself would run a second statement
 * behind a semicolon.)
 */
import type { StatementOptions, Warehouse } from "../ports/ports.ts";
import { sqlTokens } from "./sql_tokens.ts";
import { syntaxErrorOf } from "./sql_syntax_error.ts";

/** What {@link statementFacts} returns. Lists have no repeats. */
export interface StatementFacts {
  /** The statement as the engine writes it: one line, without comments and semicolons. */
  readonly sql: string;
  /** The parser's name of the statement: `SelectWithUnionQuery`, `DescribeQuery`, `Explain`. */
  readonly kind: string;
  /** The parser's names of all parts. */
  readonly nodes: readonly string[];
  /** Tables that it names, `name` or `database.name`, without its common table expressions. */
  readonly tables: readonly string[];
  /**
   * Names at the right of an `IN`: each is a table, or an alias or column that holds a list. The
   * parser does not know which.
   */
  readonly inNames: readonly string[];
  /** Functions in the place of a table. */
  readonly tableFunctions: readonly string[];
  /**
   * All other functions, operators included (`plus`), each as written: `sumIf`, `SUM`. The parser
   * does not list the function of `* APPLY name`: it is here as `APPLY`.
   */
  readonly functions: readonly string[];
  /** Whether it has a SETTINGS clause; the parser does not list the names. */
  readonly settings: boolean;
  /** Whether it has a FORMAT or INTO OUTFILE; also true for statements that have no result. */
  readonly output: boolean;
}

/**
 * Reads one statement with the engine's parser. Two short statements; nothing of the text runs.
 *
 * @param options `params` are needed where the text has `{name:Type}`.
 * @throws SyntaxError for text that is not one statement, with line and column of the text.
 * @throws TwofoldError when the warehouse fails.
 * @example
 * ```ts
 * import { statementFacts } from "./statement_facts.ts";
 * import { openEmbeddedWarehouse } from "../warehouse/embedded_warehouse.ts";
 * const dir = await Deno.makeTempDir();
 * const warehouse = await openEmbeddedWarehouse({ dir, database: "facts" });
 * const facts = await statementFacts(warehouse, "SELECT max(a) FROM events, numbers(3) -- three");
 * const { tables, tableFunctions, functions } = facts;
 * if ([tables, tableFunctions, functions].join() !== "events,numbers,max") throw new Error("?");
 * await warehouse.close();
 * ```
 */
export async function statementFacts(
  warehouse: Pick<Warehouse, "query">,
  sql: string,
  options: StatementOptions = {},
): Promise<StatementFacts> {
  const line = await oneLine(warehouse, sql, options);
  const { lines, takesFormat } = await syntaxLines(warehouse, line, options);
  return factsOf(line, treeOf(lines), takesFormat);
}

async function oneLine(
  warehouse: Pick<Warehouse, "query">,
  sql: string,
  { settings, signal }: StatementOptions,
): Promise<string> {
  const format = "SELECT formatQuerySingleLine({sql:String}) AS line";
  try {
    const [{ line }] = await warehouse.query<{ line: string }>(
      format,
      { params: { sql }, settings, signal },
    );
    return line;
  } catch (error) {
    throw syntaxErrorOf(error, sql) ?? error;
  }
}

/** Stands for the format of a statement that has none. */
const FORMAT = "Null";

/** The parser's answer. A statement that has a FORMAT does not take another one. */
async function syntaxLines(
  warehouse: Pick<Warehouse, "query">,
  line: string,
  options: StatementOptions,
): Promise<{ readonly lines: string[]; readonly takesFormat: boolean }> {
  const explain = async (sql: string) => {
    const rows = await warehouse.query<{ explain: string }>(`EXPLAIN AST ${sql}`, options);
    return rows.map(({ explain }) => explain);
  };
  try {
    return { lines: await explain(`${line} FORMAT ${FORMAT}`), takesFormat: true };
  } catch (error) {
    if (syntaxErrorOf(error, line) === null) throw error;
    return { lines: await explain(line), takesFormat: false };
  }
}

/** A part of a statement as the parser prints it. */
interface Part {
  /** `Function`. */
  readonly node: string;
  /** What follows, without alias and number of children: the function's name. */
  readonly text: string;
  readonly children: Part[];
}

const PART = /^( *)([\w:]+) ?([\s\S]*?)(?: \((?:alias|column) [\s\S]*\))?(?: \(children \d+\))?$/;

/**
 * The tree of `EXPLAIN AST`, which shows depth by indentation. A name with a line break in it gives
 * lines more, never fewer.
 */
function treeOf(lines: readonly string[]): Part {
  const top: Part = { node: "", text: "", children: [] };
  const path = [top];
  for (const line of lines) {
    const [, indent = "", node = "", text = ""] = PART.exec(line) ?? [];
    const part: Part = { node, text, children: [] };
    path.length = Math.min(path.length, indent.length + 1);
    path.at(-1)!.children.push(part);
    path.push(part);
  }
  const root = top.children.length === 1 ? top.children[0] : top;
  const format = root.children.findLastIndex(({ node, text }) =>
    node === "Identifier" && text === FORMAT
  );
  if (format >= 0) root.children.splice(format, 1);
  return root;
}

/** Operators whose right side may be a table. */
const IN = /^(global)?(not)?(null)?in(ignoreset)?$/i;

function factsOf(sql: string, root: Part, takesFormat: boolean): StatementFacts {
  const nodes = new Set<string>();
  const tables = new Set<string>();
  const inNames = new Set<string>();
  const tableFunctions = new Set<string>();
  const functions = new Set<string>();
  let settings = false;
  let output = !takesFormat;
  const visit = (part: Part, parent: Part | null) => {
    const { node, text, children } = part;
    nodes.add(node);
    if (node === "TableIdentifier") tables.add(text);
    if (node === "ColumnsApplyTransformer") functions.add("APPLY");
    // EXPLAIN has options of its own.
    if (node === "Set" && parent?.node !== "Explain") settings = true;
    // A file's name is the only literal that stands right below a statement.
    if (node === "Literal" && (parent === root || parent?.node === "SelectWithUnionQuery")) {
      output = true;
    }
    if (node === "Function") {
      (parent?.node === "TableExpression" ? tableFunctions : functions).add(text);
      const right = children[0]?.children[1];
      if (IN.test(text) && right?.node === "Identifier") inNames.add(right.text);
    }
    for (const child of children) visit(child, part);
  };
  visit(root, null);
  // SHOW CREATE and EXISTS name their table by one identifier or two.
  if (/^(ShowCreate|Exists)(Table|View)Query$/.test(root.node)) {
    tables.add(root.children.map(({ text }) => text).join("."));
  }
  for (const name of commonTableNames(sql)) tables.delete(name);
  return {
    sql,
    kind: root.node,
    nodes: [...nodes],
    tables: [...tables],
    inNames: [...inNames],
    tableFunctions: [...tableFunctions],
    functions: [...functions],
    settings,
    output,
  };
}

/** Names of WITH … AS (SELECT …), which the parser does not print. */
function commonTableNames(sql: string): string[] {
  const tokens = [...sqlTokens(sql)].filter(({ kind }) => kind !== "space");
  const is = (at: number, text: string) => tokens[at]?.text === text;
  return tokens.flatMap((token, at) => {
    if (token.kind !== "word" && token.kind !== "name") return [];
    let next = at + 1;
    if (is(next, "(")) next = tokens.findIndex(({ text }, i) => i > next && text === ")") + 1;
    if (!is(next++, "AS")) return [];
    if (is(next, "MATERIALIZED")) next++;
    while (is(next, "(")) {
      next++;
      if (is(next, "SELECT") || is(next, "WITH")) return [bareName(token.text)];
    }
    return [];
  });
}

/** A name without its quotes. */
function bareName(text: string): string {
  if (!/^["`]/.test(text)) return text;
  return text.slice(1, -1).replace(/\\([\s\S])/g, "$1");
}
