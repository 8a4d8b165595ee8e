/**
 * How thorough a run of the tests is. The variable TWOFOLD_TESTS names one of three tiers: `quick`
 * (default, `deno task test`), `full` (`deno task test:full`, before a merge) and `long`
 * (`deno task test:long`, hours). A test file that imports this module belongs to all three; a file
 * `*.full.test.ts` takes too long for the quick tier and runs in the other two; all others run in the
 * quick tier only, because they would do the same again.
 */
import process from "node:process";

/** The tiers, from the fewest cases to the most. */
export const tiers = ["quick", "full", "long"] as const;
export type Tier = typeof tiers[number];

/**
 * The tier that a value of TWOFOLD_TESTS names.
 *
 * @throws RangeError when it names none.
 */
export function tierOf(value = "quick"): Tier {
  const found = tiers.find((tier) => tier === value);
  if (found !== undefined) return found;
  throw new RangeError(
    `Cannot choose the tests: TWOFOLD_TESTS must be one of ${tiers.join(", ")}, got "${value}"`,
  );
}

/** The tier of this process. */
export const tier: Tier = tierOf(process.env.TWOFOLD_TESTS);

/**
 * What this tier gets, for example a number of cases.
 *
 * @example
 * ```ts
 * import { byTier } from "./tier.ts";
 * const runs = byTier({ quick: 5, full: 50, long: 500 });
 * if (runs < 5) throw new Error("unexpected");
 * ```
 */
export function byTier<T>(of: Readonly<Record<Tier, T>>): T {
  return of[tier];
}

/** The first seed of a trial over many seeds: TWOFOLD_SEED, by which a failure is found again. */
export function firstSeed(): number {
  const seed = Number(process.env.TWOFOLD_SEED ?? 1);
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new RangeError(
    `Cannot choose the tests: TWOFOLD_SEED must be a whole number from 0, got "${process.env.TWOFOLD_SEED}"`,
  );
}
