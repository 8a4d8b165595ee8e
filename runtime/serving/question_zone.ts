/** The time zone of a question, and whether a layer's rows keep to its buckets. */
import { offsetsOf, type ZoneOffsets } from "../expressions/time_zone.ts";
import { type Grain, grains, grainSeconds, type Plugin } from "../plugin.ts";
import type { Layer } from "../ports/services.ts";
import { UserError } from "../std/errors.ts";
import { isoOfSeconds, offsetText } from "./instant.ts";
import { utc } from "./local_buckets.ts";
import { stepSeconds } from "./metric_info.ts";

/** `[from, to)` in seconds since 1970 UTC; null where open. */
export interface Range {
  readonly from: number | null;
  readonly to: number | null;
}

/** A time during which a zone has one offset. */
interface Period {
  readonly offset: number;
  readonly from: number;
  readonly to: number;
}

function fault(plugin: Plugin, what: string): UserError {
  return new UserError(`Cannot query metric "${plugin.name}": tz: ${what}`, { field: "tz" });
}

/**
 * The zone that a question names; UTC where it names none.
 *
 * @throws {UserError} when there is no such zone.
 */
export function zoneOf(plugin: Plugin, name: string | undefined): ZoneOffsets {
  if (name === undefined) return utc;
  try {
    return offsetsOf(name);
  } catch (error) {
    throw fault(plugin, (error as Error).message);
  }
}

/**
 * Makes sure that each row of a layer lies in one bucket of a zone. Only the offsets of the range
 * matter.
 *
 * @throws {UserError} naming the offset at fault, and what to do.
 */
export function checkSteps(plugin: Plugin, layer: Layer, zone: ZoneOffsets, range: Range): void {
  const step = stepSeconds(plugin, layer);
  const wrong = misfits(zone, range, step);
  if (wrong.length === 0) return;
  const [{ offset, from }] = wrong;
  const { to } = wrong.at(-1)!;
  const fits = (seconds: number) => keepsTo(zone, range, seconds);
  const finer = grains.findLast((grain: Grain) =>
    grainSeconds[grain] < step && fits(grainSeconds[grain])
  );
  const remedies = [
    ...(to < (range.to ?? Infinity) ? [`ask for a range from ${isoOfSeconds(to)} on`] : []),
    ...(layer !== "speed" && fits(stepSeconds(plugin, "speed")) ? ["ask with layer=speed"] : []),
    ...(finer === undefined ? [] : [
      layer === "speed"
        ? `give the metric windows that divide ${grainSeconds[finer]} s`
        : `give the metric a grain of ${finer}`,
    ]),
  ];
  throw fault(
    plugin,
    `${zone.zone} is at ${textOf(offset)} from ${isoOfSeconds(from)} on, and ` +
      `the ${layer} layer has rows of ${step} s, which must not lie across its hours; ` +
      (remedies.join(", or ") || "ask in another time zone"),
  );
}

const textOf = (offset: number) => offset % 60 === 0 ? offsetText(offset) : `${offset} s`;

/** Whether the offsets of a zone in a range are whole steps, and change between two. */
export const keepsTo = (zone: ZoneOffsets, range: Range, step: number): boolean =>
  misfits(zone, range, step).length === 0;

/** The periods of a range that begin within a step, or whose offset is no whole number of steps. */
function misfits({ fromSeconds, offsetSeconds }: ZoneOffsets, range: Range, step: number) {
  const { from, to } = { from: range.from ?? 0, to: range.to ?? Infinity };
  const periods = fromSeconds.map((start, i): Period => ({
    offset: offsetSeconds[i],
    from: start,
    to: fromSeconds[i + 1] ?? Infinity,
  }));
  return periods.filter((period) =>
    period.from < to && from < period.to &&
    (period.offset % step !== 0 || (from < period.from && period.from % step !== 0))
  );
}
