/**
 * fast-check, within a time limit. A property that is not through its cases and their shrinking at
 * the limit ends there and fails: with the smallest counterexample so far, its seed and its path,
 * or, if no case failed, with how many it ran.
 */
import fc from "fast-check";
import { byTier } from "./tier.ts";

const MINUTE_MS = 60_000;

fc.configureGlobal({
  interruptAfterTimeLimit: byTier({ quick: 2, full: 5, long: 240 }) * MINUTE_MS,
  markInterruptAsFailure: true,
});

export default fc;
