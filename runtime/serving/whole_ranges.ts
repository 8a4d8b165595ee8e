/** Ranges that an answer counts from windows: the speed layer must still keep these whole. */
import { grainSeconds, type Plugin } from "../plugin.ts";
import type { TimeRange } from "../model/recent.ts";
import type { EventRange, WholeWindows } from "../ports/services.ts";
import { UnansweredRangeError } from "../std/errors.ts";
import { type CoveredRange, holdsGrains, readFrom, windowRanges } from "./grain_ranges.ts";
import { isoOfSeconds } from "./instant.ts";
import type { TypedBucket } from "./metric_info.ts";

/** Whether all windows are whole that an answer counts. */
export const isWhole = (plugin: Plugin, range: CoveredRange, kept: WholeWindows): boolean =>
  missingFrom(plugin, range, kept).length === 0;

/** The ranges that an answer counts from windows of which some are not whole. */
function missingFrom(
  plugin: Plugin,
  range: CoveredRange,
  { fromMs, untilMs }: WholeWindows,
): TimeRange[] {
  return windowRanges(range).filter(({ from, to }) => {
    const first = from === range.from ? readFrom(plugin, range) : from;
    return fromMs !== null && (first ?? 0) * 1000 < fromMs ||
      untilMs !== null && (to ?? Infinity) * 1000 > untilMs;
  });
}

/**
 * Refuses to answer from windows that the speed layer does not keep whole.
 *
 * @param action what cannot be done.
 * @throws {UnansweredRangeError} with the nearest range that can be answered.
 */
export function refuseMissing(
  action: string,
  plugin: Plugin,
  query: CoveredRange & { readonly bucket: TypedBucket },
  kept: WholeWindows,
): void {
  const missing = missingFrom(plugin, query, kept);
  if (missing.length === 0) return;
  const grain = grainSeconds[plugin.batch.grain];
  const isFine = !holdsGrains(plugin, query.bucket, query);
  const nearest = isFine ? keptPart(plugin, query, kept) : widened(query, missing, grain);
  const advice = nearest === null
    ? `ask for buckets that hold whole grains of ${grain} s`
    : `the nearest range is ${textOf(nearest)}`;
  const whole = { from: secondsOrNull(kept.fromMs), to: secondsOrNull(kept.untilMs) };
  throw new UnansweredRangeError(
    `${action}: ${missing.map(textOf).join(" and ")} would come from windows of ` +
      `${plugin.stream.window.sizeSeconds} s, which are complete only ${textOf(whole)}; ${advice}`,
    {
      field: isFine ? "bucket" : missing[0].from === query.from ? "from" : "to",
      nearest: nearest && eventRange(nearest),
    },
  );
}

/** The range up to the bounds of its grains, where its edges are missing. */
function widened({ from, to }: TimeRange, missing: readonly TimeRange[], grain: number): TimeRange {
  const isMissing = (bound: "from" | "to", time: number | null) =>
    time !== null && missing.some((range) => range[bound] === time);
  return {
    from: isMissing("from", from) ? Math.floor(from! / grain) * grain : from,
    to: isMissing("to", to) ? Math.ceil(to! / grain) * grain : to,
  };
}

/** The part of a range whose windows are whole; null without any. */
function keptPart(
  plugin: Plugin,
  range: CoveredRange,
  { fromMs, untilMs }: WholeWindows,
): TimeRange | null {
  const lead = (range.from ?? 0) - (readFrom(plugin, range) ?? 0);
  const from = fromMs === null ? range.from : Math.max(range.from ?? 0, fromMs / 1000 + lead);
  const to = untilMs === null ? range.to : Math.min(range.to ?? Infinity, untilMs / 1000);
  return (from ?? 0) < (to ?? Infinity) ? { from, to } : null;
}

const secondsOrNull = (ms: number | null) => ms === null ? null : ms / 1000;
const isoOrNull = (seconds: number | null) => seconds === null ? null : isoOfSeconds(seconds);

/** A range as answers show it. */
export const eventRange = ({ from, to }: TimeRange): EventRange => ({
  from: isoOrNull(from),
  to: isoOrNull(to),
});

const textOf = ({ from, to }: TimeRange): string =>
  [from !== null && `from ${isoOfSeconds(from)}`, to !== null && `to ${isoOfSeconds(to)}`]
    .filter(Boolean).join(" ");
