/** Read-only SQL. */
import { csvLine, moreRowsLine } from "../../runtime/std/csv.ts";
import type { Services, SqlOptions, SqlRow, SqlRows } from "../../runtime/ports/services.ts";
import { formatOf, jsonText } from "./answer.ts";
import { wholeNumber } from "./query_params.ts";
import { mediaType, objectOf, smallText } from "./request_body.ts";
import type { Asked } from "./route.ts";
import { sqlQuestion } from "./schemas.ts";

/** The media types of a statement. */
export const sqlTypes = ["text/plain", "application/json"];

/** The most rows of a page. */
const MAX_ROWS = 1_000_000;
/** An answer of this size is sent in one piece; the rows of a larger one are sent as they are made. */
const WHOLE_CHARACTERS = 65_536;

/** `POST /api/v1/sql` */
export async function runSql({ sql: console }: Services, asked: Asked) {
  const { c, signal } = asked;
  const { sql, ...options } = await questionOf(asked);
  const format = formatOf(c, { table: (answer) => answer as SqlAnswerTable });
  const { columns, blocks } = await console.open(sql, { ...options, signal });
  const rows: SqlRow[] = [];
  for (let characters = 0; characters < WHOLE_CHARACTERS;) {
    const block = await blocks.next();
    if (block.done) return { columns: [...columns], rows, ...block.value };
    characters += jsonText(block.value).length;
    rows.push(...block.value);
  }
  const pieces = format === "csv" ? csvPieces : jsonPieces;
  const type = format === "csv" ? "text/csv" : "application/json";
  const body = ReadableStream.from(encoded(pieces({ columns, blocks }, rows)));
  return new Response(body, {
    headers: { "content-type": `${type}; charset=utf-8`, vary: "Accept" },
  });
}

interface SqlAnswerTable extends Pick<SqlRows, "columns"> {
  readonly rows: readonly SqlRow[];
}

/** The statement of a request, from a JSON object or as plain text. */
async function questionOf(
  { c, params, maxBodyBytes }: Asked,
): Promise<SqlOptions & { readonly sql: string }> {
  const type = mediaType(c.req.raw, sqlTypes);
  const { after } = params;
  const range = { from: 1, to: MAX_ROWS, otherwise: 1000 };
  const limit = params.limit === undefined ? undefined : wholeNumber("limit", params.limit, range);
  if (type === "text/plain") return { sql: await smallText(c.req.raw, maxBodyBytes), limit, after };
  return { limit, after, ...await objectOf(sqlQuestion, c.req.raw, maxBodyBytes) };
}

async function* encoded(texts: AsyncGenerator<string>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  for await (const text of texts) yield encoder.encode(text);
}

/** An answer as JSON, a line for each row. One that fails on its way ends with the reason, and is left open: no JSON. */
async function* jsonPieces(
  { columns, blocks }: SqlRows,
  first: readonly SqlRow[],
): AsyncGenerator<string> {
  try {
    yield `{"columns":${jsonText(columns)},"rows":[\n${first.map(jsonText).join(",\n")}`;
    while (true) {
      const block = await blocks.next();
      if (block.done) return yield `\n],${jsonText(block.value).slice(1)}`;
      yield block.value.map((row) => `,\n${jsonText(row)}`).join("");
    }
  } catch (error) {
    yield `\n],"error":${jsonText((error as Error).message)}`;
  } finally {
    await close(blocks);
  }
}

/**
 * An answer as CSV. One that is cut or fails on its way says so in its last line; the connection of
 * one that fails breaks, too.
 */
async function* csvPieces(
  { columns, blocks }: SqlRows,
  first: readonly SqlRow[],
): AsyncGenerator<string> {
  const names = columns.map(({ name }) => name);
  const linesOf = (rows: readonly SqlRow[]) =>
    rows.map((row) => csvLine(names.map((name) => row[name]))).join("");
  try {
    yield csvLine(names) + linesOf(first);
    while (true) {
      const block = await blocks.next();
      if (!block.done) yield linesOf(block.value);
      else {
        const { next } = block.value;
        if (next !== null) yield moreRowsLine(`ask for them with after=${next}`);
        return;
      }
    }
  } catch (error) {
    yield csvLine([`# The rows end here: ${(error as Error).message}`]);
    throw error;
  } finally {
    await close(blocks);
  }
}

/** Ends a statement whose reader left. */
async function close(blocks: SqlRows["blocks"]): Promise<void> {
  await blocks.return({ truncated: true, next: null, seconds: 0 });
}
