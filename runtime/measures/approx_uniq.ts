import type {
  EnumerationExpression,
  NumberExpression,
  TextExpression,
} from "../expressions/typed.ts";
import { type Columns, textAt } from "../model/columns.ts";
import type { Field } from "../events.ts";
import {
  CellMaps,
  type Entries,
  mapDifferenceSql,
  mergeEntries,
  readEntries,
} from "./cell_maps.ts";
import { murmurHash3, xxHash32 } from "./hashes.ts";
import {
  type Adder,
  type DeclaredMeasure,
  type Measure,
  type MeasureColumn,
  type MeasureKind,
  measureOf,
  type MeasureOptions,
} from "./measure.ts";
import { numbersOf } from "./numbers.ts";

/**
 * About how many distinct values a field has, from a HyperLogLog sketch of at most 4,096 registers.
 * The standard error is 1.6 %: 95 of 100 answers are within 3.3 %.
 */
export const approxUniq = (
  input: NumberExpression | TextExpression | EnumerationExpression<readonly string[]>,
  options?: MeasureOptions,
): Measure => measureOf("approxUniq", input, options);

/** A power of two. */
const REGISTERS = 4096;
/** The bias of the harmonic mean, after Flajolet and others. */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);
/** Below this estimate the number of empty registers is the better measure. */
const SMALL = 2.5 * REGISTERS;

export const approxUniqKind: MeasureKind = {
  takes: ["uint32", "integer", "enumeration", "string"],
  define(declared) {
    const column = registers(declared);
    return {
      columns: [column],
      shown: [{
        name: declared.name,
        type: "integer",
        sql: estimateSql(`merged.${column.name}`),
        of: (stateOf) => estimate(stateOf(column)),
      }],
    };
  },
};

/** The estimate. The sum is exact in any order: its terms are powers of two. */
function estimate(state: Entries): number {
  const empty = REGISTERS - state.length;
  const harmonic = state.reduce((sum, [, rank]) => sum + 2 ** -rank, empty);
  const raw = ALPHA * REGISTERS * REGISTERS / harmonic;
  const small = raw <= SMALL && empty > 0;
  return Math.floor((small ? REGISTERS * Math.log(REGISTERS / empty) : raw) + 0.5);
}

function estimateSql(state: string): string {
  const empty = `(${REGISTERS} - length(${state}))`;
  const harmonic = `(${empty} + arraySum(_r -> exp2(-_r), mapValues(${state})))`;
  const raw = `(${ALPHA * REGISTERS * REGISTERS} / ${harmonic})`;
  return `toUInt64(floor(if(${raw} <= ${SMALL} AND ${empty} > 0, ` +
    `${REGISTERS} * log(${REGISTERS} / ${empty}), ${raw}) + 0.5))`;
}

/** A column of the registers that are not empty. */
function registers(
  { name, field, fieldName, fieldSql }: DeclaredMeasure,
): MeasureColumn<Entries, CellMaps> {
  const present = `isNotNull(${fieldSql})`;
  // The null of an enumeration is none of its values: so the text is made first.
  const hashed = `assumeNotNull(${hashedSql(fieldSql, field)})`;
  const rest = `xxHash32(${hashed})`;
  const entry = `map(toUInt16(bitAnd(murmurHash3_32(${hashed}), ${REGISTERS - 1})), ` +
    `toUInt8(if(${rest} = 0, 33, bitCount(bitXor(${rest}, ${rest} - 1)))))`;
  const call = (argument: string, condition?: string) =>
    condition === undefined ? `maxMap(${argument})` : `maxMapIf(${argument}, ${condition})`;
  return {
    name,
    sqlType: "Map(UInt16, UInt8)",
    meaning: ["registers", REGISTERS, fieldName],
    cancels: false,
    additive: false,
    large: true,
    returns: {
      words: "a map from registers to ranks, Map(UInt16, UInt8)",
      pattern: /^Map\(UInt(8|16), UInt8\)$/,
      exact: false,
    },
    allocate: (_capacity, like) =>
      new CellMaps((writer, register, rank) => {
        writer.u8(register & 255);
        writer.u8(register >>> 8);
        writer.u8(rank);
      }, like),
    adder: (columns) => adderOf(columns, fieldName),
    read: readEntries,
    merge: (states) => mergeEntries(states, Math.max),
    toFloat: estimate,
    buildSql: (condition) =>
      call(entry, condition === undefined ? present : `${present} AND (${condition})`),
    storedSql: (value) => value,
    mergeSql: call,
    differenceSql: mapDifferenceSql,
    textSql: (state) => `concat('about ', toString(${estimateSql(state)}), ' values')`,
    floatSql: (state) => `toFloat64(${estimateSql(state)})`,
  };
}

/** What is hashed of a value: the UTF-8 of a text, the eight bytes of a whole number. */
const hashedSql = (value: string, { kind }: Field): string =>
  kind === "string" ? value : kind === "enumeration" ? `toString(${value})` : `toInt64(${value})`;

/** A register, and the rank that a value gives it: the place of the lowest set bit of a hash. */
function placeIn(bytes: Uint8Array): readonly [register: number, rank: number] {
  const rest = xxHash32(bytes);
  return [murmurHash3(bytes) & (REGISTERS - 1), 32 - Math.clz32(rest & -rest) || 33];
}

function adderOf(columns: Columns, name: string): Adder<CellMaps> {
  const { values, nulls } = numbersOf(columns, name);
  const { field } = columns.fields[name];
  const eight = new Uint8Array(8);
  const view = new DataView(eight.buffer);
  const encoder = new TextEncoder();
  const bytesAt = (row: number): Uint8Array => {
    if (field.kind === "string") return encoder.encode(textAt(columns, name, row));
    if (field.kind === "enumeration") return encoder.encode(field.values![values[row]]);
    view.setBigInt64(0, BigInt(values[row]), true);
    return eight;
  };
  return {
    add(states, cellOf, firstRow, endRow) {
      for (let row = firstRow; row < endRow; row++) {
        if (cellOf[row] < 0 || nulls[row] === 1) continue;
        const [register, rank] = placeIn(bytesAt(row));
        const place = states.placeOf(cellOf[row], register);
        if (states.values[place] < rank) states.values[place] = rank;
      }
    },
  };
}
