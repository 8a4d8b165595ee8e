import { withRoom } from "../std/bytes.ts";

/** The cells of a block, as far as they are found by key. */
interface KeyedCells {
  readonly count: number;
  readonly lanesPerCell: number;
  lane(cell: number, lane: number): number;
}

/**
 * The cells of a block by their key: all windows of a key are a list. It is made when somebody looks
 * for a key, and goes on from there when cells have been added since.
 */
export class CellsByKey {
  readonly #cells: KeyedCells;
  /** Open addressing over keys: the newest cell of a key + 1, or 0. */
  #slots = new Uint32Array(512);
  #keys = 0;
  /** The cell before of the same key + 1, or 0. */
  #before = new Uint32Array(256);
  #count = 0;

  constructor(cells: KeyedCells) {
    this.#cells = cells;
  }

  /**
   * The cells of a key.
   *
   * @param lanes of the key's columns.
   */
  *of(lanes: readonly number[]): Generator<number> {
    this.#addNew();
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = hashOf(lanes) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      if (!lanes.every((lane, i) => this.#cells.lane(slots[at] - 1, i + 1) === lane)) continue;
      for (let entry = slots[at]; entry !== 0; entry = this.#before[entry - 1]) yield entry - 1;
      return;
    }
  }

  #addNew(): void {
    const { count } = this.#cells;
    this.#before = withRoom(this.#before, count);
    while (this.#count < count) this.#add(this.#count++);
  }

  #add(cell: number): void {
    const at = this.#slotOf(cell);
    this.#before[cell] = this.#slots[at];
    this.#slots[at] = cell + 1;
    if (this.#before[cell] === 0 && ++this.#keys * 2 > this.#slots.length) this.#grow();
  }

  /** Where the key of a cell is, or where it belongs. */
  #slotOf(cell: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = hashOf(this.#lanes(cell)) & mask;
    while (slots[at] !== 0 && !this.#same(slots[at] - 1, cell)) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    for (const entry of before) if (entry !== 0) this.#slots[this.#slotOf(entry - 1)] = entry;
  }

  #lanes(cell: number): number[] {
    const lanes: number[] = [];
    for (let i = 1; i < this.#cells.lanesPerCell; i++) lanes.push(this.#cells.lane(cell, i));
    return lanes;
  }

  #same(a: number, b: number): boolean {
    for (let i = 1; i < this.#cells.lanesPerCell; i++) {
      if (this.#cells.lane(a, i) !== this.#cells.lane(b, i)) return false;
    }
    return true;
  }
}

function hashOf(lanes: readonly number[]): number {
  let hash = 0;
  for (const lane of lanes) {
    hash = Math.imul(hash ^ lane, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
