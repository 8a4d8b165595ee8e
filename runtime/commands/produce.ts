/** `produce`: sends made-up events of a source, into the running process or the data folder. */
import type { Config } from "../settings/config.ts";
import { whole } from "../settings/setting_types.ts";
import type { MadeEvents, Source } from "../source.ts";
import { instantOf } from "../sources/event_times.ts";
import { feed } from "../sources/feed.ts";
import type { Clock } from "../std/clock.ts";
import { NotFoundError, UserError } from "../std/errors.ts";
import { eventsPerSecond } from "./events_per_second.ts";
import { inputsOf } from "./inputs_of.ts";
import { openTarget } from "./open_target.ts";
import { Progress } from "./progress.ts";
import { SentTally, summaryText } from "./sent_tally.ts";
import { oneOf } from "./text.ts";
import type { World } from "./world.ts";

/** What produce was asked to do. */
export interface ProduceRequest {
  /** Null: the only source. */
  readonly source: string | null;
  /** Events per second; null for as fast as they are taken. */
  readonly rate: number | null;
  /** Null: until stopped. */
  readonly count: number | null;
  /** Null: now, and event time keeps to the clock. */
  readonly startMs: number | null;
  readonly json: boolean;
}

const USUAL_RATE = "1000";
const COUNT = whole({ min: 1, max: Number.MAX_SAFE_INTEGER });

/**
 * Reads the flags of produce.
 *
 * @throws {UserError} naming the flag, what was expected and what came.
 */
export function produceRequest(
  source: string | null,
  flags: Readonly<Record<string, string | boolean>>,
): ProduceRequest {
  const { start, count } = flags;
  const startMs = start === undefined ? null : instantOf(start);
  if (start !== undefined && startMs === null) {
    throw wrong("start", "an ISO 8601 instant from 1970 to 2105", start);
  }
  const rate = flags.rate ?? (startMs === null ? USUAL_RATE : "max");
  if (rate === "max" && startMs === null) {
    throw wrong("start", "given with --rate max, or event time would run ahead of now", "nothing");
  }
  const events = count === undefined ? null : COUNT.parse(String(count));
  if (events === undefined) throw wrong("count", COUNT.wanted, count);
  return {
    source,
    rate: rate === "max" ? null : eventsPerSecond("produce", rate),
    count: events,
    startMs,
    json: flags.json === true,
  };
}

function wrong(field: string, wanted: string, got: string | boolean): UserError {
  return new UserError(`Cannot produce: --${field} must be ${wanted}, got "${got}"`, { field });
}

/** Sends made-up events and tells what came of them; returns the exit code. */
export async function produceCommand(
  request: ProduceRequest,
  config: Config,
  world: World,
): Promise<number> {
  const { clock, out, err } = world;
  const { sources } = await inputsOf(world);
  const source = sourceNamed(request.source, sources);
  let progress: Progress | null = null;
  const target = await openTarget(config, world, {
    notice: (text) => {
      progress?.clear();
      err.write(`${text}\n`);
    },
  });
  try {
    progress = new Progress({ terminal: err, clock, totalBytes: request.count });
    const tally = new SentTally(clock.now());
    let sent = 0;
    for await (const { ndjson, events } of counted(produced(source, request, world), request)) {
      try {
        const lines = { lineOf: (line: number) => sent + line, openLine: null };
        const bytes = new TextEncoder().encode(ndjson);
        tally.sent(await target.ingest(bytes, "ndjson", source.source.topic), lines);
      } catch (error) {
        if (!world.stop.aborted) throw error;
        break;
      }
      sent += events;
      progress.show({ events: sent, position: sent });
    }
    progress.clear();
    const isWhole = request.count === null || sent >= request.count;
    const summary = tally.summary(clock.now(), isWhole);
    out.write(
      request.json
        ? `${JSON.stringify(summary)}\n`
        : summaryText(`Events of ${source.name} → ${target.name}`, summary, out),
    );
    return isWhole ? 0 : 130;
  } finally {
    progress?.clear();
    await target.close();
  }
}

function sourceNamed(name: string | null, sources: readonly Source[]): Source {
  const found = name === null ? sources : sources.filter((source) => source.name === name);
  if (found.length === 1) return found[0];
  const names = sources.map((source) => source.name);
  if (names.length === 0) {
    throw new NotFoundError("Cannot produce: no file plugins/*.source.ts declares a source");
  }
  const got = name === null ? "none" : `"${name}"`;
  throw new UserError(`Cannot produce: SOURCE must be ${oneOf(names)}, got ${got}`, {
    field: "SOURCE",
  });
}

function produced(
  source: Source,
  { rate, startMs }: ProduceRequest,
  { clock, stop }: World,
): AsyncGenerator<MadeEvents> {
  return startMs === null
    ? feed({ source, rate: rate!, clock, signal: stop })
    : replayed(source.events({ rate: null, startMs }), rate, clock, stop);
}

/** Events of the past, as fast as they are taken or at a rate. */
async function* replayed(
  chunks: Iterable<MadeEvents>,
  rate: number | null,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<MadeEvents> {
  const startMs = clock.now();
  let sent = 0;
  for (const made of chunks) {
    const waitMs = rate === null ? 0 : startMs + sent * 1000 / rate - clock.now();
    // Also a turn of the event loop, for signals.
    await clock.sleep(Math.max(0, waitMs), signal);
    if (signal.aborted) return;
    sent += made.events;
    yield made;
  }
}

/** So many events and no more. */
async function* counted(
  chunks: AsyncIterable<MadeEvents>,
  { count }: ProduceRequest,
): AsyncGenerator<MadeEvents> {
  let left = count ?? Infinity;
  for await (const made of chunks) {
    if (made.events >= left) {
      const lines = made.ndjson.split("\n", left).map((line) => `${line}\n`);
      return yield { ...made, ndjson: lines.join(""), events: left };
    }
    left -= made.events;
    yield made;
  }
}
