import type { Config } from "../config.ts";
import { UserError } from "../errors.ts";
import { type Cut, decodeFrontier, encodeFrontier, furthest } from "../frontier.ts";
import type { IngestAnswer } from "../services.ts";
import { CHUNK_EVENTS, fileChunks } from "../sources/file_chunks.ts";
import {
  checkFormat,
  type FileFormat,
  type Pace,
  paced,
  recogniseFormat,
  type SourceChunk,
  type SourceFault,
} from "../sources/source.ts";
import { type InputFile, openInput } from "./input_file.ts";
import { eventsPerSecond } from "./events_per_second.ts";
import { openTarget } from "./open_target.ts";
import { Progress } from "./progress.ts";
import type { Target } from "./target.ts";
import { counted, elapsed, grouped, paint } from "./text.ts";
import type { World } from "./world.ts";

/** What replay was asked to do. */
export interface ReplayRequest extends Pace {
  readonly file: string;
  /** Null: what the first line looks like. */
  readonly format: FileFormat | null;
  /** The field of the event time, where the format does not say. */
  readonly timeField: string;
  /** Null: the only topic there is. */
  readonly topic: string | null;
}

/** What a replay came to. */
export interface ReplaySummary {
  readonly accepted: number;
  readonly rejected: number;
  /** The first faults, by lines of the file. */
  readonly faults: readonly SourceFault[];
  readonly spentMs: number;
  /** Reached when all that was accepted is counted: for `wait_for`. */
  readonly frontier: string;
  /** Whether the whole file was sent. */
  readonly whole: boolean;
}

/** Chunks per second at a given pace, so that a slow replay is steady. */
const CHUNKS_PER_SECOND = 5;
const LISTED_FAULTS = 10;
/** The event time's field where the format does not say. */
const TIME_FIELD = "timestamp";

/**
 * Reads the flags of replay.
 *
 * @throws {UserError} naming the flag, what was wanted and what came.
 */
export function replayRequest(
  file: string,
  flags: Readonly<Record<string, string | boolean>>,
): ReplayRequest {
  const { format, rate, speed, topic, "time-field": timeField = TIME_FIELD } = flags;
  if (rate !== undefined && speed !== undefined) {
    throw wrong("speed", "left out where --rate is given", speed);
  }
  return {
    file,
    format: (format as FileFormat | undefined) ?? null,
    rate: rate === undefined || rate === "max" ? null : eventsPerSecond("replay", rate),
    speed: speed === undefined ? null : timesAsFast(speed),
    timeField: String(timeField),
    topic: topic === undefined ? null : String(topic),
  };
}

/** `60x`, `0.5x`; the x may be left out. */
function timesAsFast(given: string | boolean): number {
  const times = /^(\d{1,9}(?:\.\d{1,6})?)x?$/.exec(String(given))?.[1];
  if (times === undefined || Number(times) <= 0) {
    throw wrong("speed", "how many times as fast as it happened, such as 60x", given);
  }
  return Number(times);
}

function wrong(flag: string, wanted: string, got: string | boolean): UserError {
  const field = flag;
  return new UserError(`Cannot replay: --${flag} must be ${wanted}, got "${got}"`, { field });
}

/** Replays a file and tells what it came to; returns the exit code. */
export async function replayCommand(
  request: ReplayRequest,
  config: Config,
  world: World,
): Promise<number> {
  const input = await openInput(request.file, world);
  try {
    const format = formatOf(request, input);
    const { clock, err: terminal } = world;
    let progress: Progress | null = null;
    const target = await openTarget(config, world, {
      notice: (text) => {
        progress?.clear();
        terminal.write(`${text}\n`);
      },
    });
    try {
      progress = new Progress({ terminal, clock, totalBytes: input.sizeBytes });
      const summary = await replay({ ...request, format }, input, target, world, progress);
      progress.clear();
      world.out.write(summaryText(input.name, target.name, summary, world));
      if (!summary.whole) return 130;
      return summary.accepted === 0 && summary.rejected > 0 ? 1 : 0;
    } finally {
      progress?.clear();
      await target.close();
    }
  } finally {
    await input.close();
  }
}

function formatOf({ format }: ReplayRequest, { name, head }: InputFile): FileFormat {
  const found = recogniseFormat(head);
  const wanted = format ?? (found !== null && "format" in found ? found.format : "ndjson");
  checkFormat(wanted, name, head);
  return wanted;
}

/**
 * Sends a file's events chunk by chunk, one at a time, reading on meanwhile. When `world.stop`
 * aborts, the chunk under way is finished and counted.
 *
 * @throws what the target throws; not after `world.stop` has aborted.
 */
