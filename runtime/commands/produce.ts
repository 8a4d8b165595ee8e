/** `produce`: sends made-up events of a source, into the running process or the data folder. */
import { type SettingType, whole } from "../settings/setting_types.ts";
import type { MadeEvents, Source } from "../source.ts";
import { feed } from "../sources/feed.ts";
import { NotFoundError, UserError } from "../std/errors.ts";
import { inputsOf } from "./inputs_of.ts";
import type { Invocation } from "./invocation.ts";
import { openTarget } from "./open_target.ts";
import { Progress } from "./progress.ts";
import { SentTally, summaryText } from "./sent_tally.ts";
import { oneOf } from "./text.ts";

/** What produce was asked to do. */
interface ProduceRequest {
  /** Null: the only source. */
  readonly source: string | null;
  /** Events per second. */
  readonly rate: number;
  /** Null: until stopped. */
  readonly count: number | null;
  readonly json: boolean;
}

const USUAL_RATE = "1000";
const RATE = whole({ min: 1, max: 1e9 });
const COUNT = whole({ min: 1, max: Number.MAX_SAFE_INTEGER });

/**
 * Reads the flags of produce.
 *
 * @throws {UserError} naming the flag, what was expected and what came.
 */
function produceRequest(
  source: string | null,
  flags: Readonly<Record<string, string | boolean>>,
): ProduceRequest {
  const { rate = USUAL_RATE, count, json } = flags;
  return {
    source,
    rate: numberOf("rate", RATE, rate),
    count: count === undefined ? null : numberOf("count", COUNT, count),
    json: json === true,
  };
}

function numberOf(field: string, type: SettingType<number>, given: string | boolean): number {
  const number = type.parse(String(given));
  if (number !== undefined) return number;
  const what = `Cannot produce: --${field} must be ${type.wanted}, got "${given}"`;
  throw new UserError(what, { field });
}

/** Sends made-up events and tells what came of them; returns the exit code. */
export async function produceCommand(
  { positionals, flags, config, world }: Invocation,
): Promise<number> {
  const request = produceRequest(positionals[0] ?? null, flags);
  const { clock, out, err, stop: signal } = world;
  const { sources } = await inputsOf(world, config);
  const source = sourceNamed(request.source, sources);
  let progress: Progress | null = null;
  await using target = await openTarget(config, world, {
    notice: (text) => {
      progress?.clear();
      err.write(`${text}\n`);
    },
  });
  try {
    progress = new Progress({ terminal: err, clock, totalBytes: request.count });
    const tally = new SentTally(clock.now());
    let sent = 0;
    const made = feed({ source, rate: request.rate, clock, signal });
    for await (const { ndjson, events } of counted(made, request)) {
      try {
        const lines = { lineOf: (line: number) => sent + line, openLine: null };
        const bytes = new TextEncoder().encode(ndjson);
        tally.sent(await target.ingest(bytes, "ndjson", source.source.topic), lines);
      } catch (error) {
        if (!signal.aborted) throw error;
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
