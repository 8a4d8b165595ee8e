/** A bound in time that holds whatever the work does. */
import { OVER } from "../std/abortable.ts";
import type { Clock } from "../std/clock.ts";

/** Options of {@link bounded}. */
export interface BoundOptions {
  readonly clock: Clock;
  /** How long the work may take, the time that its reader takes included, in milliseconds. */
  readonly boundMs: number;
  /** How long it may take to end once it is told to, in milliseconds. */
  readonly graceMs: number;
  /** The reader's own signal: its abort ends the work too. */
  readonly signal?: AbortSignal;
  /** Called at most once, when the work has not ended in time; its reader then waits no longer. */
  readonly onStuck: () => void;
  /** Called once, when the work has ended, stuck or not. */
  readonly onEnd: () => void;
}

/** What the bound throws; a reader's own signal throws its reason. */
export class BoundReached extends Error {
  override readonly name = "BoundReached";
}

/** Work that is read under a bound. */
export interface Bounded<Item, Result> {
  /** The next item. @throws BoundReached; the reason of the reader's signal; what the work throws. */
  next(): Promise<IteratorResult<Item, Result>>;
  /** Ends the work, if it has not ended, and waits for that no longer than `graceMs`. */
  close(): Promise<void>;
}

/**
 * Reads `work` until the bound. Then its signal aborts, and its reader gets the error when the work
 * has ended, or after `graceMs` at the latest: work that goes on is stuck.
 *
 * @param work begins at once.
 */
export function bounded<Item, Result>(
  work: (signal: AbortSignal) => AsyncGenerator<Item, Result, void>,
  options: BoundOptions,
): Bounded<Item, Result> {
  const { clock, boundMs, graceMs, signal, onStuck, onEnd } = options;
  const stop = new AbortController();
  const ended = new AbortController();
  const gaveUp = Promise.withResolvers<never>();
  gaveUp.promise.catch(() => {}); // the reader gets it
  const leave = () => stop.abort(signal?.reason);
  const source: AsyncGenerator<Item, Result | undefined, void> = (async function* () {
    try {
      return yield* work(stop.signal);
    } catch (error) {
      throw stop.signal.aborted ? stop.signal.reason : error;
    } finally {
      signal?.removeEventListener("abort", leave);
      ended.abort(OVER);
      onEnd();
    }
  })();
  const end = async () => {
    // Ends work that nobody reads at the moment; where it is read, this waits behind.
    source.return(undefined).catch(() => {});
    await clock.sleep(graceMs, ended.signal);
    if (ended.signal.aborted) return;
    onStuck();
    gaveUp.reject(stop.signal.reason);
  };
  stop.signal.addEventListener("abort", () => void end(), { once: true });
  void clock.sleep(boundMs, ended.signal).then(() => {
    if (!ended.signal.aborted) {
      stop.abort(new BoundReached(`The bound of ${boundMs} ms is reached`));
    }
  });
  signal?.addEventListener("abort", leave, { once: true });
  // A generator that has not begun would end without a word.
  let first: ReturnType<typeof source.next> | null = source.next();
  if (signal?.aborted) leave();
  return {
    async next() {
      const next = first ?? source.next();
      first = null;
      next.catch(() => {}); // where the reader has given up
      const result = await Promise.race([next, gaveUp.promise]);
      // Work that was ended between two reads has no error of its own.
      if (result.done && stop.signal.aborted) throw stop.signal.reason;
      return result as IteratorResult<Item, Result>;
    },
    async close() {
      stop.abort(OVER);
      await Promise.race([source.return(undefined), gaveUp.promise]).catch(() => {});
    },
  };
}
