/** Compares an answer with an earlier range. */
import type { ZoneOffsets } from "../expressions/time_zone.ts";
import { isNumeric } from "../measures/measure.ts";
import type { Plugin } from "../plugin.ts";
import type { AnswerColumn, Compared, Layer } from "../ports/services.ts";
import { UserError } from "../std/errors.ts";
import { quoted } from "../std/quoted.ts";
import { isoOfSeconds } from "./instant.ts";
import {
  firstStart,
  holdsSteps,
  localAt,
  type LocalBucket,
  localEnd,
  nextStart,
  shiftedBack,
  startOfBucket,
  stepsOf,
  type Width,
  widthText,
} from "./local_buckets.ts";
import { stepSeconds, type TypedBucket } from "./metric_info.ts";
import { checkSteps } from "./question_zone.ts";

/** What a question compares with: the range before, as long as its own, or one so much earlier. */
export type Comparison = "previous" | Width;

const unitSeconds: Readonly<Record<string, number>> = { h: 3600, d: 86_400, w: 604_800 };

function fault(plugin: Plugin, what: string, field = "compare"): UserError {
  return new UserError(`Cannot query metric "${plugin.name}": ${field} ${what}`, { field });
}

/**
 * Reads `compare`.
 *
 * @throws {UserError} when it is none, or the layer cannot be compared.
 */
export function readComparison(
  plugin: Plugin,
  layer: Layer,
  text: string | undefined,
): Comparison | null {
  if (text === undefined) return null;
  const match = /^([1-9]\d{0,3})([hdw])$/.exec(text);
  if (text !== "previous" && match === null) {
    throw fault(
      plugin,
      `must be previous, or hours, days or weeks such as 7d, got ${quoted(text)}`,
    );
  }
  if (layer === "batch") {
    throw fault(plugin, "needs layer merged or speed: batch rows end at their cut, at no time");
  }
  return match === null
    ? "previous"
    : { unit: "second", count: Number(match[1]) * unitSeconds[match[2]] };
}

/** A question that compares. */
export interface ComparedQuestion {
  readonly layer: Layer;
  readonly zone: ZoneOffsets;
  readonly bucket: TypedBucket;
  readonly from: number | null;
  readonly to: number | null;
}

/**
 * Where the compared part of a range ends: a range that has not ended is compared up to the newest
 * whole step, with the same part of the earlier one.
 *
 * @param watermarkMs the time of the newest event, in milliseconds since 1970 UTC; -1 for none.
 * @returns seconds since 1970 UTC.
 * @throws {UserError} without `from`, and without a whole step behind it.
 */
export function comparedEnd(
  plugin: Plugin,
  { layer, bucket, from, to }: Pick<ComparedQuestion, "layer" | "from" | "to"> & {
    readonly bucket: TypedBucket | Width | null;
  },
  watermarkMs: number,
): number {
  if (from === null) throw fault(plugin, "must be given with compare", "from");
  const grain = stepSeconds(plugin, "batch");
  // Whole grains can be compared however long ago they were.
  const isOfGrains = bucket === null || bucket === "all" ||
    typeof bucket === "object" && holdsSteps(bucket, grain);
  const step = layer === "merged" && isOfGrains ? grain : stepSeconds(plugin, "speed");
  const newest = Math.floor(watermarkMs / 1000 / step) * step;
  const until = Math.min(to ?? Infinity, newest);
  if (until > from) return until;
  const end = watermarkMs < 0 ? "there are no events" : `they end at ${isoOfSeconds(newest)}`;
  throw fault(plugin, `must lie before the newest events to be compared; ${end}`, "from");
}

/** Two ranges of one length; all in seconds since 1970 UTC. */
export interface ComparedRanges {
  readonly earlier: { readonly from: number; readonly to: number };
  /** The earlier time of a time of the question's range. */
  readonly back: (seconds: number) => number;
  readonly shown: Compared;
}

/**
 * The ranges that a question compares.
 *
 * @param until what {@link comparedEnd} gives.
 * @throws {UserError} where the shift is not whole buckets, or rows lie across a zone's times.
 */
