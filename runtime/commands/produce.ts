import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { UserError } from "../std/errors.ts";
import { instantOf } from "../sources/event_times.ts";
import { type LineRun, lineRuns } from "../sources/line_runs.ts";
import { simulate, simulatorDefaults, type SimulatorOptions } from "../sources/simulator.ts";
import { eventsPerSecond } from "./events_per_second.ts";
import { openTarget } from "./open_target.ts";
import { producerNumbers } from "./producer_flags.ts";
import { Progress } from "./progress.ts";
import { SentTally, summaryText } from "./sent_tally.ts";
import { counted, elapsed, grouped } from "./text.ts";
import type { World } from "./world.ts";

/** What produce was asked to do. */
export interface ProduceRequest
  extends Required<Pick<SimulatorOptions, "seed" | "users" | "movies" | "late" | "repeat">> {
  /** Null: the log. `-`: standard output. */
  readonly file: string | null;
  /** Lines per second; null for as fast as they are taken. */
  readonly rate: number | null;
  /** Null: until stopped. */
  readonly count: number | null;
  /** Null: now, and event time keeps to the clock. */
  readonly startMs: number | null;
  readonly topic: string;
  readonly json: boolean;
}

type Flags = Readonly<Record<string, string | boolean>>;

const USUAL_TOPIC = "movie-viewing-events";
const STANDARD_OUTPUT = "-";
const USUAL_RATE = 1000;
const USUAL_FILE_START = "2026-01-01T00:00:00Z";
/** Each run waits for the disk once. */
const RUN_EVENTS = 20_000;
/** Runs per second at a given rate, so that a slow one is steady. */
const RUNS_PER_SECOND = 5;
const MOST_SHARE = 0.5;

/**
 * Reads the flags of produce.
 *
 * @throws {UserError} naming the flag, what was wanted and what came.
 */
export function produceRequest(file: string | null, flags: Flags): ProduceRequest {
  const start = flags.start ?? (file === null ? undefined : USUAL_FILE_START);
  const startMs = start === undefined ? null : instantOf(start);
  if (start !== undefined && startMs === null) {
    throw wrong("start", "an ISO 8601 instant from 1970 to 2105", start);
  }
  const usualRate = startMs === null ? USUAL_RATE : "max";
  const rate = flags.rate ?? String(usualRate);
  if (rate === "max" && startMs === null) {
    throw wrong("start", "given with --rate max, or event time would run ahead of now", "nothing");
  }
  const count = number(flags, "count");
  if (count === null && file !== null && file !== STANDARD_OUTPUT) {
    throw wrong("count", "given for a file", "nothing");
  }
  return {
    ...{ file, startMs, count },
    rate: rate === "max" ? null : eventsPerSecond("produce", rate),
    seed: number(flags, "seed") ?? simulatorDefaults.seed,
    users: number(flags, "users") ?? simulatorDefaults.users,
    movies: number(flags, "movies") ?? simulatorDefaults.movies,
    late: share(flags, "late"),
    repeat: share(flags, "repeat"),
    topic: String(flags.topic ?? USUAL_TOPIC),
    json: flags.json === true,
  };
}

function wrong(field: string, wanted: string, got: string | boolean): UserError {
  return new UserError(`Cannot produce: --${field} must be ${wanted}, got "${got}"`, { field });
}

function number(flags: Flags, flag: keyof typeof producerNumbers): number | null {
  const given = flags[flag];
  if (given === undefined) return null;
  const { parse, wanted } = producerNumbers[flag];
  const value = parse(String(given));
  if (value === undefined) throw wrong(flag, wanted, given);
  return value;
}

function share(flags: Flags, flag: "late" | "repeat"): number {
  const given = flags[flag];
  if (given === undefined) return simulatorDefaults[flag];
  const value = /^\d(\.\d{1,9})?$/.test(String(given)) ? Number(given) : NaN;
  if (value >= 0 && value <= MOST_SHARE) return value;
  throw wrong(flag, `a share of 0 to ${MOST_SHARE}`, given);
}

/** Makes up events and tells what came of them; returns the exit code. */
export async function produceCommand(
  request: ProduceRequest,
  config: Config,
  world: World,
): Promise<number> {
  if (request.file === null) return await produceIntoLog(request, config, world);
  const { clock, stop, out, err } = world;
  const progress = new Progress({ terminal: err, clock, totalBytes: request.count });
  const startMs = clock.now();
  using sink = openSink(request.file, world);
  let events = 0;
  for await (const run of produced(request, clock, stop)) {
    sink.write(run.bytes);
    events += run.events;
    if (out.closed) break;
    progress.show({ events, position: events });
  }
  progress.clear();
  const spentMs = Math.max(1, clock.now() - startMs);
  const told = request.json
    ? JSON.stringify({ file: request.file, events, spentMs })
    : `${counted(events, "event")} in ${elapsed(spentMs)}, ${
      grouped(events * 1000 / spentMs)
    } a second`;
  (request.file === STANDARD_OUTPUT ? err : out).write(`${told}\n`);
  return stop.aborted && request.count !== null ? 130 : 0;
}

/** Where lines are written to; an existing file is not overwritten. */
function openSink(
  file: string,
  { out }: World,
): Disposable & { write(bytes: Uint8Array<ArrayBuffer>): void } {
  if (file === STANDARD_OUTPUT) {
    return { write: (bytes) => out.write(bytes), [Symbol.dispose]() {} };
  }
  const opened = created(file);
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length;) at += opened.writeSync(bytes.subarray(at));
    },
    [Symbol.dispose]: () => opened.close(),
  };
}

function created(file: string): Deno.FsFile {
  const fault = (what: string, cause: unknown) =>
    new UserError(`Cannot produce "${file}": ${what}`, { field: "FILE", cause });
  try {
    return Deno.openSync(file, { write: true, createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) throw fault("there is such a file", error);
    if (error instanceof Deno.errors.NotFound) throw fault("there is no such folder", error);
    if (error instanceof Deno.errors.PermissionDenied) throw fault("it may not be written", error);
    throw error;
  }
}

async function produceIntoLog(
  request: ProduceRequest,
  config: Config,
  world: World,
): Promise<number> {
  const { clock, stop, out, err } = world;
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
    for await (const { bytes, events } of produced(request, clock, stop)) {
      try {
        const lines = { lineOf: (line: number) => sent + line, openLine: null };
        tally.sent(await target.ingest(bytes, "ndjson", request.topic), lines);
      } catch (error) {
        if (!stop.aborted) throw error;
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
        : summaryText(`Made up events → ${target.name}`, summary, out),
    );
    return isWhole ? 0 : 130;
  } finally {
    progress?.clear();
    await target.close();
  }
}

/** The events, each run when it is due, until all are made or `signal` aborts. */
async function* produced(
  request: ProduceRequest,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<LineRun> {
  const { rate, count, startMs } = request;
  const nowMs = clock.now();
  const perRun = rate === null
    ? RUN_EVENTS
    : Math.ceil(Math.min(RUN_EVENTS, rate / RUNS_PER_SECOND));
  const chunks = simulate({
    ...request,
    // Now is kept to by the simulator itself, which makes as many as are sent.
    ...(startMs === null ? { rate, startMs: nowMs } : { rate: null, startMs }),
  });
  let made = 0;
  for (const run of lineRuns(chunks, perRun, count ?? Infinity)) {
    made += run.events;
    const waitMs = rate === null ? 0 : nowMs + made * 1000 / rate - clock.now();
    // Also a turn of the event loop, for signals.
    await clock.sleep(Math.max(0, waitMs), signal);
    if (signal.aborted) return;
    yield run;
  }
}
