/** A column that counts the values of a field by bucket: the state of quantiles. */
import type { Columns } from "../model/columns.ts";
import type { Field } from "../events.ts";
import {
  CellMaps,
  type Entries,
  mapDifferenceSql,
  mergeEntries,
  readEntries,
} from "./cell_maps.ts";
import type { Adder, DeclaredMeasure, MeasureColumn } from "./measure.ts";
import { numbersOf, scaledSql, unitOf } from "./numbers.ts";

/** A column of buckets, and the value that a bucket stands for. */
export interface BucketColumn extends MeasureColumn<Entries, CellMaps> {
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
    allocate: (_capacity, like) =>
      new CellMaps((writer, bucket, count) => {
        writer.u32(bucket >>> 0);
        writer.u64Halves(count, 0);
      }, like),
    adder: (columns) => adderOf(columns, fieldName, layout),
    read: readEntries,
    merge: (states) => mergeEntries(states, (a, b) => a + b),
    toFloat: (state) => state.reduce((sum, [, count]) => sum + count, 0),
    buildSql: (condition) =>
      `sumMapIf(map(${layout.bucketSql(scaled)}, toUInt64(1)), ${
        condition === undefined ? present : `${present} AND (${condition})`
      })`,
    storedSql: (value) => value,
    mergeSql: (state, condition) =>
      condition === undefined ? `sumMap(${state})` : `sumMapIf(${state}, ${condition})`,
    differenceSql: mapDifferenceSql,
    textSql: (state) =>
      `concat(toString(arraySum(mapValues(${state}))), ' values in ', ` +
      `toString(length(${state})), ' buckets')`,
    floatSql: (state) => `toFloat64(arraySum(mapValues(${state})))`,
    valueOf: (bucket) => layout.valueOf(bucket) / unit,
    valueSql: (bucket) => `${layout.valueSql(bucket)} / ${unit}`,
  };
}

function adderOf(columns: Columns, field: string, { bucketOf }: Layout): Adder<CellMaps> {
  const { values, nulls } = numbersOf(columns, field);
  return {
    add(states, cellOf, firstRow, endRow) {
      for (let row = firstRow; row < endRow; row++) {
        if (cellOf[row] < 0 || nulls[row] === 1) continue;
        const place = states.placeOf(cellOf[row], bucketOf(values[row]));
        states.values[place]++;
      }
    },
  };
}
