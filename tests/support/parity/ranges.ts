/** The times that answers of the parity law are about. */
import { type Grain, grainSeconds, type Plugin } from "../../../runtime/plugin.ts";
import { needsFrom } from "../../../runtime/serving/metric_info.ts";
import type { Event } from "./events.ts";

/** `[fromMs, toMs)`, in milliseconds since 1970 UTC. */
export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** All time. */
export const wholeRange: Range = { fromMs: 0, toMs: Infinity };

const DAY_MS = 86_400_000;

/** All time, or the times from one of the events on, to the end or for a day: by their number. */
export function someRange(counted: readonly { readonly event: Event }[], grain: Grain): Range {
  const { length } = counted;
  if (length % 3 === 0) return wholeRange;
  const grainMs = 1000 * grainSeconds[grain];
  const fromMs = Math.floor(counted[length >> 1].event.ms / grainMs) * grainMs;
  return { fromMs, toMs: length % 3 === 1 ? Infinity : fromMs + DAY_MS };
}

const isoOf = (ms: number) => new Date(ms).toISOString();

/** A range as a question to a plugin has it. */
export function textsOf(plugin: Plugin, range: Range): { from?: string; to?: string } {
  if (range === wholeRange && !needsFrom(plugin)) return {};
  const { fromMs, toMs } = range;
  return { from: isoOf(fromMs), ...(toMs === Infinity ? {} : { to: isoOf(toMs) }) };
}

/** A range in words, to be followed by others. */
export const told = ({ fromMs, toMs }: Range): string =>
  fromMs === 0 ? "" : `from ${isoOf(fromMs)} ${toMs === Infinity ? "" : `to ${isoOf(toMs)} `}`;
