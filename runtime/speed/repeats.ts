import { type Columns, RowStatus } from "../model/columns.ts";

/** Rows whose places in the table are read together. */
const AHEAD_ROWS = 64;

/**
 * Tells repeats within one partition: an event at offset `o` is a repeat if and only if the same
 * identity occurs, counted or not, in `[o − horizon, o)`. The answer is a function of the log alone:
 * reading the horizon again before a restart's first offset restores the same state.
 *
 * A ring holds the identity of each of the last `horizon` offsets, and an open-addressing table
 * finds an identity in the ring. Memory: 24 bytes per offset. Both grow with the offsets passed, by
 * doubling, up to the horizon: 24 MiB per partition at a horizon of 1,048,576.
 */
export class RepeatIndex {
  /** Four lanes per ring slot; lane 0 is 0 where the slot holds no identity's latest occurrence. */
  #ring = new Uint32Array(0);
  /** Ring slot + 1, or 0. Linear probing, at most half full. */
  #table = new Uint32Array(0);
  /** Ring slots less one. */
  #mask = -1;
  #tableMask = -1;
  /** Keeps the reads ahead from being dropped as useless. */
  #fetched = 0;
  /** The first offset passed. */
  #first = 0n;
  /** The offset after the last one passed; null before the first. */
  #next: bigint | null = null;

  /**
   * @param horizon offsets to look back, a power of two up to 2²⁶.
   * @param firstSlots offsets to make room for at first, a power of two; only tests set it. Default
   * 4096.
   */
  constructor(readonly horizon: number, firstSlots = 4096) {
    const log2 = Math.log2(horizon);
    if (!Number.isInteger(log2) || log2 < 1 || log2 > 26) {
      throw new RangeError(`horizon must be a power of two from 2 to 2^26, got ${horizon}`);
    }
    this.#allocate(Math.min(horizon, firstSlots));
  }

  /** What it holds in memory. */
  get bytes(): number {
    return this.#ring.byteLength + this.#table.byteLength;
  }

