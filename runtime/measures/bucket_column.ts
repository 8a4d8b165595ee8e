/** A column that counts the values of a field by bucket: the state of quantiles. */
import type { Columns } from "../model/columns.ts";
import type { Field } from "../events.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";
import type { Adder, CellStates, DeclaredMeasure, MeasureColumn } from "./measure.ts";
import { numbersOf, scaledSql, unitOf } from "./numbers.ts";
import { ValueSets } from "./value_sets.ts";

/** Buckets by number, ascending, with how many values they have. */
export type Buckets = readonly (readonly [bucket: number, count: number])[];

/** A column of buckets, and the value that a bucket stands for. */
export interface BucketColumn extends MeasureColumn<Buckets, CellBuckets> {
  valueOf(bucket: number): number;
  /** The same in SQL, as a Float64. */
  valueSql(bucket: string): string;
}

/** The most values of a declared range that have a bucket each. */
const EXACT_VALUES = 4096;

/** The greatest bucket. */
const MAX_INT32 = 2 ** 31 - 1;

/** How scaled integers are put into buckets, whose order is that of the values. */
interface Layout {
  readonly name: "exact" | "log-linear";
  bucketOf(value: number): number;
  valueOf(bucket: number): number;
  bucketSql(value: string): string;
  valueSql(bucket: string): string;
}

/** The bucket of a value is the value. */
const exact: Layout = {
  name: "exact",
  bucketOf: (value) => value,
  valueOf: (bucket) => bucket,
  bucketSql: (value) => `toInt32(${value})`,
  valueSql: (bucket) => `toFloat64(${bucket})`,
};

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** The least value of a bucket of positive values. */
function leastOf(bucket: number): number {
  words[0] = 0;
  words[1] = bucket * 2 ** 14;
  return float[0];
}

/**
 * 64 buckets per power of two, from the bits of the number: exponent and six bits of the fraction.
 * A bucket stands for the value in its middle, which is at most 1/128 off. Negative values mirror
 * the positive ones. Below 128 each integer has a bucket of its own.
 */
const logLinear: Layout = {
  name: "log-linear",
  bucketOf(value) {
    float[0] = Math.abs(value);
    return value < 0 ? -(words[1] >>> 14) : words[1] >>> 14;
  },
  valueOf(bucket) {
    const least = leastOf(Math.abs(bucket));
    const middle = least + Math.floor(Math.max(0, leastOf(Math.abs(bucket) + 1) - least - 1) / 2);
    return bucket < 0 ? -middle : middle;
  },
  bucketSql: (value) =>
    `toInt32(sign(${value}) * bitShiftRight(reinterpret(toFloat64(abs(${value})), 'UInt64'), 46))`,
  valueSql(bucket) {
    const least = (of: string) => `reinterpret(bitShiftLeft(toUInt64(${of}), 46), 'Float64')`;
    const middle = (of: string) =>
      `${least(of)} + floor(greatest(0, ${least(`${of} + 1`)} - ${least(of)} - 1) / 2)`;
    return `sign(${bucket}) * (${middle(`abs(${bucket})`)})`;
  },
};

/** @returns the layout for a field, and the factor from its values to scaled integers. */
function layoutOf(field: Field) {
  const { kind, min = -Infinity, max = Infinity } = field;
  const unit = unitOf(field);
  const [least, most] = kind === "uint32"
    ? [0, Infinity]
    : [min * unit, max * unit].map(Math.round);
  const fits = Math.max(-least, most) <= MAX_INT32 && most - least < EXACT_VALUES;
  return { unit, layout: fits ? exact : logLinear };
}

