/** Chance that is the same everywhere: only whole-number arithmetic and exact divisions. */

/** A number in `[0, 1)`; each call the next. */
export type Random = () => number;

/**
 * Chance by seed: Marsaglia's xorshift128, of 32 bits per call (https://doi.org/10.18637/jss.v008.i14).
 *
 * @param seed a whole number in 0..2³²−1.
 * @example
 * ```ts
 * import { random } from "./chance.ts";
 * if (random(7)() !== random(7)()) throw new Error("not the same");
 * ```
 */
export function random(seed: number): Random {
  let [x, y, z, w] = [123456789, 362436069, 521288629, 88675123 ^ seed];
  const next = () => {
    const t = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return (w >>> 0) / 4294967296;
  };
  // Neighbouring seeds begin alike: let them part.
  for (let i = 0; i < 32; i++) next();
  return next;
}

/** A number in 0..2³²−1 that belongs to a seed and a whole number: a trait, the same whenever asked. */
export function trait(seed: number, of: number): number {
  // The finaliser of MurmurHash3: https://github.com/aappleby/smhasher
  let h = Math.imul(of ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(seed + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Ranks by Zipf's law with exponent 1: rank `r` comes in proportion to `1 / (r + 1)`.
 *
 * @param count how many ranks there are.
 * @returns a function from a number in `[0, 1)` to a rank in `[0, count)`.
 */
export function zipf(count: number): (chance: number) => number {
  const upTo = new Float64Array(count);
  let total = 0;
  for (let rank = 0; rank < count; rank++) upTo[rank] = total += 1 / (rank + 1);
  return (chance) => {
    const wanted = chance * total;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle] > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
