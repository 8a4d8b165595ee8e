/** Questions for time series: validated, and how wide the buckets may be. */
import { grainSeconds, type Plugin } from "../plugin.ts";
import { UserError } from "../std/errors.ts";
import type { Layer, SeriesQuery } from "../ports/services.ts";
import { seriesMeasures, stepSeconds } from "./metric_info.ts";
import { quoted } from "../std/quoted.ts";
import { wholeNumber } from "../std/whole_number.ts";
import { joinedColumns } from "../sql/merged_rows.ts";
import { reads } from "./metric_parts.ts";
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
  /** The width that was asked for, in seconds; null: the finest that fits. */
  readonly bucket: number | null;
  readonly measure: string;
  readonly maxPoints: number;
  /** How many keys get a series of their own; null for one series over all keys. */
  readonly top: number | null;
}

const MAX_POINTS = 5000;
const DEFAULT_POINTS = 500;
const MAX_TOP = 20;

const { minute, hour, day } = grainSeconds;
const units: Readonly<Record<string, number>> = { second: 1, minute, hour, day };

/** Widths to choose from, in seconds. */
const ladder = [
  10,
  20,
  30,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour),
  ...[1, 2, 7, 14, 28, 91, 182, 364, 728, 3640, 36400, 72800].map((n) => n * day),
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

function widthOf(plugin: Plugin, layer: Layer, text: string): number {
  const match = /^([1-9]\d{0,9})?(second|minute|hour|day)$/.exec(text);
  const width = match === null ? 0 : Number(match[1] ?? 1) * units[match[2]];
  const step = stepSeconds(plugin, layer);
  if (width > 0 && width % step === 0) return width;
  throw fault(
    plugin,
    "bucket",
    `must be whole seconds, minutes, hours or days such as 5minute, a multiple of the ${layer} ` +
      `layer's ${step} s, got ${quoted(text)}`,
  );
}

/** Where a series lies in time. */
export interface SeriesRange {
  /** Seconds since 1970 UTC, a multiple of the width. */
  readonly start: number;
  readonly bucketSeconds: number;
  readonly points: number;
}

/**
 * The buckets that cover `[from, to)`.
 *
 * @throws {UserError} when the width that was asked for gives more than `max_points`.
 */
export function seriesRange(
  plugin: Plugin,
  query: TypedSeries,
  from: number,
  to: number,
): SeriesRange {
  const step = stepSeconds(plugin, query.layer);
  const rangeAt = (width: number): SeriesRange => {
    const start = Math.floor(from / width) * width;
    return { start, bucketSeconds: width, points: Math.ceil((to - start) / width) };
  };
  const fits = (range: SeriesRange) => range.points <= query.maxPoints;
  const found = ladder.filter((width) => width % step === 0).map(rangeAt).find(fits);
  if (query.bucket === null) return found!;
  const asked = rangeAt(query.bucket);
  if (fits(asked)) return asked;
  throw fault(
    plugin,
    "bucket",
    `must be at least ${found!.bucketSeconds} s for at most ${query.maxPoints} points, got ` +
      `${query.bucket} s, which gives ${asked.points}`,
  );
}
