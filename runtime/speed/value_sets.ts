/** Sets of 32-bit numbers, one per cell, in shared arrays: an exact distinct count's state. */
export class ValueSets {
  #slots = new Uint32Array(512);
  #cells = new Uint32Array(256);
  #values = new Uint32Array(256);
  /** The next node of the same cell + 1, or 0. */
  #next = new Uint32Array(256);
  /** A cell's first node + 1, or 0. */
  #heads = new Uint32Array(256);
  #count = 0;

  /** Adds a value to a cell's set. */
  add(cell: number, value: number): void {
    const mask = this.#slots.length - 1;
    for (let at = hashOf(cell, value) & mask;; at = (at + 1) & mask) {
      const entry = this.#slots[at];
      if (entry === 0) return this.#insert(at, cell, value);
      if (this.#cells[entry - 1] === cell && this.#values[entry - 1] === value) return;
    }
  }

  /** A cell's values, ascending. */
  valuesOf(cell: number): Uint32Array {
    const values: number[] = [];
    for (let node = this.#heads[cell] ?? 0; node !== 0; node = this.#next[node - 1]) {
      values.push(this.#values[node - 1]);
    }
    return Uint32Array.from(values).sort();
  }

  #insert(slot: number, cell: number, value: number): void {
    if ((this.#count + 1) * 2 > this.#slots.length) {
      this.#grow();
      return this.add(cell, value);
    }
    while (cell >= this.#heads.length) this.#heads = doubled(this.#heads);
    const node = this.#count++;
    this.#slots[slot] = node + 1;
    this.#cells[node] = cell;
    this.#values[node] = value;
    this.#next[node] = this.#heads[cell];
    this.#heads[cell] = node + 1;
  }

  #grow(): void {
    this.#cells = doubled(this.#cells);
    this.#values = doubled(this.#values);
    this.#next = doubled(this.#next);
    this.#slots = new Uint32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let node = 0; node < this.#count; node++) {
      let at = hashOf(this.#cells[node], this.#values[node]) & mask;
      while (this.#slots[at] !== 0) at = (at + 1) & mask;
      this.#slots[at] = node + 1;
    }
  }
}

function doubled(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

function hashOf(cell: number, value: number): number {
  let hash = Math.imul(cell, 0x9e3779b1) ^ Math.imul(value, 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 13);
}
