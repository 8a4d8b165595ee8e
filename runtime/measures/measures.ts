/** All kinds of measure. A new one is a file of its own, with its line in each of the two lists. */
import { avgKind } from "./avg.ts";
import { countKind } from "./count.ts";
import { maxKind } from "./max.ts";
import type { MeasureKind } from "./measure.ts";
import { minKind } from "./min.ts";
import { sumKind } from "./sum.ts";
import { uniqKind } from "./uniq.ts";

export { avg } from "./avg.ts";
export { count } from "./count.ts";
export { max } from "./max.ts";
export { min } from "./min.ts";
export { sum } from "./sum.ts";
export { uniq } from "./uniq.ts";

/** By name. */
export const measureKinds: Readonly<Record<string, MeasureKind>> = {
  avg: avgKind,
  count: countKind,
  max: maxKind,
  min: minKind,
  sum: sumKind,
  uniq: uniqKind,
};
