import { DueHeap } from "./due_heap.ts";

/** The most that are held: beyond it the next one is sent before its time. */
const CAPACITY = 2 ** 14;

/** Events on their way that come late: their lines, until they arrive. */
export class HeldEvents {
  readonly #due = new DueHeap(CAPACITY);
  readonly #lines: string[] = [];
  readonly #free: number[] = [];

  /** When the next arrives: at once when no more can be held, never when there is none. */
  get nextMs(): number {
    return this.#due.size === CAPACITY ? -Infinity : this.#due.firstMs;
  }

  hold(line: string, untilMs: number): void {
    const slot = this.#free.pop() ?? this.#lines.length;
    this.#lines[slot] = line;
    this.#due.add(slot, untilMs);
  }

  /** The next that arrives; there has to be one. */
  take(): string {
    const slot = this.#due.take();
    this.#free.push(slot);
    return this.#lines[slot];
  }
}
