/** Steps of long work, one at a time, so that other work waits for one of them at most. */

import { setImmediate } from "node:timers";

/** Those who wait for their step, in the order in which they came. */
const waiting: (() => void)[] = [];
let woken = false;

/**
 * Resolves when it is the caller's turn to go on, for a few milliseconds: everything that has come
 * in meanwhile is seen to between any two steps of any work.
 *
 * @example
 * ```ts
 * import { loopTurn } from "./loop_turn.ts";
 * let sum = 0;
 * for (const part of [[1, 2], [3, 4]]) {
 *   await loopTurn();
 *   for (const n of part) sum += n;
 * }
 * if (sum !== 10) throw new Error("unexpected");
 * ```
 */
export function loopTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    wake();
  });
}

function wake(): void {
  if (woken || waiting.length === 0) return;
  woken = true;
  setImmediate(() => {
    woken = false;
    waiting.shift()!();
    wake();
  });
}
