/** Reads what the speed layer reads, for comparison. */
import { expect } from "testing";
import { type Columns, type DecodeFault, RowStatus } from "../../runtime/model/columns.ts";
import type { RecordSource } from "../../runtime/speed/record_source.ts";
import { rowOf } from "./decoding.ts";

/** A record as the speed layer sees it. */
type Seen = Record<string, unknown>;

/** All records from `from` on, and where each chunk ended. */
export async function readAll(source: RecordSource, from: bigint, columns: Columns, partition = 0) {
  const records: Seen[] = [];
  const ends: bigint[] = [];
  for (let at = from;; at = columns.to) {
    const faults = await source.read(at, columns);
    if (columns.to === at) return { records, ends };
    expect([columns.from, columns.partition]).toEqual([at, partition]);
    for (let row = 0; row < columns.count; row++) records.push(seen(columns, row, faults));
    ends.push(columns.to);
  }
}

function seen(columns: Columns, row: number, faults: readonly DecodeFault[]): Seen {
  const { value: _value, unknown: _unknown, ...rest } = rowOf(columns, row);
  if (rest.status === RowStatus.tick) {
    // Of a tick only the greatest append time of its block is known.
    return { status: rest.status, offset: rest.offset };
  }
  if (rest.status === RowStatus.deadLetter) {
    const { field, reason } = faults.find((fault) => fault.row === row)!;
    const bytes = columns.bytes.slice(columns.valueStart[row], columns.valueEnd[row]);
    return { ...rest, field, reason, bytes: [...bytes] };
  }
  const fields = Object.entries(rest.fields as Record<string, { isNull?: number }>)
    .map(([name, field]) => [name, field.isNull === 1 ? null : field]);
  return { ...rest, fields: Object.fromEntries(fields) };
}
