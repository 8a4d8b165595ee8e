/** Splits the text of an SQL file into statements. */
import { sqlTokens } from "../sql/sql_tokens.ts";

/**
 * The statements of a text, without comments around them and without the semicolon; empty ones are
 * left out.
 *
 * @throws SyntaxError when a quote or a comment is not closed.
 * @example
 * ```ts
 * import { splitStatements } from "./sql_statements.ts";
 * const statements = splitStatements("-- one; two\nSELECT ';'; SELECT 2;");
 * if (statements.join("|") !== "SELECT ';'|SELECT 2") throw new Error("unexpected");
 * ```
 */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  let statement = "";
  const end = () => {
    if (statement.trim()) statements.push(statement.trim());
    statement = "";
  };
  for (const token of sqlTokens(text)) {
    if (token.kind === "open") {
      const line = text.slice(0, token.index).split("\n").length;
      throw new SyntaxError(`Cannot split SQL: ${token.text} opened on line ${line} is not closed`);
    }
    if (token.text === ";") end();
    else statement += token.kind === "comment" ? " " : token.text;
  }
  end();
  return statements;
}