/** Makes a column of the buckets of a measure's field. */
export function bucketColumn(
  { field, fieldName, fieldSql }: DeclaredMeasure,
  name: string,
): BucketColumn {
  const { layout, unit } = layoutOf(field);
  const scaled = scaledSql(`assumeNotNull(${fieldSql})`, field);
  const present = `isNotNull(${fieldSql})`;
  return {
    name,
    sqlType: "Map(Int32, UInt64)",
    meaning: ["buckets", layout.name, fieldName],
    cancels: true,
    additive: false,
    large: true,
    returns: {
      words: "a map from whole numbers to counts, Map(Int32, UInt64)",
      pattern: /^Map\((Int(8|16|32)|UInt(8|16)), UInt(8|16|32|64)\)$/,
      exact: false,
    },
    allocate: (_capacity, like) => new CellBuckets(like),
    adder: (columns) => adderOf(columns, fieldName, layout),
    read: (value) =>
      Object.entries(value as Readonly<Record<string, string | number>>)
        .map(([bucket, count]) => [Number(bucket), Number(count)] as const)
        .sort(byBucket),
    merge(states) {
      const merged = new Map<number, number>();
      for (const [bucket, count] of states.flat()) {
        merged.set(bucket, (merged.get(bucket) ?? 0) + count);
      }
      return [...merged].sort(byBucket);
    },
    toFloat: (state) => state.reduce((sum, [, count]) => sum + count, 0),
    buildSql: (condition) =>
      `sumMapIf(map(${layout.bucketSql(scaled)}, toUInt64(1)), ${
        condition === undefined ? present : `${present} AND (${condition})`
      })`,
    storedSql: (value) => value,
    mergeSql: (state, condition) =>
      condition === undefined ? `sumMap(${state})` : `sumMapIf(${state}, ${condition})`,
    differenceSql: (a, b) =>
      `toFloat64(arraySum(_k -> abs(toInt64(${a}[_k]) - toInt64(${b}[_k])), ` +
      `arrayDistinct(arrayConcat(mapKeys(${a}), mapKeys(${b})))))`,
    textSql: (state) =>
      `concat(toString(arraySum(mapValues(${state}))), ' values in ', ` +
      `toString(length(${state})), ' buckets')`,
    floatSql: (state) => `toFloat64(arraySum(mapValues(${state})))`,
    valueOf: (bucket) => layout.valueOf(bucket) / unit,
    valueSql: (bucket) => `${layout.valueSql(bucket)} / ${unit}`,
  };
}

const byBucket = ([a]: readonly [number, number], [b]: readonly [number, number]) => a - b;

/** Counts per cell and bucket: a set of buckets per cell, and a count for each of its members. */
class CellBuckets implements CellStates<Buckets> {
  readonly sets: ValueSets;
  #counts = new Uint32Array(256);

  constructor(like?: CellBuckets) {
    this.sets = new ValueSets(like?.sets.count);
  }

  /** Counts a value of a bucket. */
  add(cell: number, bucket: number): void {
    const member = this.sets.add(cell, bucket >>> 0);
    if (member >= this.#counts.length) {
      const before = this.#counts;
      this.#counts = new Uint32Array(before.length * 2);
      this.#counts.set(before);
    }
    this.#counts[member]++;
  }

  grow(): void {}

  of(cell: number): Buckets {
    return this.sets.members(cell)
      .map((member) => [this.sets.valueOf(member) | 0, this.#counts[member]] as const)
      .sort(byBucket);
  }

  write(writer: RowBinaryWriter, cell: number): void {
    const buckets = this.of(cell);
    writer.varint(buckets.length);
    for (const [bucket, count] of buckets) {
      writer.u32(bucket >>> 0);
      writer.u64Halves(count, 0);
    }
  }

  writeTotal(writer: RowBinaryWriter): void {
    writer.varint(0);
  }

  seal(cells: number): number {
    this.#counts = this.#counts.slice(0, this.sets.count);
    return this.sets.seal(cells) + this.#counts.byteLength;
  }
}

function adderOf(columns: Columns, field: string, { bucketOf }: Layout): Adder<CellBuckets> {
  const { values, nulls } = numbersOf(columns, field);
  return {
    add(states, cellOf, firstRow, endRow) {
      for (let row = firstRow; row < endRow; row++) {
        if (cellOf[row] >= 0 && nulls[row] === 0) states.add(cellOf[row], bucketOf(values[row]));
      }
    },
  };
}
