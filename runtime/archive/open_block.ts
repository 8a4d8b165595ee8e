import { type Columns, type DecodeFault, RowStatus } from "../columns.ts";
import type { EventSchema } from "../events.ts";
import { BlockRows, type DeadLetter, widened } from "./block_rows.ts";
import type { ClosedBlock } from "./encode_block.ts";

/** What was read of a block so far. */
export class OpenBlock {
  readonly #rows: BlockRows;
  readonly #deadLetters: DeadLetter[] = [];
  #records = 0;
  #appendMs: [number, number] | null = null;
  /** Append time of the first event or dead letter; null without one. */
  firstAppendMs: number | null = null;

  constructor(schema: EventSchema, start: bigint) {
    this.#rows = new BlockRows(schema, start);
  }

  get start(): bigint {
    return this.#rows.block;
  }

  /** Events and dead letters. */
  get events(): number {
    return this.#rows.count + this.#deadLetters.length;
  }

  /**
   * Takes the rows `[firstRow, endRow)` of a chunk.
   *
   * @param faults of the whole chunk.
   */
  add(columns: Columns, firstRow: number, endRow: number, faults: readonly DecodeFault[]): void {
    this.#records += endRow - firstRow;
    this.#appendMs = widened(this.#appendMs, columns.appendMs.subarray(firstRow, endRow));
    for (let row = firstRow; row < endRow && this.firstAppendMs === null; row++) {
      if (columns.status[row] !== RowStatus.tick) this.firstAppendMs = columns.appendMs[row];
    }
    this.#rows.add(columns, firstRow, endRow);
    for (const { row, field, reason } of faults) {
      if (row < firstRow || row >= endRow) continue;
      this.#deadLetters.push({
        offset: columns.from + BigInt(columns.offsetDelta[row]),
        appendMs: columns.appendMs[row],
        field,
        reason,
        value: columns.bytes.slice(columns.valueStart[row], columns.valueEnd[row]),
      });
    }
  }

  /** Ends the block before the offset `end`; nothing may be added any more. */
  close(log: string, partition: number, end: bigint): ClosedBlock {
    return {
      range: { log, partition, start: this.start, end },
      records: this.#records,
      appendMs: this.#appendMs,
      rows: this.#rows,
      deadLetters: this.#deadLetters,
    };
  }
}
