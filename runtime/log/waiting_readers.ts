interface Waiter {
  readonly from: number;
  readonly wake: () => void;
}

/** Readers that wait at the end of a partition for more; nothing is polled. */
export class WaitingReaders {
  readonly #waiters: Set<Waiter>[] = [];

  /** Resolves on {@link WaitingReaders.wake} with an end beyond `from`, or when `signal` aborts. */
  wait(partition: number, from: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const waiters = this.#waiters[partition] ??= new Set();
    return new Promise((resolve) => {
      const wake = () => {
        waiters.delete(waiter);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const waiter = { from, wake };
      waiters.add(waiter);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  /** Wakes those of a partition that wait for an end beyond theirs. */
  wake(partition: number, end: number): void {
    for (const waiter of this.#waiters[partition] ?? []) if (end > waiter.from) waiter.wake();
  }

  /** Wakes everyone: the log closes. */
  wakeAll(): void {
    for (const partition of this.#waiters.keys()) this.wake(partition, Infinity);
  }
}
