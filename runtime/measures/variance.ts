import type { Columns } from "../model/columns.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";
import type { NumberExpression } from "../expressions/typed.ts";
import { presentOf } from "./avg.ts";
import {
  type Adder,
  aggregate,
  type CellStates,
  type DeclaredMeasure,
  type DefinedMeasure,
  finiteSql,
  type Measure,
  type MeasureKind,
  measureOf,
  type MeasureOptions,
  type StateOf,
} from "./measure.ts";
import { numberKinds, numbersOf, scaledSql, unitOf } from "./numbers.ts";
import { totalOf } from "./sum.ts";
import { sumColumn } from "./sum_column.ts";

/**
 * The population variance of the present values, else null. Count, sum and sum of squares are exact,
 * and so is the numerator; only the last divisions round.
 */
export const variance = (input: NumberExpression, options?: MeasureOptions): Measure =>
  measureOf("variance", input, options);

/** The square root of the {@link variance}. */
export const stddev = (input: NumberExpression, options?: MeasureOptions): Measure =>
  measureOf("stddev", input, options);

export const varianceKind: MeasureKind = {
  takes: numberKinds,
  define: (declared) => spread(declared),
};

export const stddevKind: MeasureKind = {
  takes: numberKinds,
  keepsUnit: true,
  define: (declared) => spread(declared, { sql: (of) => `sqrt(${of})`, here: Math.sqrt }),
};

/** A column of exact sums of squares, and what is made of them. */
function spread(
  declared: DeclaredMeasure,
  root = { sql: (of: string) => of, here: (of: number) => of },
): DefinedMeasure {
  const { name, field } = declared;
  const unit = unitOf(field);
  const present = presentOf(declared, `${name}_count`);
  const total = totalOf(declared, `${name}_sum`);
  const squares = squaresOf(declared, `${name}_squares`);
  const [n, sum, square] = [present, total, squares].map((column) => `merged.${column.name}`);
  const numerator = `(toInt256(${n}) * toInt256(${square}) - ` +
    `toInt256(${sum} * ${unit}) * toInt256(${sum} * ${unit}))`;
  const count = `toFloat64(${n})`;
  return {
    columns: [present, total, squares],
    shown: [{
      name,
      type: "number",
      sql: finiteSql(
        root.sql(`${exactFloatSql(numerator)} / (${count} * ${count}) / ${unit ** 2}`),
      ),
      of(stateOf: StateOf) {
        const [n, sum, square] = [present, total, squares].map((column) => BigInt(stateOf(column)));
        const count = Number(n);
        const value = exactFloat(n * square - sum * sum) / (count * count) / unit ** 2;
        return n === 0n ? null : root.here(value);
      },
    }],
  };
}

const LIMB = 2n ** 53n;

/** A whole number below 2¹⁵⁹ as a float, by the same three additions as in SQL. */
const exactFloat = (value: bigint): number =>
  Number(value / LIMB ** 2n) * 2 ** 106 + Number(value / LIMB % LIMB) * 2 ** 53 +
  Number(value % LIMB);

function exactFloatSql(value: string): string {
  const limb = (power: bigint) => `toInt256('${LIMB ** power}')`;
  return `(toFloat64(intDiv(${value}, ${limb(2n)})) * ${2 ** 106} + ` +
    `toFloat64(intDiv(${value}, ${limb(1n)}) % ${limb(1n)}) * ${2 ** 53} + ` +
    `toFloat64(${value} % ${limb(1n)}))`;
}

/** A column of the sum of the squared scaled integers of a measure's field. */
function squaresOf({ fieldName, fieldSql, field }: DeclaredMeasure, name: string) {
  const value = `toInt128(${scaledSql(fieldSql, field)})`;
  return sumColumn({
    name,
    sqlType: "Int128",
    adds: "square",
    field: fieldName,
    allocate: (capacity) => new CellSquares(capacity),
    adder: (columns) => adderOf(columns, fieldName),
    buildSql: (condition) => aggregate("sum", `${value} * ${value}`, condition),
  });
}

/** The lower half of a number below 2³⁸. */
const HALF = 2 ** 19;
/** Low squares are carried over from here on. */
const CARRY = 2 ** 52;

/**
 * A sum of squares per cell. With `v = a·2¹⁹ + b` it is `Σa²·2³⁸ + Σab·2²⁰ + Σb²`, and each of the
 * three fits into 53 bits for a block's 65,536 values of at most 2³⁷.
 */
class CellSquares implements CellStates<bigint> {
  high: Float64Array;
  middle: Float64Array;
  low: Float64Array;

  constructor(capacity: number) {
    [this.high, this.middle, this.low] = [0, 1, 2].map(() => new Float64Array(capacity));
  }

  grow(capacity: number): void {
    const larger = (values: Float64Array) => {
      const all = new Float64Array(capacity);
      all.set(values);
      return all;
    };
    [this.high, this.middle, this.low] = [this.high, this.middle, this.low].map(larger);
  }

  of(cell: number): bigint {
    return (BigInt(this.high[cell]) << 38n) + (BigInt(this.middle[cell]) << 20n) +
      BigInt(this.low[cell]);
  }

  write(writer: RowBinaryWriter, cell: number): void {
    const value = this.of(cell);
    writer.u64(BigInt.asUintN(64, value));
    writer.u64(value >> 64n);
  }

  seal(cells: number): number {
    [this.high, this.middle, this.low] = [this.high, this.middle, this.low]
      .map((values) => values.slice(0, cells));
    return 3 * this.high.byteLength;
  }
}

function adderOf(columns: Columns, field: string): Adder<CellSquares> {
  const { values, nulls } = numbersOf(columns, field);
  return {
    add({ high, middle, low }, cellOf, firstRow, endRow) {
      for (let row = firstRow; row < endRow; row++) {
        const cell = cellOf[row];
        if (cell < 0 || nulls[row] === 1) continue;
        const value = Math.abs(values[row]);
        const a = Math.floor(value / HALF);
        const b = value - a * HALF;
        high[cell] += a * a;
        middle[cell] += a * b;
        low[cell] += b * b;
        if (low[cell] >= CARRY) {
          low[cell] -= CARRY;
          middle[cell] += CARRY / 2 ** 20;
        }
      }
    },
  };
}
