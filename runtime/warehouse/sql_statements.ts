/** Splits the text of an SQL file into statements. */

/** What a semicolon does not end: strings, quoted names, comments and heredocs. */
const TOKEN = new RegExp(
  [
    String.raw`'(?:[^'\\]|\\[\s\S]|'')*'`,
    String.raw`"(?:[^"\\]|\\[\s\S]|"")*"`,
    "`(?:[^`\\\\]|\\\\[\\s\\S]|``)*`",
    String.raw`(?<comment>--[^\n]*|#[ !][^\n]*|/\*[\s\S]*?\*/)`,
    String.raw`(?<tag>\$\w*\$)[\s\S]*?\k<tag>`,
    "(?<end>;)",
    String.raw`[^'"` + "`" + String.raw`\-#/$;]+`,
    String.raw`[\s\S]`,
  ].join("|"),
  "g",
);

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
  for (const { 0: token, index, groups } of text.matchAll(TOKEN)) {
    if (groups?.end) end();
    else if (groups?.comment) statement += " ";
    else if (isOpening(token, text, index)) {
      const line = text.slice(0, index).split("\n").length;
      throw new SyntaxError(`Cannot split SQL: ${token} opened on line ${line} is not closed`);
    } else statement += token;
  }
  end();
  return statements;
}

/** Whether a single character is a quote or a comment's start that found no end. */
function isOpening(token: string, text: string, index: number): boolean {
  return token === "'" || token === '"' || token === "`" || text.startsWith("/*", index);
}
