/** One statement of people's SQL, run: its columns, then its rows block by block. */
import type { SqlEnd, SqlRow } from "../ports/inspection.ts";
import type { ReadableWarehouse, StatementOptions } from "../ports/ports.ts";
import type { AnswerColumn } from "../ports/services.ts";
import { exactRow } from "./exact_rows.ts";
import { readStatement, refused } from "./sql_statement.ts";

/** What {@link runSql} needs. */
export interface SqlRun {
  readonly warehouse: ReadableWarehouse;
  readonly text: string;
  readonly limit: number;
  /** Rows to leave out: those of the pages before. */
  readonly offset: number;
  /** The most bytes of the result. */
  readonly maxBytes: number;
  /** Of the engine, for this statement only. */
  readonly settings: NonNullable<StatementOptions["settings"]>;
  readonly now: () => number;
}

/** The columns come first, once. */
export type SqlItem = { readonly columns: readonly AnswerColumn[] } | {
  readonly rows: readonly SqlRow[];
};

/** Runs a statement. @throws what the warehouse throws; UserError when it is not allowed. */
export async function* runSql(
  run: SqlRun,
  signal: AbortSignal,
): AsyncGenerator<SqlItem, SqlEnd, void> {
  const { warehouse, text, limit, offset, now } = run;
  const startMs = now();
  const statement = await readStatement(warehouse, text, signal);
  const { columns, blocks } = await (statement.query ? openQuery : openLook)(
    run,
    statement.sql,
    signal,
  );
  yield { columns };
  const types = columns.map(({ type }) => type);
  const names = columns.map(({ name }) => name);
  let count = 0;
  let truncated = false;
  for await (const lines of blocks) {
    const kept = lines.slice(0, limit - count);
    truncated = lines.length > kept.length;
    count += kept.length;
    if (kept.length > 0) {
      yield {
        rows: kept.map((line) => {
          const values = exactRow(line, types);
          return Object.fromEntries(names.map((name, i) => [name, values[i]]));
        }),
      };
    }
    if (truncated) break;
  }
  const next = truncated ? String(offset + limit) : null;
  return { truncated, next, seconds: (now() - startMs) / 1000 };
}

interface Result {
  readonly columns: readonly AnswerColumn[];
  /** JSON arrays of values; more than the limit where there are more. */
  readonly blocks: AsyncGenerator<string[], void, void>;
}

/** A query: its columns are asked for first, then its rows come as they are made. */
async function openQuery(run: SqlRun, sql: string, signal: AbortSignal): Promise<Result> {
  const { warehouse, limit, offset, settings, maxBytes } = run;
  const options = { settings, signal };
  const described = await warehouse.query<AnswerColumn>(`DESCRIBE TABLE (${sql})`, options);
  const page = `SELECT * FROM (${sql}) LIMIT ${limit + 1} OFFSET ${offset}`;
  const stream = await warehouse.stream(page, "JSONCompactEachRow", options);
  return {
    columns: described.map(({ name, type }) => ({ name, type })),
    blocks: linesOf(stream, maxBytes),
  };
}

/** A statement about queries and tables: short, with its columns as its first lines. */
async function openLook(run: SqlRun, sql: string, signal: AbortSignal): Promise<Result> {
  const { warehouse, settings, maxBytes, offset } = run;
  const format = "JSONCompactEachRowWithNamesAndTypes";
  const stream = await warehouse.stream(sql, format, { settings, signal });
  const lines: string[] = [];
  for await (const some of linesOf(stream, maxBytes)) lines.push(...some);
  const [names = "[]", types = "[]", ...rows] = lines;
  const typeOf = JSON.parse(types) as string[];
  return {
    columns: (JSON.parse(names) as string[]).map((name, i) => ({ name, type: typeOf[i] })),
    blocks: (async function* () {
      yield await Promise.resolve(rows.slice(offset));
    })(),
  };
}

/** The lines of a stream, as they come. @throws when they hold too many bytes. */
async function* linesOf(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<string[], void, void> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let open = "";
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw refused(tooLarge(maxBytes));
    const lines = (open + decoder.decode(chunk, { stream: true })).split("\n");
    open = lines.pop()!;
    yield lines;
  }
  if (open !== "") yield [open];
}

/** Why a result is refused. */
export const tooLarge = (bytes: number) =>
  `its result has more than ${Math.ceil(bytes / 2 ** 20)} MiB; select less, or aggregate`;
