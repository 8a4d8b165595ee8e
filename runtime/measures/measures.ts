/** All kinds of measure. A new one is a file of its own, with its line in each of the two lists. */
import { approxUniqKind } from "./approx_uniq.ts";
import { avgKind } from "./avg.ts";
import { countIfKind, countKind } from "./count.ts";
import { firstKind } from "./first.ts";
import { histogramKind } from "./histogram.ts";
import { lastKind } from "./last.ts";
import { maxKind } from "./max.ts";
import type { MeasureKind } from "./measure.ts";
import { minKind } from "./min.ts";
import { quantileKind } from "./quantile.ts";
import { sessionsIfKind, sessionsKind } from "./sessions.ts";
import { sumKind } from "./sum.ts";
import { uniqKind } from "./uniq.ts";
import { stddevKind, varianceKind } from "./variance.ts";

export { approxUniq } from "./approx_uniq.ts";
export { avg } from "./avg.ts";
export { count } from "./count.ts";
export { first } from "./first.ts";
export { histogram } from "./histogram.ts";
export { last } from "./last.ts";
export { max } from "./max.ts";
export { min } from "./min.ts";
export { quantile, quantiles } from "./quantile.ts";
export { sessions } from "./sessions.ts";
export { sum } from "./sum.ts";
export { uniq } from "./uniq.ts";
export { stddev, variance } from "./variance.ts";

/** By name. */
export const measureKinds: Readonly<Record<string, MeasureKind>> = {
  approxUniq: approxUniqKind,
  avg: avgKind,
  count: countKind,
  countIf: countIfKind,
  first: firstKind,
  histogram: histogramKind,
  last: lastKind,
  max: maxKind,
  min: minKind,
  quantile: quantileKind,
  sessions: sessionsKind,
  sessionsIf: sessionsIfKind,
  stddev: stddevKind,
  sum: sumKind,
  uniq: uniqKind,
  variance: varianceKind,
};
