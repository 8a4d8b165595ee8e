/** Where the engine's parser stopped, in the text that its author sent. */
import { messageOf } from "../std/errors.ts";

const FAILED_AT = /failed at position (\d+)/;
/** Characters of the text that are quoted in a message. */
const NEAR_CHARACTERS = 40;

/** Other faults that the parser names, and the words for them. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/Multi-statements are not allowed/, "expected one statement; another begins"],
  [/Empty query/, "expected a statement, got none"],
  [/(string|identifier|quoted|comment)[^:]* is not closed/i, "a quote or a comment is not closed"],
  [/Unmatched parentheses/, "a bracket is not closed"],
  [/Max query size exceeded/, "it is too long"],
];

/**
 * A syntax error of the engine in the author's terms.
 *
 * @param error what the warehouse threw.
 * @param sql the text that the engine parsed.
 * @returns an error with line and column, both from 1, columns in characters; null where `error` is
 * no syntax error.
 * @example
 * ```ts
 * import { syntaxErrorOf } from "./sql_syntax_error.ts";
 * const error = new Error("Syntax error: failed at position 11 (b) (ClickHouse code 62, SYNTAX_ERROR)");
 * const { message } = syntaxErrorOf(error, "SELECT a\n  b c")!;
 * if (message !== 'syntax error at line 2, column 2, near "b c"') throw new Error(message);
 * ```
 */
export function syntaxErrorOf(error: unknown, sql: string): SyntaxError | null {
  const words = messageOf(error);
  if (!/\bcode 62\b/.test(words)) return null;
  const reason = reasons.find(([pattern]) => pattern.test(words))?.[1] ?? "syntax error";
  const position = FAILED_AT.exec(words);
  if (position === null) return new SyntaxError(reason);
  // The engine counts bytes, from 1.
  const bytes = new TextEncoder().encode(sql);
  const before = new TextDecoder().decode(bytes.subarray(0, Number(position[1]) - 1));
  const lines = before.split("\n");
  const column = [...lines.at(-1)!].length + 1;
  const rest = sql.slice(before.length).trim();
  const near = rest.length > NEAR_CHARACTERS ? `${rest.slice(0, NEAR_CHARACTERS)}…` : rest;
  const where = near === "" ? "at the end" : `near ${JSON.stringify(near)}`;
  return new SyntaxError(`${reason} at line ${lines.length}, column ${column}, ${where}`);
}
