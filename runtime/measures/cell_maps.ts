import type { RowBinaryWriter } from "../std/row_binary.ts";
import type { CellStates } from "./measure.ts";
import { ValueSets } from "./value_sets.ts";

/** A map from whole numbers to whole numbers, by key. */
export type Entries = readonly (readonly [key: number, value: number])[];

/** Writes one entry in RowBinary. */
export type WriteEntry = (writer: RowBinaryWriter, key: number, value: number) => void;

/** A map per cell: a set of keys, and a value for each of its members. */
export class CellMaps implements CellStates<Entries> {
  readonly sets: ValueSets;
  readonly #write: WriteEntry;
  /** By member of the sets. */
  values = new Uint32Array(256);

  /** @param like the maps of the block before, as a hint. */
  constructor(write: WriteEntry, like?: CellMaps) {
    this.sets = new ValueSets(like?.sets.count);
    this.#write = write;
  }

  /** The place in {@link values} of a key, whose value is 0 at first. */
  placeOf(cell: number, key: number): number {
    const member = this.sets.add(cell, key >>> 0);
    if (member >= this.values.length) {
      const before = this.values;
      this.values = new Uint32Array(before.length * 2);
      this.values.set(before);
    }
    return member;
  }

  grow(): void {}

  of(cell: number): Entries {
    return this.sets.members(cell)
      .map((member) => [this.sets.valueOf(member) | 0, this.values[member]] as const)
      .sort(byKey);
  }

  write(writer: RowBinaryWriter, cell: number): void {
    const entries = this.of(cell);
    writer.varint(entries.length);
    for (const [key, value] of entries) this.#write(writer, key, value);
  }

  seal(cells: number): number {
    this.values = this.values.slice(0, this.sets.count);
    return this.sets.seal(cells) + this.values.byteLength;
  }
}

/** Reads a map of `JSONEachRow`. */
export const readEntries = (value: unknown): Entries =>
  Object.entries(value as Readonly<Record<string, string | number>>)
    .map(([key, value]) => [Number(key), Number(value)] as const)
    .sort(byKey);

/** Merges maps: values of one key by `combine`. */
export function mergeEntries(
  states: readonly Entries[],
  combine: (a: number, b: number) => number,
): Entries {
  const merged = new Map<number, number>();
  for (const [key, value] of states.flat()) {
    const before = merged.get(key);
    merged.set(key, before === undefined ? value : combine(before, value));
  }
  return [...merged].sort(byKey);
}

const byKey = ([a]: readonly [number, number], [b]: readonly [number, number]) => a - b;

/** How far two maps are apart: the sum of the differences of their values. */
export const mapDifferenceSql = (a: string, b: string): string =>
  `toFloat64(arraySum(_k -> abs(toInt64(${a}[_k]) - toInt64(${b}[_k])), ` +
  `arrayDistinct(arrayConcat(mapKeys(${a}), mapKeys(${b})))))`;
