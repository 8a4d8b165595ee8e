/** Values of a cell that are found by walking its list; a longer list is found by hash too. */
const LISTED = 8;
/** The least capacity, in values. */
const LEAST_CAPACITY = 256;
/** As many values are sorted by insertion: most sets are small. */
const INSERTED = 24;

/** Sets of 32-bit numbers, one per cell, in shared arrays: an exact distinct count's state. */
export class ValueSets {
  /** Open addressing over the nodes of long lists: node + 1, or 0. */
  #slots = new Uint32Array(512);
  #hashed = 0;
  #cells: Uint32Array<ArrayBuffer>;
  #values: Uint32Array<ArrayBuffer>;
  /** The next node of the same cell + 1, or 0. */
  #next: Uint32Array<ArrayBuffer>;
  /** A cell's first node + 1, or 0. */
  #heads: Uint32Array<ArrayBuffer>;
  #count = 0;
  /** What {@link collect} collected. */
  collected: Uint32Array<ArrayBuffer> = new Uint32Array(64);

  /** @param expected how many values may come. Default: few. */
  constructor(expected = 0) {
    const capacity = Math.max(LEAST_CAPACITY, Math.ceil(expected * 1.1));
    this.#cells = new Uint32Array(capacity);
    this.#values = new Uint32Array(capacity);
    this.#next = new Uint32Array(capacity);
    this.#heads = new Uint32Array(capacity);
  }

  /** Values in all sets. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a value to a cell's set.
   *
   * @returns its number among the members of all sets.
   */
  add(cell: number, value: number): number {
    while (cell >= this.#heads.length) this.#heads = doubled(this.#heads);
    const values = this.#values;
    const next = this.#next;
    const head = this.#heads[cell];
    let node = head;
    let walked = 0;
    for (; node !== 0 && walked < LISTED; walked++) {
      if (values[node - 1] === value) return node - 1;
      node = next[node - 1];
    }
    if (walked < LISTED) return this.#append(cell, value);
    if (node === 0) {
      // The list becomes a long one: from now on all of it is in the table.
      for (let own = head; own !== 0; own = this.#next[own - 1]) this.#place(own);
    } else {
      const known = this.#find(cell, value);
      if (known >= 0) return known;
    }
    this.#append(cell, value);
    this.#place(this.#count);
    return this.#count - 1;
  }

  /** The members of a cell's set, in any order. */
  members(cell: number): number[] {
    const members: number[] = [];
    for (let node = this.#heads[cell] ?? 0; node !== 0; node = this.#next[node - 1]) {
      members.push(node - 1);
    }
    return members;
  }

  /** The value of a member. */
  valueOf(member: number): number {
    return this.#values[member];
  }

  /**
   * Keeps only what {@link members} takes: nothing may be added any more.
   *
   * @param cells how many there are.
   * @returns how many bytes that is.
   */
  seal(cells: number): number {
    this.#slots = this.#cells = this.collected = new Uint32Array(0);
    this.#values = this.#values.slice(0, this.#count);
    this.#next = this.#next.slice(0, this.#count);
    this.#heads = this.#heads.slice(0, cells);
    return this.#values.byteLength + this.#next.byteLength + this.#heads.byteLength;
  }

  /**
   * Collects a cell's values, ascending, as the first numbers of {@link collected}; they stay until
   * the next call.
   *
   * @returns how many there are.
   */
  collect(cell: number): number {
    let count = 0;
    for (let node = this.#heads[cell] ?? 0; node !== 0; node = this.#next[node - 1]) {
      if (count === this.collected.length) this.collected = doubled(this.collected);
      this.collected[count++] = this.#values[node - 1];
    }
    if (count > 1) sort(this.collected, count);
    return count;
  }

  #append(cell: number, value: number): number {
    if (this.#count === this.#values.length) {
      this.#cells = doubled(this.#cells);
      this.#values = doubled(this.#values);
      this.#next = doubled(this.#next);
    }
    const node = this.#count++;
    this.#cells[node] = cell;
    this.#values[node] = value;
    this.#next[node] = this.#heads[cell];
    this.#heads[cell] = node + 1;
    return node;
  }

  /** The member of a value that is in the table, or -1. */
  #find(cell: number, value: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = hashOf(cell, value) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const node = slots[at] - 1;
      if (this.#values[node] === value && this.#cells[node] === cell) return node;
    }
    return -1;
  }

  /** Puts a node (its number + 1) into the table. */
  #place(entry: number): void {
    if (++this.#hashed * 2 > this.#slots.length) {
      const before = this.#slots;
      this.#slots = new Uint32Array(before.length * 2);
      for (const other of before) if (other !== 0) this.#store(other);
    }
    this.#store(entry);
  }

  #store(entry: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = hashOf(this.#cells[entry - 1], this.#values[entry - 1]) & mask;
    while (slots[at] !== 0) at = (at + 1) & mask;
    slots[at] = entry;
  }
}

function doubled(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

function sort(values: Uint32Array, count: number): void {
  if (count > INSERTED) {
    values.subarray(0, count).sort();
    return;
  }
  for (let i = 1; i < count; i++) {
    const value = values[i];
    let to = i;
    for (; to > 0 && values[to - 1] > value; to--) values[to] = values[to - 1];
    values[to] = value;
  }
}

function hashOf(cell: number, value: number): number {
  let hash = Math.imul(cell, 0x9e3779b1) ^ Math.imul(value, 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 13);
}
