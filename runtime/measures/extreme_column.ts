/** A column that keeps the least or the greatest value. */
import type { Columns } from "../model/columns.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";
import {
  type Adder,
  aggregate,
  type CellStates,
  type DeclaredMeasure,
  type MeasureColumn,
  returned,
} from "./measure.ts";
import { CellNumbers, distanceSql, scaledInteger, scaleOf, toFloat, wideType } from "./numbers.ts";

/** What is particular to one of the two. */
export interface Extreme {
  /** The aggregate function of SQL. */
  readonly name: "min" | "max";
  better(a: bigint, b: bigint): boolean;
  adder(columns: Columns, field: string): Adder<CellExtremes>;
}

/** A value per cell; NaN where there is none. */
export class CellExtremes extends CellNumbers<bigint | null> implements CellStates<bigint | null> {
  of(cell: number): bigint | null {
    const value = this.values[cell];
    return Number.isNaN(value) ? null : BigInt(value);
  }

  write(writer: RowBinaryWriter, cell: number): void {
    const value = this.values[cell];
    if (Number.isNaN(value)) return writer.u8(1);
    writer.u8(0);
    writer.i64(value);
  }
}

/** Makes a column of extremes, which are scaled integers. */
export function extremeColumn(
  { name, field, fieldName, fieldSql }: DeclaredMeasure,
  { name: of, better, adder }: Extreme,
): MeasureColumn<bigint | null, CellExtremes> {
  const sqlType = `Nullable(${wideType(field)})`;
  const scale = scaleOf(sqlType);
  return {
    name,
    sqlType,
    meaning: [of, sqlType, "value", fieldName],
    cancels: false,
    additive: false,
    large: false,
    returns: returned.number,
    allocate: (capacity) => new CellExtremes(capacity, NaN),
    adder: (columns) => adder(columns, fieldName),
    read: (value) => value === null ? null : scaledInteger(String(value), scale),
    merge: (states) =>
      states.reduce((a, b) => a === null || (b !== null && better(b, a)) ? b : a, null),
    toFloat: (state) => state === null ? NaN : toFloat(state, scale),
    // Of no values it is NULL, also where the field may not be.
    buildSql: (condition) => aggregate(`${of}OrNull`, fieldSql, condition),
    storedSql: (value) => value,
    mergeSql: (state, condition) => aggregate(of, state, condition),
    // A value and no value are 1 apart.
    differenceSql: (a, b) =>
      `ifNull(${distanceSql(sqlType, a, b)}, toFloat64(isNull(${a}) != isNull(${b})))`,
    textSql: (state) => `ifNull(toString(${state}), 'none')`,
    floatSql: (state) => `toFloat64(${state})`,
  };
}
