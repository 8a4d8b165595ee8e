/** What the connection has to know of a statement's text. */
import { sqlText } from "../std/sql_text.ts";
import { sqlTokens } from "../sql/sql_tokens.ts";

/**
 * Formats whose blocks, each formatted on its own, join to the whole. The others (a header, a
 * frame) are fetched in one piece.
 */
const BLOCKWISE = new Set([
  "CSV",
  "CustomSeparated",
  "JSONCompactEachRow",
  "JSONCompactStringsEachRow",
  "JSONEachRow",
  "JSONLines",
  "JSONStringsEachRow",
  "LineAsString",
  "NDJSON",
  "Native",
  "RawBLOB",
  "RowBinary",
  "TSKV",
  "TSV",
  "TSVRaw",
  "TabSeparated",
  "TabSeparatedRaw",
]);

/** Whether a statement is a query whose result in `format` may be fetched block by block. */
export function isBlockwise(sql: string, format: string): boolean {
  if (!BLOCKWISE.has(format)) return false;
  for (const { kind, text } of sqlTokens(sql)) {
    if (kind === "space" || kind === "comment" || text === "(") continue;
    // The engine streams nothing else.
    return /^(SELECT|WITH)$/i.test(text);
  }
  return false;
}

/**
 * The FORMAT clause at the end of a statement, and the statement without it.
 *
 * @example
 * ```ts
 * import { splitFormat } from "./statement_text.ts";
 * const { sql, format } = splitFormat("SELECT 1 \nFORMAT JSONEachRow");
 * if (sql !== "SELECT 1" || format !== "JSONEachRow") throw new Error("unexpected");
 * ```
 */
export function splitFormat(text: string): { sql: string; format: string | null } {
  const match = /\s+FORMAT\s+(\w+)\s*;?\s*$/i.exec(text);
  if (!match) return { sql: text, format: null };
  return { sql: text.slice(0, match.index), format: match[1] };
}

/**
 * Whether a statement may change its connection (SET, USE, a temporary table). It errs on the side
 * of yes, which costs a new connection: two milliseconds.
 */
export function mayChangeSession(text: string): boolean {
  return /\b(set|use|temporary)\b/i.test(text);
}

/**
 * A SET of settings, or null where there are none.
 *
 * @throws TypeError for a name that is not one.
 */
export function setStatement(settings: Readonly<Record<string, unknown>>): string | null {
  const parts = Object.entries(settings).map(([name, value]) => {
    if (!/^\w+$/.test(name)) {
      throw new TypeError(`Cannot set "${name}": a setting's name is letters, digits and _`);
    }
    const text = typeof value === "boolean" ? String(Number(value)) : String(value);
    return `${name} = ${sqlText(text)}`;
  });
  return parts.length > 0 ? `SET ${parts.join(", ")}` : null;
}
