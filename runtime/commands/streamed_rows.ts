/**
 * Reads an answer of SQL as it comes: in one line, or with a line for each row between
 * `{"columns":[…],"rows":[` and `],…}`.
 */
import type { SqlEnd, SqlRow, SqlRows } from "../ports/services.ts";
import { ExternalError, UserError } from "../std/errors.ts";

/** Ends the line before the first row. */
const ROWS = ',"rows":[';
const CUT = "Cannot read the rows to their end: the connection failed";

/**
 * Reads the columns; the rows are parsed as they arrive.
 *
 * @throws ExternalError where it is no such answer, or ends early; UserError where the statement
 * failed on its way.
 */
export async function streamedRows(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<SqlRows> {
  const lines = linesOf(body);
  const { value: [head, ...rows] = [""] } = await lines.next();
  if (head.endsWith(ROWS)) {
    const { columns } = JSON.parse(`${head}]}`) as Pick<SqlRows, "columns">;
    return { columns, blocks: blocksOf(rows, lines) };
  }
  const { columns, rows: all, ...end } = parsed<SqlRows & SqlEnd & { rows: SqlRow[] }>(head);
  return {
    columns,
    blocks: (async function* () {
      yield await Promise.resolve(all);
      return end;
    })(),
  };
}

async function* blocksOf(
  first: readonly string[],
  rest: AsyncGenerator<readonly string[]>,
): AsyncGenerator<readonly SqlRow[], SqlEnd, void> {
  try {
    for (let lines = first;;) {
      const end = lines.find((line) => line.startsWith("]"));
      const rows = lines.filter((line) => line !== end).map((line) => line.replace(/,$/, ""));
      if (rows.length > 0) yield parsed(`[${rows.join(",")}]`);
      if (end !== undefined) return endOf(end);
      const { done, value } = await rest.next();
      if (done) throw new ExternalError(CUT);
      lines = value;
    }
  } finally {
    await rest.return(undefined);
  }
}

/** The lines of a body, those together that come together. */
async function* linesOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<readonly string[]> {
  let open = "";
  try {
    for await (const piece of body.pipeThrough(new TextDecoderStream())) {
      const lines = (open + piece).split("\n");
      open = lines.pop()!;
      if (lines.length > 0) yield lines;
    }
  } catch (cause) {
    // What goes wrong with a connection is a TypeError of fetch.
    throw cause instanceof TypeError ? new ExternalError(CUT, { cause }) : cause;
  }
  if (open !== "") yield [open];
}

/** An answer that failed on its way ends with the reason, and is left open. */
function endOf(line: string): SqlEnd {
  const [, reason] = /^\],"error":("(?:[^"\\]|\\.)*")$/.exec(line) ?? [];
  if (reason !== undefined) throw new UserError(JSON.parse(reason));
  return parsed(`{${line.slice(2)}`);
}

function parsed<Value>(text: string): Value {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ExternalError(CUT, { cause });
  }
}
