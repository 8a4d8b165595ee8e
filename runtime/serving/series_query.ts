/** Questions for time series: validated, and how wide the buckets may be. */
import type { ZoneOffsets } from "../expressions/time_zone.ts";
import { grainSeconds, type Plugin } from "../plugin.ts";
import { UserError } from "../std/errors.ts";
import type { Layer, SeriesQuery } from "../ports/services.ts";
import { seriesMeasures, stepSeconds } from "./metric_info.ts";
import { quoted } from "../std/quoted.ts";
import { wholeNumber } from "../std/whole_number.ts";
import { joinedColumns } from "../sql/merged_rows.ts";
import { type Comparison, readComparison } from "./comparison.ts";
import {
  firstStart,
  holdsSteps,
  isUtc,
  type LocalBucket,
  MOST_MONTHS,
  nextStart,
  readWidth,
  type Width,
  widthText,
} from "./local_buckets.ts";
import { reads } from "./metric_parts.ts";
import { checkSteps, zoneOf } from "./question_zone.ts";
import {
  actionOf,
  fault,
  fromNeeded,
  keysOf,
  layerOf,
  rangeOf,
  type TypedQuery,
} from "./metric_query.ts";

/** A validated question for a series. */
export interface TypedSeries {
  readonly layer: Layer;
  readonly from: number | null;
  readonly to: number | null;
  readonly keys: TypedQuery["keys"];
  /** The width that was asked for; null: the finest that fits. */
  readonly bucket: Width | null;
  readonly zone: ZoneOffsets;
  readonly compare: Comparison | null;
  readonly measure: string;
  readonly maxPoints: number;
  /** How many keys get a series of their own; null for one series over all keys. */
  readonly top: number | null;
}

const MAX_POINTS = 5000;
const DEFAULT_POINTS = 500;
const MAX_TOP = 20;

const { minute, hour, day } = grainSeconds;

/** Widths to choose from, in seconds. */
const ofDay = [
  10,
  20,
  30,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour),
  day,
].map((count): Width => ({ unit: "second", count }));
const ofUtc = [
  ...ofDay,
  ...[2, 7, 14, 28, 91, 182, 364, 728, 3640, 36400, 72800]
    .map((days): Width => ({ unit: "second", count: days * day })),
];
const ofCalendar = [
  ...ofDay,
  { unit: "week", count: 1 } as const,
  ...[1, 3, 12, 120, 600, MOST_MONTHS].map((count): Width => ({ unit: "month", count })),
];

/**
 * Validates a question for a series.
 *
 * @throws {UserError} naming the field, what is allowed and what came.
 */
export function readSeriesQuery(plugin: Plugin, query: SeriesQuery): TypedSeries {
  const layer = layerOf(plugin, query.layer);
  const action = actionOf(plugin);
  const { max_points, top } = query;
  const range = rangeOf(plugin, layer, query);
  const measure = measureOf(plugin, query.measure);
  const { sql } = plugin.shownColumns.find(({ name }) => name === measure)!;
  if (range.from === null && joinedColumns(plugin).some(({ name }) => reads(sql, name))) {
    throw fromNeeded(plugin);
  }
  return {
    layer,
    ...range,
    keys: keysOf(plugin, query.keys),
    bucket: query.bucket === undefined ? null : widthOf(plugin, layer, query.bucket),
    zone: zoneOf(plugin, query.tz),
    compare: readComparison(plugin, layer, query.compare),
    measure,
    maxPoints: max_points === undefined
      ? DEFAULT_POINTS
      : wholeNumber(max_points, { action, field: "max_points", least: 1, most: MAX_POINTS }),
    top: top === undefined
      ? null
      : wholeNumber(top, { action, field: "top", least: 1, most: MAX_TOP }),
  };
}

/** The measure asked for; by default the one that the metric is sorted by, or the first number. */
function measureOf(plugin: Plugin, text: string | undefined): string {
  const names = seriesMeasures(plugin);
  if (names.length === 0) {
    throw new UserError(
      `${actionOf(plugin)}: it has no measure that is a number, as a series needs`,
    );
  }
  const sorted = plugin.present.sort.replace(/^-/, "");
  const measure = text ?? (names.includes(sorted) ? sorted : names[0]);
  if (names.includes(measure)) return measure;
  throw fault(plugin, "measure", `must be one of ${names.join(", ")}, got ${quoted(measure)}`);
}

function widthOf(plugin: Plugin, layer: Layer, text: string): Width {
  const width = readWidth(text);
  const step = stepSeconds(plugin, layer);
  if (width !== null && holdsSteps(width, step)) return width;
  throw fault(
    plugin,
    "bucket",
    `must be whole seconds, minutes, hours, days, weeks or months such as 5minute, a multiple of ` +
      `the ${layer} layer's ${step} s, got ${quoted(text)}`,
  );
}

/** Where a series lies in time. */
export interface SeriesRange {
  readonly bucket: LocalBucket;
  /** The starts of its buckets, in seconds since 1970 UTC. */
  readonly time: readonly number[];
  /** Where the last of them ends. */
  readonly end: number;
}

/**
 * The buckets that cover `[from, to)`.
 *
 * @param step what the width is a multiple of, in seconds. Default: the finest of the layer.
 * @throws {UserError} when the width that was asked for gives more than `max_points`, or the layer's
 * rows lie across the zone's buckets.
 */
export function seriesRange(
  plugin: Plugin,
  query: TypedSeries,
  from: number,
  to: number,
  step = stepSeconds(plugin, query.layer),
): SeriesRange {
  const { layer, zone, maxPoints } = query;
  checkSteps(plugin, layer, zone, { from, to });
  const rangeAt = (width: Width): SeriesRange | null =>
    bucketsBetween({ ...width, zone }, from, to, maxPoints);
  const ladder = (isUtc(zone) ? ofUtc : ofCalendar).filter((width) => holdsSteps(width, step));
  const finest = () => ladder.find((width) => rangeAt(width) !== null) ?? ladder.at(-1)!;
  const width = query.bucket ?? finest();
  const found = rangeAt(width);
  if (found !== null) return found;
  throw fault(
    plugin,
    "bucket",
    `must be at least ${widthText(finest())} for at most ${maxPoints} points, got ` +
      widthText(width),
  );
}

/** The buckets that cover `[from, to)`; null where they are more than `most`. */
function bucketsBetween(
  bucket: LocalBucket,
  from: number,
  to: number,
  most: number,
): SeriesRange | null {
  const time: number[] = [];
  let end = firstStart(bucket, from, to);
  while (end < to) {
    if (time.length === most) return null;
    time.push(end);
    end = nextStart(bucket, end);
  }
  return { bucket, time, end };
}
