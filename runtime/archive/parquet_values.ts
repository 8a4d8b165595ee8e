/**
 * Values as the bytes of Parquet pages. Every function takes the rows to write, in order; typed
 * arrays are written as they lie in memory, so the machine is taken to be little-endian.
 */
import { concat } from "../std/bytes.ts";
import type { writeMetadata } from "hyparquet-writer/src/metadata.js";

/** A column of the file's schema, in the terms of Parquet's Thrift definition. */
export type SchemaElement = Parameters<typeof writeMetadata>[1]["schema"][number];

/** One column, as functions over the rows of whatever holds the values. */
export interface ParquetColumn {
  readonly element: SchemaElement;
  /** Values of the given rows, none of them null, as the bytes of a page. */
  encode(rows: Uint32Array): Uint8Array;
  /** 1 where the value of a row is null; left out when the column is required. */
  readonly nulls?: Uint8Array;
  /** The PLAIN bytes of the dictionary, when `encode` gives positions in it. */
  readonly dictionary?: { readonly bytes: Uint8Array; readonly count: number };
  /** Bytes that the value of a row takes, where that varies: long columns are cut into pages. */
  sizeBytes?(row: number): number;
  /** Least and greatest value of the given rows, for the statistics; left out, there are none. */
  bounds?(rows: Uint32Array): readonly [bigint, bigint];
}

/** A text that is found by its place in `bytes`. */
export interface TextSource {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

const bytesOf = (array: ArrayBufferView) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Unsigned 32-bit numbers. */
export function encodeUint32(rows: Uint32Array, values: ArrayLike<number>): Uint8Array {
  const out = new Uint32Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = values[rows[i]];
  return bytesOf(out);
}

/** 64-bit numbers from whole numbers within ±2⁵³. */
export function encodeInt64(rows: Uint32Array, values: ArrayLike<number>): Uint8Array {
  const out = new Uint32Array(rows.length * 2);
  for (let i = 0; i < rows.length; i++) {
    const value = values[rows[i]];
    const high = Math.floor(value / 2 ** 32);
    out[2 * i] = value - high * 2 ** 32;
    out[2 * i + 1] = high; // wraps to two's complement
  }
  return bytesOf(out);
}

/** 64-bit numbers that are a base and a small, not negative number each. */
export function encodeOffsets(rows: Uint32Array, base: bigint, deltas: Uint32Array): Uint8Array {
  const low = Number(base & 0xffff_ffffn);
  const high = Number(base >> 32n);
  const out = new Uint32Array(rows.length * 2);
  for (let i = 0; i < rows.length; i++) {
    const sum = low + deltas[rows[i]];
    out[2 * i] = sum;
    out[2 * i + 1] = high + (sum >= 2 ** 32 ? 1 : 0);
  }
  return bytesOf(out);
}

/** Instants in nanoseconds since 1970 from not negative milliseconds and the nanoseconds within. */
export function encodeNanoseconds(
  rows: Uint32Array,
  ms: Float64Array,
  ns: Uint32Array,
): Uint8Array {
  const out = new Uint32Array(rows.length * 2);
  for (let i = 0; i < rows.length; i++) {
    // ms · 10⁶ passes 2⁵³: multiply in two parts, ms = high · 2²¹ + low.
    const value = ms[rows[i]];
    const high = Math.floor(value / 2 ** 21);
    const low = value - high * 2 ** 21;
    const highProduct = high * 1e6; // in units of 2²¹
    const carried = Math.floor(highProduct / 2 ** 11); // in units of 2³²
    const rest = (highProduct - carried * 2 ** 11) * 2 ** 21 + low * 1e6 + ns[rows[i]];
    const carry = Math.floor(rest / 2 ** 32);
    out[2 * i] = rest - carry * 2 ** 32;
    out[2 * i + 1] = carried + carry;
  }
  return bytesOf(out);
}

/** Booleans, one bit each. */
export function encodeBooleans(rows: Uint32Array, values: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array((rows.length + 7) >> 3);
  for (let i = 0; i < rows.length; i++) out[i >> 3] |= values[rows[i]] << (i & 7);
  return out;
}

/** Byte strings, each behind its length. */
export function encodeText(rows: Uint32Array, { bytes, starts, ends }: TextSource): Uint8Array {
  let size = 0;
  for (let i = 0; i < rows.length; i++) size += 4 + ends[rows[i]] - starts[rows[i]];
  const out = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    const start = starts[rows[i]];
    const length = ends[rows[i]] - start;
    out[at] = length;
    out[at + 1] = length >>> 8;
    out[at + 2] = length >>> 16;
    out[at + 3] = length >>> 24;
    at += 4;
    at = copyBytes(out, at, bytes, start, start + length);
  }
  return out;
}

/** Copies `[start, end)` of `source` to `at`. A view costs more than a loop over a short text. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  if (end - start > 64) {
    target.set(source.subarray(start, end), at);
    return at + end - start;
  }
  for (let i = start; i < end; i++) target[at++] = source[i];
  return at;
}

/** Texts behind each other. */
export function textSourceOf(texts: readonly Uint8Array[]): TextSource {
  const starts = new Uint32Array(texts.length);
  const ends = new Uint32Array(texts.length);
  texts.forEach((text, i) => {
    starts[i] = i === 0 ? 0 : ends[i - 1];
    ends[i] = starts[i] + text.length;
  });
  return { bytes: concat(texts), starts, ends };
}

/** The dictionary of the given texts. */
export function dictionaryOf(texts: readonly string[]): ParquetColumn["dictionary"] {
  const source = textSourceOf(texts.map((text) => new TextEncoder().encode(text)));
  return { bytes: encodeText(Uint32Array.from(texts.keys()), source), count: texts.length };
}

/** Positions in a dictionary of `count` texts: the bit width, then one bit-packed run. */
export function encodePositions(
  rows: Uint32Array,
  positions: ArrayLike<number>,
  count: number,
): Uint8Array {
  const width = Math.max(1, 32 - Math.clz32(count - 1));
  const picked = new Uint8Array(rows.length);
  for (let i = 0; i < rows.length; i++) picked[i] = positions[rows[i]];
  const packed = bitPack(picked, width);
  const out = new Uint8Array(1 + packed.length);
  out[0] = width;
  out.set(packed, 1);
  return out;
}

/** A column in which every row holds the same text. */
export function constantText(element: SchemaElement, text: string): ParquetColumn {
  return {
    element,
    dictionary: dictionaryOf([text]),
    // Bit width 1, then one run of the position 0.
    encode: (rows) => Uint8Array.of(1, ...varint(rows.length * 2), 0),
  };
}

/**
 * Numbers of `width` bits as one bit-packed run of Parquet's RLE hybrid encoding, the last group of
 * eight filled up with zeros.
 */
export function bitPack(values: Uint8Array, width: number): Uint8Array {
  const groups = Math.ceil(values.length / 8);
  const header = varint(groups * 2 + 1);
  const out = new Uint8Array(header.length + groups * width);
  out.set(header);
  let at = header.length;
  let pending = 0;
  let bits = 0;
  for (let i = 0; i < values.length; i++) {
    pending |= values[i] << bits;
    bits += width;
    while (bits >= 8) {
      out[at++] = pending;
      pending >>>= 8;
      bits -= 8;
    }
  }
  if (bits > 0) out[at] = pending;
  return out;
}

function varint(value: number): number[] {
  const out: number[] = [];
  for (; value > 127; value >>>= 7) out.push(value & 127 | 128);
  out.push(value);
  return out;
}
