import { DueHeap } from "./due_heap.ts";

/** The most that are held: beyond it the next to come is let go before its time. */
const CAPACITY = 2 ** 14;

/** Events on their way that come late: their bytes, until they arrive. */
export class HeldEvents {
  readonly #due = new DueHeap(CAPACITY);
  readonly #bytes: Uint8Array[] = [];
  readonly #free: number[] = [];

  /** When the next arrives: at once when no more can be held, never when there is none. */
  get nextMs(): number {
    return this.#due.size === CAPACITY ? -Infinity : this.#due.firstMs;
  }

  hold(bytes: Uint8Array, untilMs: number): void {
    const slot = this.#free.pop() ?? this.#bytes.length;
    this.#bytes[slot] = bytes;
    this.#due.add(slot, untilMs);
  }

  /** The next that arrives; there has to be one. */
  take(): Uint8Array {
    const slot = this.#due.take();
    this.#free.push(slot);
    return this.#bytes[slot];
  }
}
