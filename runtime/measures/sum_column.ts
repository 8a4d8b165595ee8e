/** A column that adds whole numbers up: sums, and counts of events or of values. */
import type { Columns } from "../model/columns.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";
import { type Adder, aggregate, type CellStates, type MeasureColumn, returned } from "./measure.ts";
import { CellNumbers, distanceSql, scaledInteger, scaleOf, toFloat } from "./numbers.ts";

/** A sum per cell, as the speed layer holds it. */
type SumStates = CellStates<bigint | number>;

/** What is particular to one column. */
export interface SumColumnOptions<States extends SumStates> {
  readonly name: string;
  readonly sqlType: string;
  /** What an event adds, such as `one` or `value`: part of the generation. */
  readonly adds: string;
  readonly field?: string;
  /** Default: {@link CellSums}. */
  allocate?(capacity: number): States;
  adder(columns: Columns): Adder<States>;
  buildSql(condition?: string): string;
}

/** A sum per cell: exact, because a block is small enough (see `MAX_MAGNITUDE`). */
export class CellSums extends CellNumbers<number> implements CellStates<number> {
  of(cell: number): number {
    return this.values[cell];
  }

  write(writer: RowBinaryWriter, cell: number): void {
    writer.i64(this.values[cell]);
  }
}

/** Makes a column of sums, which are scaled integers. */
export function sumColumn<States extends SumStates = CellSums>(
  { name, sqlType, adds, field, allocate, adder, buildSql }: SumColumnOptions<States>,
): MeasureColumn<bigint | number, States> {
  const scale = scaleOf(sqlType);
  return {
    name,
    sqlType,
    meaning: ["sum", sqlType, adds, field],
    cancels: true,
    additive: true,
    counts: adds === "one" ? "events" : adds === "present" ? "values" : undefined,
    large: false,
    returns: returned.number,
    allocate: allocate ?? ((capacity) => new CellSums(capacity, 0) as SumStates as States),
    adder,
    read: (value) => scaledInteger(String(value), scale),
    merge: sumOf,
    toFloat: (state) => toFloat(state, scale),
    buildSql,
    // A sum over no values is NULL in SQL and zero in the tables.
    storedSql: (value) => `ifNull(${value}, 0)`,
    mergeSql: (state, condition) => aggregate("sum", state, condition),
    differenceSql: (a, b) => distanceSql(sqlType, a, b),
    textSql: (state) => `toString(${state})`,
    floatSql: (state) => `toFloat64(${state})`,
  };
}

/** A sum of whole numbers of any size. Most of them are small: those are added as floats. */
function sumOf(values: readonly (bigint | number)[]): bigint {
  let whole = 0n;
  let part = 0;
  for (const value of values) {
    const sum = typeof value === "bigint" ? NaN : part + value;
    if (Number.isSafeInteger(sum)) part = sum;
    else whole += BigInt(value);
  }
  return whole + BigInt(part);
}
