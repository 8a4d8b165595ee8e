/** The tokens of SQL text, for the little that has to be read without the engine. */

const TOKEN = new RegExp(
  [
    String.raw`(?<string>'(?:[^'\\]|\\[\s\S]|'')*')`,
    String.raw`(?<name>"(?:[^"\\]|\\[\s\S]|"")*"|` + "`(?:[^`\\\\]|\\\\[\\s\\S]|``)*`)",
    String.raw`(?<comment>--[^\n]*|#[ !][^\n]*|/\*[\s\S]*?\*/)`,
    String.raw`(?<heredoc>(?<tag>\$\w*\$)[\s\S]*?\k<tag>)`,
    String.raw`(?<open>['"` + "`" + String.raw`]|/\*)`,
    String.raw`(?<word>\w+)`,
    String.raw`(?<space>\s+)`,
    String.raw`(?<mark>[\s\S])`,
  ].join("|"),
  "g",
);

/** What a token is; `open` is a quote or the start of a comment that has no end. */
export type SqlTokenKind =
  | "string"
  | "name"
  | "comment"
  | "heredoc"
  | "open"
  | "word"
  | "space"
  | "mark";

/** A token of SQL text. */
export interface SqlToken {
  readonly kind: SqlTokenKind;
  /** As written, with its quotes. A name in quotes is a `name`, any other name a `word`. */
  readonly text: string;
  /** Where it begins, in UTF-16 code units. */
  readonly index: number;
}

/**
 * Splits SQL into tokens; joined, they are the text. Comments do not nest, as they do in the engine:
 * text of strangers is for the engine to read, see `statementFacts`.
 *
 * @example
 * ```ts
 * import { sqlTokens } from "./sql_tokens.ts";
 * const kinds = [...sqlTokens("SELECT ';' -- one;")].map(({ kind }) => kind);
 * if (kinds.join() !== "word,space,string,space,comment") throw new Error(kinds.join());
 * ```
 */
export function* sqlTokens(text: string): Generator<SqlToken> {
  for (const { 0: token, index, groups } of text.matchAll(TOKEN)) {
    const { tag: _, ...kinds } = groups!;
    const kind = Object.keys(kinds).find((name) => kinds[name] !== undefined) as SqlTokenKind;
    yield { kind, text: token, index };
  }
}
