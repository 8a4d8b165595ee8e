/**
 * Questions for single keys, gathered: those of one shape that come while a statement of that shape
 * is under way, or while it waits for its turn, are answered by the next one. So an idle process
 * answers at once, and the busier it is the more keys one statement answers. Nobody is answered by a
 * statement that began before the question came.
 */
import { abortable } from "../std/abortable.ts";
import type { Semaphore } from "../std/semaphore.ts";

/** The most keys of one statement. */
const MAX_KEYS = 500;

/**
 * Loads the answers for some keys, and returns how to find the one of each.
 *
 * @param signal aborts when nobody waits for any of them any more.
 */
export type LoadKeys<Shape, Key, Answer> = (
  shape: Shape,
  keys: readonly Key[],
  signal: AbortSignal,
) => Promise<(key: Key) => Answer>;

interface Group<Key, Answer> {
  readonly keys: Key[];
  readonly loaded: PromiseWithResolvers<(key: Key) => Answer>;
  readonly stop: AbortController;
  waiting: number;
}

/** Loads answers by key; `Shape` is what questions must have in common to be answered together. */
export class KeyLoader<Shape, Key, Answer> {
  readonly #turns: Semaphore;
  readonly #load: LoadKeys<Shape, Key, Answer>;
  /** Groups that have not begun, by shape; the last one may still grow. */
  readonly #waiting = new Map<string, Group<Key, Answer>[]>();

  /** @param turns taken for each load: no more than they allow are under way. */
  constructor(turns: Semaphore, load: LoadKeys<Shape, Key, Answer>) {
    this.#turns = turns;
    this.#load = load;
  }

  /** @throws what the load throws, or the signal's reason. */
  async get(shape: Shape, key: Key, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    const group = this.#join(shape);
    group.keys.push(key);
    group.waiting++;
    try {
      return (await abortable(group.loaded.promise, signal))(key);
    } finally {
      if (--group.waiting === 0) group.stop.abort(signal.reason);
    }
  }

  /** The group of a shape that has not begun. */
  #join(shape: Shape): Group<Key, Answer> {
    const name = JSON.stringify(shape);
    const groups = this.#waiting.get(name) ?? [];
    const last = groups.at(-1);
    const open = last !== undefined && last.keys.length < MAX_KEYS && !last.stop.signal.aborted;
    if (open) return last;
    const group = {
      ...{ keys: [], waiting: 0, stop: new AbortController() },
      loaded: Promise.withResolvers<(key: Key) => Answer>(),
    };
    // Those who waited may have left.
    group.loaded.promise.catch(() => {});
    groups.push(group);
    if (!this.#waiting.has(name)) {
      this.#waiting.set(name, groups);
      void this.#loadAll(name, shape, groups);
    }
    return group;
  }

  async #loadAll(name: string, shape: Shape, groups: Group<Key, Answer>[]): Promise<void> {
    while (groups.length > 0) {
      await this.#turns.take();
      const { keys, loaded, stop: { signal } } = groups.shift()!;
      try {
        if (!signal.aborted) loaded.resolve(await this.#load(shape, keys, signal));
      } catch (error) {
        loaded.reject(error);
      } finally {
        this.#turns.give();
      }
    }
    this.#waiting.delete(name);
  }
}