  /**
   * Passes over a chunk that starts where the last one ended and fills `columns.repeat`.
   *
   * @returns how many repeats there are.
   */
  mark(columns: Columns): number {
    const { count, from, to, offsetDelta, status, identity, repeat } = columns;
    if (this.#next !== null && this.#next !== from) {
      throw new RangeError(`Cannot mark repeats: expected offset ${this.#next}, got ${from}`);
    }
    this.#makeRoom(from, to);
    const base = Number(from & BigInt(this.#mask));
    let passed = 0;
    let repeats = 0;
    for (let row = 0; row < count; row++) {
      if (row % AHEAD_ROWS === 0) {
        this.#fetchAhead(identity, row, Math.min(row + AHEAD_ROWS, count));
      }
      const delta = offsetDelta[row];
      if (delta > passed) this.#forget(base, passed, delta);
      passed = delta + 1;
      const slot = ((base + delta) >>> 0) & this.#mask;
      if (status[row] !== RowStatus.event) {
        this.#evict(slot);
        repeat[row] = 0;
        continue;
      }
      const seen = this.#put(slot, identity, row * 4);
      repeat[row] = seen;
      repeats += seen;
    }
    const end = Number(to - from);
    if (end > passed) this.#forget(base, passed, end);
    this.#next = to;
    return repeats;
  }

  /** Grows the ring until every offset passed has a slot, or the ring is as large as the horizon. */
  #makeRoom(from: bigint, to: bigint): void {
    if (this.#next === null) this.#first = from;
    let slots = this.#mask + 1;
    if (slots === this.horizon) return;
    const passed = Number(to - this.#first);
    while (slots < passed && slots < this.horizon) slots *= 2;
    if (slots > this.#mask + 1) this.#grow(slots, this.#next ?? from);
  }

  /** Moves the identities of the offsets `[#first, next)`, none of which was evicted yet. */
  #grow(slots: number, next: bigint): void {
    const ring = this.#ring;
    const mask = this.#mask;
    const base = Number(this.#first & BigInt(this.horizon - 1));
    const passed = Number(next - this.#first);
    this.#allocate(slots);
    for (let delta = 0; delta < passed; delta++) {
      const r = ((base + delta) & mask) * 4;
      if (ring[r] === 0) continue;
      const slot = (base + delta) & this.#mask;
      this.#table[this.#free(ring[r + 1])] = slot + 1;
      this.#write(slot, ring[r], ring[r + 1], ring[r + 2], ring[r + 3]);
    }
  }

  #allocate(slots: number): void {
    this.#mask = slots - 1;
    this.#tableMask = slots * 2 - 1;
    this.#ring = new Uint32Array(slots * 4);
    this.#table = new Uint32Array(slots * 2);
  }

  /**
   * Reads the places of the table that the next rows will look at. The table is far larger than the
   * processor's caches: reads that do not depend on each other wait for memory together.
   */
  #fetchAhead(identity: Uint32Array, row: number, endRow: number): void {
    const table = this.#table;
    const mask = this.#tableMask;
    let seen = 0;
    for (let lane = row * 4 + 1; lane < endRow * 4; lane += 4) seen |= table[identity[lane] & mask];
    this.#fetched = seen;
  }

  /** Evicts the slots of the offsets `[from, to)` (as deltas), which hold nothing. */
  #forget(base: number, from: number, to: number): void {
    const first = Math.max(from, to - this.#mask - 1);
    for (let delta = first; delta < to; delta++) this.#evict(((base + delta) >>> 0) & this.#mask);
  }

  /** Remembers an identity at a ring slot. Returns 1 if it was there already, else 0. */
  #put(slot: number, identity: Uint32Array, lane: number): 0 | 1 {
    const ring = this.#ring;
    const table = this.#table;
    const a = identity[lane];
    const b = identity[lane + 1];
    const c = identity[lane + 2];
    const d = identity[lane + 3];
    let at = b & this.#tableMask;
    for (;; at = (at + 1) & this.#tableMask) {
      const entry = table[at];
      if (entry === 0) break;
      const r = (entry - 1) * 4;
      if (ring[r] === a && ring[r + 1] === b && ring[r + 2] === c && ring[r + 3] === d) {
        // The later occurrence takes the entry over; the earlier one needs no eviction any more.
        ring[r] = 0;
        this.#evict(slot);
        table[at = this.#find(entry, b)] = slot + 1;
        this.#write(slot, a, b, c, d);
        return 1;
      }
    }
    this.#evict(slot);
    table[this.#free(b)] = slot + 1;
    this.#write(slot, a, b, c, d);
    return 0;
  }

  /** The place of the table for an identity that it does not hold, whose home is given by lane 1. */
  #free(home: number): number {
    let at = home & this.#tableMask;
    while (this.#table[at] !== 0) at = (at + 1) & this.#tableMask;
    return at;
  }

  #write(slot: number, a: number, b: number, c: number, d: number): void {
    const r = slot * 4;
    this.#ring[r] = a;
    this.#ring[r + 1] = b;
    this.#ring[r + 2] = c;
    this.#ring[r + 3] = d;
  }

  /** Where the table holds `entry`, whose home is given by lane 1 of its identity. */
  #find(entry: number, home: number): number {
    let at = home & this.#tableMask;
    while (this.#table[at] !== entry) at = (at + 1) & this.#tableMask;
    return at;
  }

  /** Removes what a ring slot holds, closing the probe sequence behind it (backward shift). */
  #evict(slot: number): void {
    const ring = this.#ring;
    const r = slot * 4;
    if (ring[r] === 0) return;
    const table = this.#table;
    const mask = this.#tableMask;
    let hole = this.#find(slot + 1, ring[r + 1]);
    ring[r] = 0;
    for (let at = (hole + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
      const home = ring[(table[at] - 1) * 4 + 1] & mask;
      // The entry may move into the hole unless its home lies cyclically in (hole, at].
      const stays = hole <= at ? home > hole && home <= at : home > hole || home <= at;
      if (stays) continue;
      table[hole] = table[at];
      hole = at;
    }
    table[hole] = 0;
  }
}
