/**
 * SQL by people: one statement that reads, within bounds. The engine's parser says what it calls and
 * reads, and only what is on a list passes; it runs in the engine's read-only mode all the same.
 */
import { BusyError, TwofoldError, UserError } from "../errors.ts";
import type { Clock } from "../clock.ts";
import type { StatementOptions, Warehouse } from "../ports.ts";
import type { AnswerColumn, SqlAnswer, SqlConsole } from "../services.ts";
import { Turns } from "../turns.ts";
import { type Deadline, withDeadline } from "./deadline.ts";
import { exactRow } from "./exact_rows.ts";
import { readStatement, refused } from "./sql_statement.ts";

/** Options of {@link createSqlConsole}. */
export interface SqlConsoleOptions {
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /** The longest that a statement may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** The longest that a statement waits for others', in milliseconds. Default 10,000. */
  readonly waitMs?: number;
  /** The most bytes of a result. Default 64 MiB. */
  readonly maxResultBytes?: number;
}

const MAX_ROWS = 10_000;
const DEFAULT_ROWS = 1000;
/** Statements at once, and those that wait for their turn: the others are told to come back. */
const AT_ONCE = 2;
const MAX_WAITING = 20;
const MEMORY_BYTES = 2 ** 30;
const MAX_RESULT_BYTES = 64 * 2 ** 20;
const bounds = {
  readonly: 1,
  max_rows_to_read: 2_000_000_000,
  result_overflow_mode: "throw",
  max_memory_usage: MEMORY_BYTES,
  max_threads: 2,
};
const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** Opens a console over a warehouse. */
export function createSqlConsole(options: SqlConsoleOptions): SqlConsole {
  const { clock, timeoutMs = 30_000, waitMs = 10_000 } = options;
  const turns = new Turns(AT_ONCE);
  let here = 0;
  const take = async (signal: AbortSignal | undefined) => {
    const busy = new BusyError("Cannot run the SQL: other statements are under way; try again");
    if (here > AT_ONCE + MAX_WAITING) throw busy;
    await withDeadline(clock, waitMs, signal, async (waiting) => {
      await turns.take(waiting.signal).catch((error) => {
        throw waiting.expired() ? busy : error;
      });
    });
  };
  return {
    async query(sql, { limit = DEFAULT_ROWS, signal } = {}) {
      checkLimit(limit);
      here++;
      try {
        await take(signal);
        try {
          return await withDeadline(
            clock,
            timeoutMs,
            signal,
            (deadline) => run(options, sql, limit, deadline),
          );
        } finally {
          turns.give();
        }
      } finally {
        here--;
      }
    },
  };
}

function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_ROWS) return;
  throw new UserError(
    `Cannot run the SQL: limit must be a whole number in 1..${MAX_ROWS}, got ${limit}`,
    { field: "limit" },
  );
}

async function run(
  options: SqlConsoleOptions,
  text: string,
  limit: number,
  { signal, expired }: Deadline,
): Promise<SqlAnswer> {
  const { clock, timeoutMs = 30_000, maxResultBytes = MAX_RESULT_BYTES } = options;
  const startMs = clock.now();
  const settings = {
    ...bounds,
    max_result_bytes: maxResultBytes,
    max_execution_time: timeoutMs / 1000,
  };
  try {
    const statement = await readStatement(options.warehouse, text, signal);
    const read = statement.query ? readQuery : readLook;
    const { columns, lines } = await read(options, statement.sql, limit, { settings, signal });
    const types = columns.map(({ type }) => type);
    const rows = lines.slice(0, limit).map((line) => {
      const values = exactRow(line, types);
      return Object.fromEntries(columns.map(({ name }, i) => [name, values[i]]));
    });
    const seconds = (clock.now() - startMs) / 1000;
    return { columns, rows, truncated: lines.length > limit, seconds };
  } catch (error) {
    if (expired()) throw refused(tooLong(timeoutMs));
    throw error instanceof TwofoldError ? faultOf(error, timeoutMs) : error;
  }
}

interface Result {
  readonly columns: readonly AnswerColumn[];
  /** JSON arrays of values; more than the limit where there is more. */
  readonly lines: readonly string[];
}

/** A query: its columns are asked for first, then its rows come as they are made. */
async function readQuery(
  { warehouse, maxResultBytes }: SqlConsoleOptions,
  sql: string,
  limit: number,
  statement: StatementOptions,
): Promise<Result> {
  const described = await warehouse.query<AnswerColumn>(`DESCRIBE TABLE (\n${sql}\n)`, statement);
  const stream = await warehouse.stream(
    `SELECT * FROM (\n${sql}\n) LIMIT ${limit + 1}`,
    "JSONCompactEachRow",
    statement,
  );
  return {
    columns: described.map(({ name, type }) => ({ name, type })),
    lines: await linesOf(stream, limit + 1, maxResultBytes),
  };
}

/** What tells of queries and tables: short, with its columns as its first lines. */
async function readLook(
  { warehouse, maxResultBytes }: SqlConsoleOptions,
  sql: string,
  limit: number,
  statement: StatementOptions,
): Promise<Result> {
  const stream = await warehouse.stream(sql, "JSONCompactEachRowWithNamesAndTypes", statement);
  const [names = "[]", types = "[]", ...lines] = await linesOf(stream, limit + 3, maxResultBytes);
  const typeOf = JSON.parse(types) as string[];
  const columns = (JSON.parse(names) as string[]).map((name, i) => ({ name, type: typeOf[i] }));
  return { columns, lines };
}

/** The first lines of a stream. @throws when they hold too many bytes: nothing more is read. */
async function linesOf(
  stream: ReadableStream<Uint8Array>,
  count: number,
  maxBytes: number = MAX_RESULT_BYTES,
): Promise<string[]> {
  const decoder = new TextDecoder();
  const lines: string[] = [];
  let bytes = 0;
  let open = "";
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw refused(`its result has more than ${mebibytes(maxBytes)}; select less, or aggregate`);
    }
    const parts = (open + decoder.decode(chunk, { stream: true })).split("\n");
    open = parts.pop()!;
    for (const part of parts) lines.push(part);
    if (lines.length >= count) return lines.slice(0, count);
  }
  return open === "" ? lines : [...lines, open];
}

const tooLong = (ms: number) =>
  `it took longer than ${
    ms / 1000
  } s; ask for less: filter by time or key, or read a merged_ relation`;

/** Faults of the engine that a smaller question would not have, in words that help. */
const limits: readonly (readonly [RegExp, (timeoutMs: number) => string])[] = [
  [/code 159\b/, tooLong],
  [
    // Of the whole engine's memory others may have taken most: that passes.
    /Query memory limit exceeded/i,
    () =>
      `it took more than ${
        mebibytes(MEMORY_BYTES)
      } of memory; ask for less: filter by time or key, ` +
      "group by less, or drop ORDER BY and DISTINCT",
  ],
  [
    /code 396\b/,
    () => `its result has more than ${mebibytes(MAX_RESULT_BYTES)}; select less, or aggregate`,
  ],
];

/** An engine's fault as what the author can do; what will pass stays as it is. */
function faultOf(error: TwofoldError, timeoutMs: number): TwofoldError {
  if (error instanceof UserError) return error;
  const limit = limits.find(([pattern]) => pattern.test(error.message));
  if (limit !== undefined) return refused(limit[1](timeoutMs));
  // The engine's own words, without what was being done.
  return error.retriable ? error : refused(error.message.replace(/^Cannot [^:]*: /, ""));
}
