/** Columns of numbers: scaled integers, held as 64-bit floats within a block, where they are exact. */
import type { Columns } from "../model/columns.ts";
import type { Field } from "../events.ts";
import type { CellStates, MeasureColumn, ShownMeasure } from "./measure.ts";

/** Fields that hold numbers. */
export const numberKinds = ["uint32", "integer", "decimal"] as const;

/** The ClickHouse type that holds sums and extremes of a field. */
export const wideType = ({ kind, scale }: Field): string =>
  kind === "decimal" ? `Decimal(18, ${scale})` : "Int64";

/** The factor from a field's values to scaled integers. */
export const unitOf = ({ scale = 0 }: Field): number => 10 ** scale;

/** A field's value as a scaled integer, NULL where it is null. */
export const scaledSql = (name: string, field: Field): string =>
  field.kind === "decimal" ? `toInt64(${name} * ${unitOf(field)})` : `toInt64(${name})`;

/** A number per cell. */
export abstract class CellNumbers<State> implements Pick<CellStates<State>, "grow" | "seal"> {
  values: Float64Array;

  /** @param empty what a cell holds before anything is added. */
  constructor(capacity: number, readonly empty: number) {
    this.values = new Float64Array(capacity);
    if (empty !== 0) this.values.fill(empty);
  }

  grow(capacity: number): void {
    const before = this.values;
    this.values = new Float64Array(capacity);
    this.values.set(before);
    if (this.empty !== 0) this.values.fill(this.empty, before.length);
  }

  seal(cells: number): number {
    this.values = this.values.slice(0, cells);
    return this.values.byteLength;
  }
}

/** The numbers of a field by row, and where they are null. */
export function numbersOf(
  columns: Columns,
  field: string,
): { readonly values: Columns["fields"][string]["values"]; readonly nulls: Uint8Array } {
  const { values, nulls = new Uint8Array(columns.capacity) } = columns.fields[field];
  return { values, nulls };
}

/** Digits behind the point of a column's values. */
export const scaleOf = (sqlType: string): number =>
  Number(/Decimal\(\d+, (\d+)\)/.exec(sqlType)?.[1] ?? 0);

/** `"-1.5"` at scale 3 is -1500. */
export function scaledInteger(text: string, scale: number): bigint {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(scale, "0"));
}

/** -1500 at scale 3 is -1.5: the number that JSON has. */
export function toNumber(value: bigint | number, scale: number): number {
  const integer = BigInt(value);
  const digits = String(integer < 0n ? -integer : integer).padStart(scale + 1, "0");
  const point = digits.length - scale;
  return Number(`${integer < 0n ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`);
}

/** The same as `toFloat64` computes it, which may differ in the last digit. */
export const toFloat = (value: bigint | number, scale: number): number =>
  Number(value) / 10 ** scale;

/** How far two numbers are apart, as the widest type, in which no difference overflows. */
export function distanceSql(sqlType: string, a: string, b: string): string {
  const wide = (value: string) =>
    /Decimal/.test(sqlType) ? `toDecimal128(${value}, ${scaleOf(sqlType)})` : `toInt128(${value})`;
  return `toFloat64(abs(${wide(a)} - ${wide(b)}))`;
}

/** Shows a column of numbers as it is. */
export function shownAsItIs(column: MeasureColumn<bigint | number | null>): ShownMeasure {
  const scale = scaleOf(column.sqlType);
  return {
    name: column.name,
    type: /Decimal/.test(column.sqlType) ? "decimal" : "integer",
    sql: column.name,
    of(stateOf) {
      const state = stateOf(column);
      return state === null ? null : toNumber(state, scale);
    },
  };
}
