/** SQL as an editor shows it. */

/** A piece of a statement and its kind; null for text without a colour of its own. */
export interface SqlPiece {
  readonly text: string;
  readonly kind: "keyword" | "function" | "text" | "number" | "comment" | null;
}

const keywords = new Set(
  ("SELECT FROM WHERE PREWHERE GROUP BY ORDER LIMIT OFFSET HAVING WITH AS AND OR NOT IN IS NULL " +
    "LIKE ILIKE BETWEEN CASE WHEN THEN ELSE END JOIN LEFT RIGHT INNER FULL CROSS ANY ALL ON USING " +
    "UNION DISTINCT ASC DESC NULLS FIRST LAST INTERVAL OVER PARTITION ROWS RANGE FINAL ARRAY " +
    "EXPLAIN DESCRIBE EXISTS SHOW TABLES COLUMNS CREATE TRUE FALSE TOTALS ROLLUP CUBE SETS " +
    "GROUPING FILL TIES QUALIFY WINDOW SAMPLE").split(" "),
);

/** Comments, quoted text (also where its end is missing), numbers, words with a bracket or without. */
const pieces =
  /(?<comment>--[^\n]*|\/\*[^]*?(?:\*\/|$))|(?<text>'(?:[^'\\]|\\.|'')*(?:'|$))|(?<quoted>["`](?:[^"`\\]|\\.)*["`]?)|(?<number>\b\d[\w.]*)|(?<word>[A-Za-z_]\w*)(?=(?<call>\s*\()?)/g;

/** Splits a statement into pieces, which together are all of its text. */
export function piecesOf(sql: string): SqlPiece[] {
  const found: SqlPiece[] = [];
  let end = 0;
  for (const match of sql.matchAll(pieces)) {
    const { comment, text, number, word, call } = match.groups!;
    if (match.index > end) found.push({ text: sql.slice(end, match.index), kind: null });
    const kind = comment !== undefined
      ? "comment"
      : text !== undefined
      ? "text"
      : number !== undefined
      ? "number"
      : word !== undefined && keywords.has(word.toUpperCase())
      ? "keyword"
      : word !== undefined && call !== undefined
      ? "function"
      : null;
    found.push({ text: match[0], kind });
    end = match.index + match[0].length;
  }
  if (end < sql.length) found.push({ text: sql.slice(end), kind: null });
  return found;
}

/** The part of a text at which a fault points by line and column, as a selection has it; null for none. */
export function faultyRange(
  text: string,
  fault: string,
): readonly [from: number, to: number] | null {
  const position = /at line (\d+), column (\d+)/.exec(fault);
  if (position === null) return null;
  const [line, column] = position.slice(1).map(Number);
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  // Columns count characters, selections count UTF-16 code units.
  const within = [...lines[line - 1] ?? ""].slice(0, column - 1).join("").length;
  return [before + within, before + (lines[line - 1] ?? "").length];
}
