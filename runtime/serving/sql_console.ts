/**
 * SQL by people: one statement that reads, in the engine's read-only mode and within bounds. The
 * mode refuses writes, changes of settings and what reaches files or the network; the statement is
 * wrapped as a subquery, so that nothing else than a SELECT can stand there.
 */
import { TwofoldError, UserError } from "../errors.ts";
import type { Clock } from "../clock.ts";
import type { Warehouse } from "../ports.ts";
import type { AnswerColumn, SqlAnswer, SqlConsole } from "../services.ts";
import { withDeadline } from "./deadline.ts";

/** Options of {@link createSqlConsole}. */
export interface SqlConsoleOptions {
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /** The longest that a statement may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
}

const MAX_SQL_CHARACTERS = 100_000;
const MAX_ROWS = 10_000;
const DEFAULT_ROWS = 1000;
const bounds = {
  readonly: 1,
  max_rows_to_read: 2_000_000_000,
  max_result_bytes: 64 * 2 ** 20,
  result_overflow_mode: "throw",
  max_memory_usage: 2 ** 30,
  max_threads: 2,
};

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
const hiding = /\$\w*\$|[`"][^`"]*\\/;

/** Opens a console over a warehouse. */
export function createSqlConsole(options: SqlConsoleOptions): SqlConsole {
  const { warehouse, clock, timeoutMs = 30_000 } = options;
  return {
    async query(sql, { limit = DEFAULT_ROWS, signal } = {}) {
      check(sql, limit);
      const startMs = clock.now();
      const statement = `SELECT * FROM (\n${withoutEnd(sql)}\n) LIMIT ${limit + 1}`;
      return await withDeadline(clock, timeoutMs, signal, async (deadline) => {
        try {
          const stream = await warehouse.stream(statement, "JSONCompact", {
            settings: { ...bounds, max_execution_time: timeoutMs / 1000 },
            signal: deadline.signal,
          });
          const answer = await new Response(stream).json() as CompactAnswer;
          return answerOf(answer, limit, (clock.now() - startMs) / 1000);
        } catch (error) {
          if (deadline.expired()) {
            throw refused(`it took longer than ${timeoutMs / 1000} s`);
          }
          if (error instanceof TwofoldError && !error.retriable) throw refused(reasonOf(error));
          throw error;
        }
      });
    },
  };
}

const refused = (why: string) => new UserError(`Cannot run the SQL: ${why}`, { field: "sql" });

/** The engine's own words, without what was being done. */
const reasonOf = ({ message }: Error) => message.replace(/^Cannot [^:]*: /, "");

function check(sql: string, limit: number): void {
  if (sql.length > MAX_SQL_CHARACTERS) {
    throw refused(`it must have at most ${MAX_SQL_CHARACTERS} characters, got ${sql.length}`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ROWS) {
    throw new UserError(
      `Cannot run the SQL: limit must be a whole number in 1..${MAX_ROWS}, got ${limit}`,
      { field: "limit" },
    );
  }
  const found = forbiddenWords.exec(sql);
  if (found !== null) throw refused(`${found[0]} is not allowed here`);
  if (hiding.test(sql)) throw refused("here-documents and escapes in names are not allowed here");
  const bare = withoutTexts(sql);
  if (bare.trim() === "") throw refused("it is empty");
  if (!/^[\s(]*(select|with)\b/i.test(bare)) throw refused("wanted one SELECT");
  if (/;\s*\S/.test(bare)) throw refused("wanted one statement, got several");
  if (/\bformat\s+\w+\s*;?\s*$/i.test(bare)) throw refused("its format is fixed");
}

/** The statement with comments and texts left out. */
function withoutTexts(sql: string): string {
  const pattern = /--[^\n]*|#[! ][^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^'\\]|\\[\s\S]|'')*'?/g;
  return sql.replace(pattern, " ");
}

const withoutEnd = (sql: string) => sql.replace(/[;\s]+$/, "");

interface CompactAnswer {
  readonly meta: readonly { readonly name: string; readonly type: string }[];
  readonly data: readonly (readonly unknown[])[];
}

function answerOf({ meta, data }: CompactAnswer, limit: number, seconds: number): SqlAnswer {
  const rows = data.slice(0, limit).map((values) =>
    Object.fromEntries(meta.map(({ name }, i) => [name, values[i]]))
  );
  return { columns: meta as AnswerColumn[], rows, truncated: data.length > limit, seconds };
}
