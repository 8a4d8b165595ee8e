/** Slots of a fixed number, ordered by when each is due: a binary heap without objects. */
export class DueHeap {
  readonly #dueMs: Float64Array;
  readonly #heap: Uint32Array;
  #size = 0;

  /** @param capacity slots are 0 to this, exclusive; each is in the heap at most once. */
  constructor(capacity: number) {
    this.#dueMs = new Float64Array(capacity);
    this.#heap = new Uint32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** When the first slot is due; Infinity when there is none. */
  get firstMs(): number {
    return this.#size === 0 ? Infinity : this.#dueMs[this.#heap[0]];
  }

  add(slot: number, dueMs: number): void {
    const heap = this.#heap;
    this.#dueMs[slot] = dueMs;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#dueMs[heap[parent]] <= dueMs) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = slot;
  }

  /** Takes the slot that is due first out; there has to be one. */
  take(): number {
    const heap = this.#heap;
    const dueMs = this.#dueMs;
    const first = heap[0];
    const last = heap[--this.#size];
    const lastMs = dueMs[last];
    let at = 0;
    for (let child = 1; child < this.#size; child = 2 * at + 1) {
      if (child + 1 < this.#size && dueMs[heap[child + 1]] < dueMs[heap[child]]) child++;
      if (dueMs[heap[child]] >= lastMs) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
