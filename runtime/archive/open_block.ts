import { type Columns, type DecodeFault, RowStatus } from "../columns.ts";
import type { EventSchema } from "../events.ts";
import { BlockRows, type DeadLetter } from "./block_rows.ts";

/** What was read of a block so far. */
export class OpenBlock {
  readonly rows: BlockRows;
  readonly deadLetters: DeadLetter[] = [];
  /** Records, ticks included. */
  records = 0;
  /** Least and greatest append time; null without records. */
  appendMs: [number, number] | null = null;
  /** Append time of the first event or dead letter; null without one. */
  firstAppendMs: number | null = null;

  constructor(schema: EventSchema, start: bigint) {
    this.rows = new BlockRows(schema, start);
  }

  get start(): bigint {
    return this.rows.block;
  }

  get events(): number {
    return this.rows.count;
  }

  /** Least and greatest event time, whole milliseconds; null without events. */
  get eventMs(): [number, number] | null {
    return range(this.rows.eventMs.subarray(0, this.rows.count), null);
  }

  /**
   * Takes the rows `[firstRow, endRow)` of a chunk.
   *
   * @param faults of the whole chunk.
   */
  add(columns: Columns, firstRow: number, endRow: number, faults: readonly DecodeFault[]): void {
    this.records += endRow - firstRow;
    this.appendMs = range(columns.appendMs.subarray(firstRow, endRow), this.appendMs);
    for (let row = firstRow; row < endRow && this.firstAppendMs === null; row++) {
      if (columns.status[row] !== RowStatus.tick) this.firstAppendMs = columns.appendMs[row];
    }
    this.rows.add(columns, firstRow, endRow);
    for (const { row, field, reason } of faults) {
      if (row < firstRow || row >= endRow) continue;
      this.deadLetters.push({
        offset: columns.from + BigInt(columns.offsetDelta[row]),
        appendMs: columns.appendMs[row],
        field,
        reason,
        value: columns.bytes.slice(columns.valueStart[row], columns.valueEnd[row]),
      });
    }
  }
}

function range(values: Float64Array, start: [number, number] | null): [number, number] | null {
  if (values.length === 0) return start;
  let [least, greatest] = start ?? [values[0], values[0]];
  for (const value of values) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return [least, greatest];
}
