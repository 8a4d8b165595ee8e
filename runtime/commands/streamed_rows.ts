/** Reads an answer of SQL as it comes: `{"columns":[…],"rows":[…],…}`, written in that order. */
import type { SqlEnd, SqlRow, SqlRows } from "../ports/services.ts";
import { ExternalError, UserError } from "../std/errors.ts";

/** What stands between the columns and the first row. In a text of JSON, quotes are escaped. */
const ROWS = ',"rows":[';
const CUT = "Cannot read the rows to their end: the connection failed";
const QUOTE = 0x22, ESCAPE = 0x5c, OPENING = [0x5b, 0x7b], CLOSING = [0x5d, 0x7d];

/**
 * Reads the columns; the rows are parsed as they arrive.
 *
 * @throws ExternalError where it is no such answer, or ends early; UserError where the statement
 * failed on its way.
 */
export async function streamedRows(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<SqlRows> {
  const pieces = body.pipeThrough(new TextDecoderStream()).values();
  let head = "";
  while (!head.includes(ROWS)) {
    const { done, value } = await nextOf(pieces);
    if (done) throw unfinished(head);
    head += value;
  }
  const at = head.indexOf(ROWS);
  const { columns } = JSON.parse(`${head.slice(0, at)}}`) as Pick<SqlRows, "columns">;
  return { columns, blocks: blocksOf(head.slice(at + ROWS.length), pieces) };
}

async function* blocksOf(
  first: string,
  pieces: AsyncIterableIterator<string>,
): AsyncGenerator<readonly SqlRow[], SqlEnd, void> {
  const scan = new RowScan();
  let ended = false;
  try {
    for (let piece = first; !scan.ended;) {
      const rows = scan.take(piece);
      if (rows.length > 0) yield rows;
      if (scan.ended) break;
      const { done, value } = await nextOf(pieces);
      if (done) throw unfinished("");
      piece = value;
    }
    let rest = scan.rest;
    for (let piece = await nextOf(pieces); !piece.done; piece = await nextOf(pieces)) {
      rest += piece.value;
    }
    ended = true;
    const end = /^,(".*\})$/s.exec(rest)?.[1];
    if (end === undefined) throw unfinished(rest);
    return JSON.parse(`{${end}`);
  } finally {
    if (!ended) await pieces.return?.();
  }
}

/** Finds where rows end in pieces of text. */
class RowScan {
  /** What was not parsed yet; after the last row, what follows the list. */
  rest = "";
  ended = false;
  #at = 0;
  #depth = 0;
  #inText = false;

  /** The rows that end in a piece. */
  take(piece: string): SqlRow[] {
    this.rest += piece;
    let whole = 0;
    for (; this.#at < this.rest.length && !this.ended; this.#at++) {
      const code = this.rest.charCodeAt(this.#at);
      if (this.#inText) {
        if (code === ESCAPE) this.#at++;
        else this.#inText = code !== QUOTE;
      } else if (code === QUOTE) this.#inText = true;
      else if (OPENING.includes(code)) this.#depth++;
      else if (CLOSING.includes(code)) {
        if (this.#depth === 0) this.ended = true;
        else if (--this.#depth === 0) whole = this.#at + 1;
      }
    }
    const rows = JSON.parse(`[${this.rest.slice(0, whole).replace(/^,/, "")}]`);
    const from = this.ended ? this.#at : whole;
    this.rest = this.rest.slice(from);
    this.#at -= from;
    return rows;
  }
}

/** What goes wrong with a connection is a TypeError of fetch. */
async function nextOf(pieces: AsyncIterableIterator<string>): Promise<IteratorResult<string>> {
  try {
    return await pieces.next();
  } catch (cause) {
    throw cause instanceof TypeError ? new ExternalError(CUT, { cause }) : cause;
  }
}

/** An answer that failed on its way ends with the reason. */
function unfinished(end: string): Error {
  const [, reason] = /^,"error":("(?:[^"\\]|\\.)*")$/.exec(end) ?? [];
  return reason === undefined ? new ExternalError(CUT) : new UserError(JSON.parse(reason));
}
