/** A statement of people's SQL: read, refused where it has no place, and made ready to run. */
import { UserError } from "../errors.ts";

/** A statement that may run. */
export interface ReadStatement {
  readonly sql: string;
  /** Whether it is a query: it may stand as a subquery, and its result comes block by block. */
  readonly query: boolean;
}

const MAX_SQL_CHARACTERS = 100_000;

/**
 * Words that have no place in a statement, wherever they stand: functions that read files, ask the
 * network, wait, or tell the process's secrets. The read-only mode refuses table functions of this
 * kind by itself, but not these. A text or a column of such a name is refused with them: what is a
 * text and what is not is for the engine to say, and it must not differ from what is said here.
 */
const forbiddenWords = new RegExp(
  "\\b(" + [
    ...["file", "filesystem\\w+", "addressTo\\w+", "catboost\\w+", "dictGet\\w*", "sleep\\w*"],
    ...["ai(classify|embed|extract|generate|translate)", "getSetting\\w*", "getServerSetting"],
    ...["getMergeTreeSetting", "getMacro", "getClientHTTPHeader", "logTrace", "eval", "executable"],
    ...["merge", "mergeTree\\w+", "timeSeries\\w+", "prometheusQuery\\w*", "outfile", "settings"],
    "system(?!\\.(tables|columns|parts|one|numbers|functions)\\b)",
  ].join("|") + ")\\b",
  "i",
);
/** Ways of writing that could hide a word: here-documents, and escapes in quoted names. */
const hiding = /\$\w*\$|[`"“‘][^`"]*\\/;

const query = /^[\s(]*(select|with)\b/i;
const name = '(?:\\w+|`\\w+`|"\\w+")';
/** What may run beside a query. None of it names a table function, which could be asked for its columns. */
const looks: readonly RegExp[] = [
  /^explain\s+((ast|syntax|plan|pipeline|estimate|query\s+tree)\s+)?(\w+\s*=\s*\d+[\s,]+)*[\s(]*(select|with)\b/i,
  /^show\s+(full\s+)?(databases|tables|columns|indexes|functions)\b/i,
  new RegExp(`^show\\s+create\\s+((table|view)\\s+)?${name}(\\s*\\.\\s*${name})?$`, "i"),
  new RegExp(`^desc(ribe)?\\s+(table\\s+)?${name}(\\s*\\.\\s*${name})?$`, "i"),
  /^desc(ribe)?\s*\(\s*(select|with)\b/i,
];

/**
 * Reads a statement.
 *
 * @throws {UserError} when it is none, or one that has no place here.
 */
export function readStatement(text: string): ReadStatement {
  if (text.length > MAX_SQL_CHARACTERS) {
    throw refused(`it must have at most ${MAX_SQL_CHARACTERS} characters, got ${text.length}`);
  }
  const found = forbiddenWords.exec(text);
  if (found !== null) throw refused(`${found[0]} is not allowed here`);
  if (hiding.test(text)) throw refused("here-documents and escapes in names are not allowed here");
  const bare = withoutTexts(text);
  const end = bare.search(/[;\s]*$/);
  const statement = bare.slice(0, end).trimStart();
  if (statement === "") throw refused("it is empty");
  if (statement.includes(";")) throw refused("wanted one statement, got several");
  if (/\bformat\s+\w+$/i.test(statement)) throw refused("its format is fixed");
  const isQuery = query.test(statement);
  if (!isQuery && !looks.some((look) => look.test(statement))) {
    throw refused(
      "wanted one SELECT, EXPLAIN of a SELECT, SHOW TABLES, COLUMNS or CREATE, DESCRIBE",
    );
  }
  return { sql: text.slice(0, end), query: isQuery };
}

/** A statement that its author has to change. */
export const refused = (why: string) =>
  new UserError(`Cannot run the SQL: ${why}`, { field: "sql" });

/** What the engine reads as one piece: comments, texts, names in quotes; the first to begin counts. */
const pieces = new RegExp(
  [
    ...[/--[^\n]*/, /#[! ][^\n]*/, /\/\*[\s\S]*?(?:\*\/|$)/],
    ...[/'(?:[^'\\]|\\[\s\S]|'')*'?/, /‘[^’]*’?/],
    ...[/"[^"]*"?/, /`[^`]*`?/, /“[^”]*”?/],
  ].map(({ source }) => source).join("|"),
  "g",
);

/** The statement, as long as it is: blanks for comments, quotes for texts, no marks within names. */
function withoutTexts(sql: string): string {
  return sql.replace(pieces, (found) => {
    if (/^['‘]/.test(found)) return "'".repeat(found.length);
    if (/^["`“]/.test(found)) return found.replace(/[^\w"`]/g, "_");
    if (found.startsWith("/*") && found.includes("/*", 2)) {
      // The engine counts them, and ends the outer one elsewhere.
      throw refused("comments within comments are not allowed here");
    }
    return " ".repeat(found.length);
  });
}