export async function replay(
  request: ReplayRequest & { readonly format: FileFormat },
  input: InputFile,
  target: Target,
  { clock, stop }: Pick<World, "clock" | "stop">,
  progress: Pick<Progress, "show">,
): Promise<ReplaySummary> {
  const { format, topic } = request;
  const chunks = pacedChunks(request, input, { clock, stop });
  const tally = new Tally(clock.now());
  let next = ahead(chunks);
  while (true) {
    const { done, value: chunk } = await next;
    if (done || stop.aborted) break;
    next = ahead(chunks);
    try {
      tally.skipped(chunk.faults);
      if (chunk.bytes.length > 0) {
        tally.sent(chunk, await target.ingest(chunk.bytes, format, topic ?? undefined));
      }
    } catch (error) {
      if (!stop.aborted) throw error;
      break;
    }
    const position = input.isCompressed ? input.read() : chunk.position;
    progress.show({ events: tally.accepted, position });
  }
  return tally.summary(clock.now(), !stop.aborted);
}

function pacedChunks(
  { format, rate, speed, timeField }: ReplayRequest & { readonly format: FileFormat },
  { bytes }: InputFile,
  { clock, stop }: Pick<World, "clock" | "stop">,
): AsyncGenerator<SourceChunk> {
  const chunkEvents = rate === null
    ? CHUNK_EVENTS
    : Math.min(CHUNK_EVENTS, Math.max(1, Math.ceil(rate / CHUNKS_PER_SECOND)));
  const byTime = speed === null
    ? undefined
    : { field: timeField, spanMs: speed * 1000 / CHUNKS_PER_SECOND };
  const chunks = fileChunks(bytes, format, { chunkEvents, byTime });
  return paced(chunks, { rate, speed, clock, signal: stop });
}

/** The next chunk, read while another is sent; a fault waits until it is asked for. */
function ahead(chunks: AsyncGenerator<SourceChunk>): Promise<IteratorResult<SourceChunk>> {
  const next = chunks.next();
  next.catch(() => {});
  return next;
}

class Tally {
  accepted = 0;
  #rejected = 0;
  #faults: SourceFault[] = [];
  #frontier: Cut = {};
  constructor(readonly startMs: number) {}

  /** Lines that the file's format could not read. */
  skipped(faults: readonly SourceFault[]): void {
    this.#rejected += faults.length;
    this.#keep(faults);
  }

  /** What the ingest made of a chunk; its lines are the chunk's. */
  sent(chunk: SourceChunk, answer: IngestAnswer): void {
    this.accepted += answer.accepted;
    this.#rejected += answer.rejected_total;
    this.#keep(answer.rejected.map(({ line, field, reason }) => {
      const isOpen = chunk.lineOf(line) === chunk.openLine;
      const why = isOpen ? `${reason}; the file ends within this line` : reason;
      return { line: chunk.lineOf(line), field, reason: why };
    }));
    this.#frontier = furthest(this.#frontier, decodeFrontier(answer.frontier));
  }

  summary(nowMs: number, whole: boolean): ReplaySummary {
    return {
      accepted: this.accepted,
      rejected: this.#rejected,
      faults: this.#faults,
      spentMs: nowMs - this.startMs,
      frontier: encodeFrontier(this.#frontier),
      whole,
    };
  }

  #keep(faults: readonly SourceFault[]): void {
    for (const { line, field, reason } of faults) {
      if (this.#faults.length === LISTED_FAULTS) return;
      this.#faults.push({ line, field, reason });
    }
  }
}

function summaryText(file: string, where: string, summary: ReplaySummary, world: World): string {
  const { accepted, rejected, faults, spentMs, frontier, whole } = summary;
  const rate = grouped(accepted * 1000 / Math.max(1, spentMs));
  const lines = [
    paint(world.out, "bold", `${whole ? "Replayed" : "Stopped within"} ${file} → ${where}`),
    `  accepted  ${counted(accepted, "event")}`,
    `  rejected  ${counted(rejected, "line")}`,
    ...faults.map(({ line, field, reason }) =>
      `            line ${line}${field === "" ? "" : `, ${field}`}: ${reason}`
    ),
    ...(rejected > faults.length
      ? [`            and ${grouped(rejected - faults.length)} more`]
      : []),
    `  took      ${elapsed(spentMs)}, ${rate} events/s`,
    `  frontier  ${frontier === "" ? "–" : frontier}`,
  ];
  return `${lines.join("\n")}\n`;
}
