import type { RecordBatch } from "../decode/line_splitter.ts";
import type { EventSchema } from "../events.ts";
import type { RowFormat } from "../row_format.ts";
import { CsvRows } from "../sources/csv_rows.ts";
import { EventWriter } from "../sources/event_writer.ts";
import { ParsedRows } from "../sources/parsed_rows.ts";
import type { RefusedRow, RowWriter } from "../sources/row_writer.ts";

/** Records as JSON, and what is at fault with those that could not become it. */
export interface JsonBatch extends RecordBatch {
  /** By row of this batch. */
  readonly rowFaults: ReadonlyMap<number, RefusedRow>;
}

/** Enough for the usual batch of rows; it bounds what long names of columns can make of short rows. */
const MAX_JSON_BYTES = 4 * 2 ** 20;
const NO_FAULTS: ReadonlyMap<number, RefusedRow> = new Map();

/** Turns the records of one body into JSON. */
export class RowBatches {
  readonly #rows: RowWriter | null;
  #writer: EventWriter | null = null;

  /** @param format a declared one, `csv`, or null where the records are JSON. */
  constructor(format: RowFormat | "csv" | null, schema: EventSchema) {
    this.#rows = format === "csv"
      ? new CsvRows(schema)
      : format === null
      ? null
      : new ParsedRows(format, schema);
  }

  /**
   * The same records as JSON, a header left out. A row that is at fault stays as it came. Batches are
   * to be done with before the next is asked for.
   *
   * @throws UserError when a header is wanted and there is none.
   */
  *of(batch: RecordBatch): Generator<JsonBatch> {
    const rows = this.#rows;
    if (rows === null) return yield { ...batch, rowFaults: NO_FAULTS };
    let { oversize } = batch;
    for (let row = 0; row === 0 || row < batch.count;) {
      const part = this.#convert(batch, row, rows);
      yield { ...part.batch, oversize, rowFaults: part.rowFaults };
      [row, oversize] = [Math.max(part.next, row + 1), []];
    }
  }

  /** Rows from `first` on, as many as fit. */
  #convert(batch: RecordBatch, first: number, rowWriter: RowWriter) {
    const { count, bytes, valueStart, valueEnd, ordinal } = batch;
    const writer = this.#writer ??= new EventWriter();
    writer.cut(0);
    const rowFaults = new Map<number, RefusedRow>();
    const starts = new Uint32Array(count - first);
    const ends = new Uint32Array(count - first);
    let next = first;
    let skipped = 0;
    for (; next < count && writer.length < MAX_JSON_BYTES; next++) {
      const start = valueStart[next];
      const end = valueEnd[next];
      if (ordinal[next] === 0 && rowWriter.header(bytes, start, end)) {
        skipped++;
        continue;
      }
      const row = next - first - skipped;
      starts[row] = writer.length;
      const fault = rowWriter.write(bytes, start, end, writer);
      if (fault !== null) {
        rowFaults.set(row, fault);
        writer.cut(starts[row]);
        writer.raw(bytes, start, end);
      }
      ends[row] = writer.length;
    }
    const rows = next - first - skipped;
    const part = (list: Uint32Array) => list.slice(first + skipped, next);
    return {
      next,
      rowFaults,
      batch: {
        ...batch,
        to: BigInt(rows),
        count: rows,
        bytes: writer.view(),
        valueStart: starts,
        valueEnd: ends,
        line: part(batch.line),
        ordinal: part(ordinal),
      },
    };
  }
}
