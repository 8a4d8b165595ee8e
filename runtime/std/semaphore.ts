/** A bound on how many run at once. */
import { TwofoldError } from "./errors.ts";

/** Lets at most `size` run at once; first come, first served. */
export class Semaphore {
  readonly #waiting: Array<{ start: () => void; fail: (error: unknown) => void }> = [];
  readonly #size: number;
  #taken = 0;
  #closed = false;
  #allBack: (() => void) | null = null;

  /** @param size the most turns taken at once. */
  constructor(size: number) {
    this.#size = size;
  }

  /**
   * Takes a turn, as soon as one is free; it must be given back.
   *
   * @param signal gives up waiting.
   * @returns what gives it back, for `using`; where the turn outlives the block, {@link give} does.
   * @throws TwofoldError once closed.
   */
  async take(signal?: AbortSignal): Promise<Disposable> {
    if (this.#closed) throw closedError();
    signal?.throwIfAborted();
    if (this.#taken >= this.#size) await this.#wait(signal);
    else this.#taken++;
    return { [Symbol.dispose]: () => this.give() };
  }

  /** Gives a turn back: to who waits longest. */
  give(): void {
    const next = this.#waiting.shift();
    if (next) return next.start();
    this.#taken--;
    if (this.#taken === 0) this.#allBack?.();
  }

  /** Refuses those who wait, and waits until every turn was given back. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.fail(closedError());
    if (this.#taken > 0) await new Promise<void>((resolve) => this.#allBack = resolve);
  }

  #wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => signal?.removeEventListener("abort", abort);
      const waiter = {
        start: () => (leave(), resolve()),
        fail: (error: unknown) => (leave(), reject(error)),
      };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        waiter.fail(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiter);
    });
  }
}

function closedError(): TwofoldError {
  return new TwofoldError("Cannot run a statement: the warehouse is closed");
}