export function comparedRanges(
  plugin: Plugin,
  question: ComparedQuestion,
  comparison: Comparison,
  until: number,
): ComparedRanges {
  const { layer, zone, bucket, to } = question;
  const from = question.from!;
  if (typeof bucket === "string" && comparison === "previous") {
    const length = until - from;
    const back = (seconds: number) => Math.max(0, seconds - length);
    const earlier = { from: back(from), to: from };
    return { earlier, back, shown: shownOf(earlier, until, until === to) };
  }
  const shift = comparison === "previous"
    ? bucketsBack(bucket as LocalBucket, from, until)
    : wholeBuckets(plugin, bucket, comparison);
  const back = (seconds: number) => shiftedBack(zone, localAt(zone, seconds), shift);
  const earlier = { from: back(from), to: shiftedBack(zone, localEnd(zone, until), shift) };
  if (earlier.from >= earlier.to && earlier.from > 0) {
    throw fault(
      plugin,
      "cannot tell what is earlier than parts of an hour that comes twice",
      "from",
    );
  }
  // A shift over a change of the clock may end within a row.
  checkSteps(plugin, layer, zone, { from: earlier.from, to: until });
  return {
    earlier,
    back: typeof bucket === "object" ? (at) => startOfBucket(bucket, back(at)) : back,
    shown: shownOf(
      earlier,
      until,
      typeof bucket === "object" ? startOfBucket(bucket, until) === until : until === to,
    ),
  };
}

const shownOf = (
  { from, to }: ComparedRanges["earlier"],
  until: number,
  whole: boolean,
): Compared => ({
  from: isoOfSeconds(from),
  to: isoOfSeconds(to),
  until: isoOfSeconds(until),
  whole,
});

/** As many whole buckets as a range has. */
function bucketsBack(bucket: LocalBucket, from: number, until: number): Width {
  const { unit, zone } = bucket;
  const { size } = stepsOf(bucket);
  if (unit !== "month") {
    const length = localEnd(zone, until) - localAt(zone, from);
    return { unit: "second", count: Math.max(1, Math.ceil(length / size)) * size };
  }
  let months = 0;
  for (let at = firstStart(bucket, from, until); at < until; at = nextStart(bucket, at)) {
    months += size;
  }
  return { unit, count: months };
}

function wholeBuckets(plugin: Plugin, bucket: TypedBucket, shift: Width): Width {
  if (typeof bucket === "string") return shift;
  if (bucket.unit !== "month" && shift.count % stepsOf(bucket).size === 0) return shift;
  throw fault(plugin, `must be whole buckets of ${widthText(bucket)}, or previous`);
}

/** A value with the one before it. */
export interface Change {
  readonly before: number | null;
  readonly change: number | null;
  /** In percent of the value before; null where that is 0. */
  readonly percent: number | null;
}

/** The difference; null where one of the two values is missing. */
export function changeOf(value: unknown, before: unknown): Change {
  const [now, then] = [value ?? null, before ?? null].map((each) =>
    each === null ? null : Number(each)
  );
  if (now === null || then === null) return { before: then, change: null, percent: null };
  const change = rounded(now - then);
  return { before: then, change, percent: then === 0 ? null : rounded(100 * (now - then) / then) };
}

/** Without the noise of binary fractions. */
const rounded = (n: number) => Number.isInteger(n) ? n : Number(n.toPrecision(12));

/** The columns that comparing adds: three for each measure that is a number. */
export function changeColumns(plugin: Plugin): AnswerColumn[] {
  const added = plugin.shownColumns.filter(isNumeric).flatMap(({ name, type, unit }) => {
    const own = unit === undefined ? {} : { unit };
    return [
      { name: `${name}_before`, type, ...own },
      { name: `${name}_change`, type, ...own },
      { name: `${name}_percent`, type: "number", unit: "percent" },
    ];
  });
  const own = [...plugin.keyColumns, ...plugin.shownColumns].map(({ name }) => name);
  const taken = added.find(({ name }) => own.includes(name));
  if (taken !== undefined) throw fault(plugin, `would add the column ${taken.name}, which it has`);
  return added;
}

/** The values of {@link changeColumns}. */
export function changesOf(
  plugin: Plugin,
  row: Readonly<Record<string, unknown>>,
  before: Readonly<Record<string, unknown>> | undefined,
): Record<string, number | null> {
  return Object.fromEntries(
    plugin.shownColumns.filter(isNumeric).flatMap(({ name }) => {
      const change = changeOf(row[name], before?.[name]);
      return [
        [`${name}_before`, change.before],
        [`${name}_change`, change.change],
        [`${name}_percent`, change.percent],
      ];
    }),
  );
}
