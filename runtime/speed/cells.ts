import type { CellStates } from "../measures/measure.ts";
import type { Plugin } from "../plugin.ts";
import { resized } from "../std/bytes.ts";
import { CellsByKey } from "./cells_by_key.ts";

/** About what a text key takes beside its letters, and a cell in {@link Cells.byKey}. */
const TEXT_BYTES = 64;
const BYTES_BY_KEY = 12;

/**
 * The aggregates of one block: a cell per window and key, found by open addressing over numbers.
 * Text keys are numbered by a dictionary of the block.
 */
export class Cells {
  /** Lanes per cell: the window's start in seconds, then one per key column. */
  readonly lanesPerCell: number;
  /** Text of each text key number; empty for plugins without text keys. */
  readonly texts: string[] = [];
  readonly #textNumbers = new Map<string, number>();
  #count = 0;
  #lanes: Uint32Array;
  #slots: Uint32Array;
  /** By measure column. */
  readonly states: readonly CellStates[];
  /** The hash of each cell's row as it was last written, and their sum. */
  #rowHashes: Uint32Array;
  #rowsHash = 0;
  #dirtyMark: Uint8Array;
  #dirty: Uint32Array;
  #dirtyCount = 0;
  #byKey: CellsByKey | null = null;

  /** @param like the block before: as many cells are made room for. Default: few. */
  constructor(plugin: Plugin, like?: Cells) {
    this.lanesPerCell = 1 + plugin.keyColumns.length;
    const capacity = roomFor(like?.count ?? 0);
    this.#lanes = new Uint32Array(capacity * this.lanesPerCell);
    this.#slots = new Uint32Array(capacity * 2);
    this.states = plugin.measureColumns.map((column, i) =>
      column.allocate(capacity, like?.states[i])
    );
    this.#rowHashes = new Uint32Array(capacity);
    this.#dirtyMark = new Uint8Array(capacity);
    this.#dirty = new Uint32Array(capacity);
  }

  /** Cells in use. */
  get count(): number {
    return this.#count;
  }

  /** Cells changed since {@link takeDirty}. */
  get dirtyCount(): number {
    return this.#dirtyCount;
  }

  /** The sum, modulo 2³², of the hashes of all rows that were written, each as written last. */
  get rowsHash(): number {
    return this.#rowsHash;
  }

  /** Notes the hash of a cell's row that is written now. */
  noteRow(cell: number, hash: number): void {
    this.#rowsHash = (this.#rowsHash + hash - this.#rowHashes[cell]) >>> 0;
    this.#rowHashes[cell] = hash;
  }

  /** A lane of a cell: 0 is the window's start, then the keys. */
  lane(cell: number, lane: number): number {
    return this.#lanes[cell * this.lanesPerCell + lane];
  }

  /** The number that stands for a text key within this block. */
  textNumber(text: string): number {
    let number = this.#textNumbers.get(text);
    if (number === undefined) {
      number = this.texts.length;
      this.texts.push(text);
      this.#textNumbers.set(text, number);
    }
    return number;
  }

  /** The number of a text key that {@link textNumber} has given; undefined where it has not. */
  numberOf(text: string): number | undefined {
    return this.#textNumbers.get(text);
  }

  /** The cells by key, whatever their window. */
  get byKey(): CellsByKey {
    return this.#byKey ??= new CellsByKey(this);
  }

  /**
   * Keeps no more than what reading takes: nothing may be added any more.
   *
   * @returns about how many bytes that is.
   */
  seal(): number {
    const count = this.#count;
    this.#lanes = this.#lanes.slice(0, count * this.lanesPerCell);
    this.#slots = this.#rowHashes = this.#dirty = new Uint32Array(0);
    this.#dirtyMark = new Uint8Array(0);
    const states = this.states.reduce((sum, each) => sum + each.seal(count), 0);
    const texts = this.texts.reduce((sum, { length }) => sum + TEXT_BYTES + 2 * length, 0);
    return this.#lanes.byteLength + states + texts + BYTES_BY_KEY * count;
  }

  /** The cell of the given lanes, made if it is not there, and marked as changed. */
  touch(probe: Uint32Array): number {
    const width = this.lanesPerCell;
    const lanes = this.#lanes;
    const mask = this.#slots.length - 1;
    let hash = 0;
    for (let i = 0; i < width; i++) {
      hash = Math.imul(hash ^ probe[i], 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    for (let at = hash & mask;; at = (at + 1) & mask) {
      const entry = this.#slots[at];
      if (entry === 0) return this.#add(at, probe);
      const cell = entry - 1;
      let i = 0;
      while (i < width && lanes[cell * width + i] === probe[i]) i++;
      if (i === width) {
        if (this.#dirtyMark[cell] === 0) this.#markDirty(cell);
        return cell;
      }
    }
  }

  /** Hands over the list of changed cells and starts an empty one. */
  takeDirty(): Uint32Array {
    const taken = this.#dirty.slice(0, this.#dirtyCount);
    for (const cell of taken) this.#dirtyMark[cell] = 0;
    this.#dirtyCount = 0;
    return taken;
  }

  /** Gives a list back whose rows were not acknowledged. */
  restoreDirty(cells: Uint32Array): void {
    for (const cell of cells) if (this.#dirtyMark[cell] === 0) this.#markDirty(cell);
  }

  #markDirty(cell: number): void {
    this.#dirtyMark[cell] = 1;
    this.#dirty[this.#dirtyCount++] = cell;
  }

  #add(slot: number, probe: Uint32Array): number {
    if ((this.#count + 1) * 2 > this.#slots.length) {
      this.#grow();
      return this.touch(probe);
    }
    const cell = this.#count++;
    this.#slots[slot] = cell + 1;
    this.#lanes.set(probe.subarray(0, this.lanesPerCell), cell * this.lanesPerCell);
    this.#markDirty(cell);
    return cell;
  }

  #grow(): void {
    const width = this.lanesPerCell;
    const capacity = this.#slots.length;
    this.#lanes = resized(this.#lanes, capacity * width);
    this.#rowHashes = resized(this.#rowHashes, capacity);
    this.#dirtyMark = resized(this.#dirtyMark, capacity);
    this.#dirty = resized(this.#dirty, capacity);
    for (const states of this.states) states.grow(capacity);
    this.#slots = new Uint32Array(capacity * 2);
    const mask = this.#slots.length - 1;
    for (let cell = 0; cell < this.#count; cell++) {
      let hash = 0;
      for (let i = 0; i < width; i++) {
        hash = Math.imul(hash ^ this.#lanes[cell * width + i], 0x9e3779b1);
        hash ^= hash >>> 15;
      }
      let at = hash & mask;
      while (this.#slots[at] !== 0) at = (at + 1) & mask;
      this.#slots[at] = cell + 1;
    }
  }
}

/** A power of two, with some room to spare so that a block like the last one does not grow. */
function roomFor(count: number): number {
  return Math.max(256, 2 ** Math.ceil(Math.log2(count * 1.1 + 1)));
}
