/** Merged answers over ranges of windows, compared with the model. */
import { decodeFrontier } from "../../../runtime/model/frontier.ts";
import { grainSeconds, type Plugin } from "../../../runtime/plugin.ts";
import type { Serving } from "../../../runtime/ports/services.ts";
import type { UnansweredRangeError } from "../../../runtime/std/errors.ts";
import { INSTANT_END_MS } from "../../../runtime/std/instant.ts";
import type { Event } from "./events.ts";
import { answered, type Counted, difference, expected } from "./model.ts";
import { type Range, textsOf, told } from "./ranges.ts";
import type { Removals } from "./removals.ts";

/** A question for a range of windows. */
export interface EdgeQuestion {
  /** The number of the event near which it begins. */
  readonly near: number;
  /** How many windows after that event's it begins, and how many it has. */
  readonly shift: number;
  readonly windows: number;
  readonly bucket: "all" | "grain" | "minute" | "window";
  /** How much is removed while the answer is read, see {@link SHARES}; null for nothing. */
  readonly removed: number | null;
}

/** Its range; open where it would end after all times. */
function edgeRange(
  counted: readonly { readonly event: Event }[],
  windowMs: number,
  { near, shift, windows }: EdgeQuestion,
): Range {
  const start = Math.floor(counted[near % counted.length].event.ms / windowMs) + shift;
  const fromMs = Math.max(0, start) * windowMs;
  const toMs = fromMs + windows * windowMs;
  return { fromMs, toMs: toMs < INSTANT_END_MS ? toMs : Infinity };
}

/** The source of an answer, and the answer that is expected. */
export interface EdgeWorld {
  readonly serving: Serving;
  readonly plugin: Plugin;
  readonly counted: readonly Counted[];
  readonly logId: string;
  readonly removals: Removals;
}

/**
 * Compares a merged answer over a range of windows with the model. It may be refused where rows were
 * removed: then the nearest range must be answered, and right.
 */
export async function checkEdge(world: EdgeWorld, question: EdgeQuestion): Promise<string | null> {
  const { plugin, counted, removals } = world;
  const { bucket } = question;
  if (counted.length === 0) return null;
  const range = edgeRange(counted, 1000 * plugin.stream.window.sizeSeconds, question);
  const found = await faultOf(world, bucket, range);
  if (found === null || typeof found === "string") return found;
  if (removals.first().every((block) => block === 0n)) {
    return `expected an answer ${told(range)}, it was refused: ${found.message}`;
  }
  if (found.nearest === null) return null;
  const { from, to } = found.nearest;
  const again = await faultOf(world, bucket, {
    fromMs: from === null ? 0 : Date.parse(from),
    toMs: to === null ? Infinity : Date.parse(to),
  });
  return again === null || typeof again === "string"
    ? again
    : `expected the nearest range to be answered: ${again.message}`;
}

/** What is wrong with an answer; null where nothing is, or it waits; or its refusal. */
async function faultOf(
  { serving, plugin, counted, logId }: EdgeWorld,
  bucket: EdgeQuestion["bucket"],
  range: Range,
): Promise<string | null | Pick<UnansweredRangeError, "message" | "nearest">> {
  const size = {
    all: 0,
    grain: grainSeconds[plugin.batch.grain],
    minute: 60,
    window: plugin.stream.window.sizeSeconds,
  };
  try {
    const answer = await serving.query(plugin.name, {
      layer: "merged",
      bucket: bucket === "grain" ? plugin.batch.grain : bucket,
      ...textsOf(plugin, range),
      limit: "10000",
      keys: {},
    });
    const frontier = decodeFrontier(answer.frontier)[logId] ?? [];
    const wanted = expected(plugin.name, counted, frontier, 1000 * size[bucket], range);
    const fault = difference(answered(plugin.name, answer.rows), wanted);
    return fault && `merged by ${bucket} ${told(range)}up to ${frontier}: ${fault}`;
  } catch (error) {
    const { name } = error as Error;
    if (name === "UnansweredRangeError") return error as UnansweredRangeError;
    if (name === "NotReadyError") return null;
    throw error;
  }
}
