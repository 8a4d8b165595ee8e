import { type Cut, reaches } from "../model/frontier.ts";

interface Waiter {
  readonly plugin: string;
  readonly target: Cut;
  readonly resolve: () => void;
}

/** Those who wait until a plugin's frontier reaches a cut. */
export class FrontierWaiters {
  readonly #frontier: (plugin: string) => Cut;
  #waiters: Waiter[] = [];

  /** @param frontier how far a plugin is. */
  constructor(frontier: (plugin: string) => Cut) {
    this.#frontier = frontier;
  }

  /** Whether anybody waits. */
  get any(): boolean {
    return this.#waiters.length > 0;
  }

  /** Resolves when a plugin's frontier reaches `target`, its wait ends, or `signal` aborts. */
  wait(plugin: string, target: Cut, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiter = { plugin, target, resolve };
      this.#waiters.push(waiter);
      signal.addEventListener("abort", () => this.#release((other) => other === waiter), {
        once: true,
      });
    });
  }

  /** Looks whether frontiers have come far enough. */
  wake(): void {
    this.#release(({ plugin, target }) => reaches(this.#frontier(plugin), target));
  }

  /** Ends the waits for plugins that no longer run: the waiting callers find that out. */
  leave(plugins: readonly string[]): void {
    this.#release(({ plugin }) => plugins.includes(plugin));
  }

  #release(over: (waiter: Waiter) => boolean): void {
    this.#waiters = this.#waiters.filter((waiter) => {
      if (!over(waiter)) return true;
      waiter.resolve();
      return false;
    });
  }
}
