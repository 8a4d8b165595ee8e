/**
 * Which rows cover which times of an answer. Its whole grains come from the batch rows and from the
 * speed rows from the cut on; the rest of its range, and all of it where the buckets are finer than
 * the grain or lie across it, from the speed rows of all blocks. So every window belongs to exactly one of them.
 */
import type { TimeRange } from "../model/recent.ts";
import { grainSeconds, type Plugin } from "../plugin.ts";
import type { Layer } from "../ports/services.ts";
import { joinedSeconds } from "../sql/merged_rows.ts";
import { holdsSteps } from "./local_buckets.ts";
import type { TypedBucket } from "./metric_info.ts";
import { keepsTo } from "./question_zone.ts";

/** A range of an answer, and the whole grains in it. */
export interface CoveredRange extends TimeRange {
  /** Null where no whole grain is read: then windows cover all of the range. */
  readonly grains: TimeRange | null;
}

/** Whether each grain of a range lies in one bucket. */
export function holdsGrains(
  { batch }: Plugin,
  bucket: TypedBucket,
  { from, to }: TimeRange,
): boolean {
  if (typeof bucket === "string") return bucket === "all";
  const grain = grainSeconds[batch.grain];
  return holdsSteps(bucket, grain) && keepsTo(bucket.zone, { from, to }, grain);
}

/** Finds the whole grains of a range in a layer, for buckets of a width. */
export function coveredRange(
  plugin: Plugin,
  layer: Layer,
  bucket: TypedBucket,
  { from, to }: TimeRange,
): CoveredRange {
  const grain = grainSeconds[plugin.batch.grain];
  if (layer === "speed" || !holdsGrains(plugin, bucket, { from, to })) {
    return { from, to, grains: null };
  }
  const first = from === null ? null : Math.ceil(from / grain) * grain;
  const end = to === null ? null : Math.floor(to / grain) * grain;
  const isEmpty = first !== null && end !== null && first >= end;
  return { from, to, grains: isEmpty ? null : { from: first, to: end } };
}

/** The parts of a range outside of its whole grains, ascending. */
export function windowRanges({ from, to, grains }: CoveredRange): TimeRange[] {
  if (grains === null) return [{ from, to }];
  const edges = [{ from, to: grains.from }, { from: grains.to, to }];
  return edges.filter((edge) => edge.from !== edge.to);
}

/**
 * From where rows are read: the beginning of the range, or as long before it as elements are joined
 * across buckets; in grains from the start of one, or of a day where that lets day rows be read.
 */
export function readFrom(plugin: Plugin, { from, grains }: CoveredRange): number | null {
  if (from === null) return null;
  const step = grains === null || grains.from !== from
    ? plugin.stream.window.sizeSeconds
    : grainSeconds[from % grainSeconds.day === 0 ? "day" : plugin.batch.grain];
  return Math.max(0, Math.floor((from - joinedSeconds(plugin)) / step) * step);
}
