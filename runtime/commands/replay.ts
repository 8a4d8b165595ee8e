import type { Config } from "../config.ts";
import { UserError } from "../errors.ts";
import { type Cut, decodeFrontier, encodeFrontier, furthest } from "../frontier.ts";
import type { IngestAnswer } from "../services.ts";
import { movielensFile } from "../sources/movielens.ts";
import { ndjsonFile } from "../sources/ndjson_file.ts";
import {
  checkFormat,
  CHUNK_EVENTS,
  type FileFormat,
  fileFormats,
  paced,
  recogniseFormat,
  type SourceChunk,
  type SourceFault,
} from "../sources/source.ts";
import { type InputFile, openInput } from "./input_file.ts";
import { openTarget } from "./open_target.ts";
import { Progress } from "./progress.ts";
import type { Target } from "./target.ts";
import { counted, elapsed, grouped, paint } from "./text.ts";
import type { World } from "./world.ts";

/** What replay was asked to do. */
export interface ReplayRequest {
  readonly file: string;
  /** Null: what the first line looks like. */
  readonly format: FileFormat | null;
  /** Events per second; null for as fast as they are taken. */
  readonly rate: number | null;
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

const SOURCES = { movielens: movielensFile, ndjson: ndjsonFile };
const MOVIELENS_TOPIC = "movie-viewing-events";
/** Chunks per second at a given rate, so that a slow replay is steady. */
const CHUNKS_PER_SECOND = 5;
const LISTED_FAULTS = 10;

/**
 * Reads the flags of replay.
 *
 * @throws {UserError} naming the flag, what was wanted and what came.
 */
export function replayRequest(
  file: string,
  flags: Readonly<Record<string, string | boolean>>,
): ReplayRequest {
  const { format, rate, topic } = flags;
  if (format !== undefined && !fileFormats.some((known) => known === format)) {
    throw new UserError(`Cannot replay: --format must be ndjson or movielens, got "${format}"`, {
      field: "format",
    });
  }
  const perSecond = rate === undefined || rate === "max" ? null : Number(rate);
  const fits = perSecond === null ||
    (/^\d+$/.test(String(rate)) && perSecond >= 1 && perSecond <= 1e9);
  if (!fits) {
    throw new UserError(
      `Cannot replay: --rate must be "max" or whole events per second from 1 on, got "${rate}"`,
      { field: "rate" },
    );
  }
  return {
    file,
    format: (format as FileFormat | undefined) ?? null,
    rate: perSecond,
    topic: topic === undefined ? null : String(topic),
  };
}

/** Replays a file and tells what it came to; returns the exit code. */
export async function replayCommand(
  request: ReplayRequest,
  config: Config,
  world: World,
): Promise<number> {
  const input = await openInput(request.file);
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
      world.out.write(summaryText(request.file, target.name, summary, world));
      if (!summary.whole) return 130;
      return summary.accepted === 0 && summary.rejected > 0 ? 1 : 0;
    } finally {
      progress?.clear();
      await target.close();
    }
  } finally {
    input.close();
  }
}

function formatOf({ file, format }: ReplayRequest, { head }: InputFile): FileFormat {
  const found = recogniseFormat(head);
  const wanted = format ?? (found !== null && "format" in found ? found.format : "ndjson");
  checkFormat(wanted, file, head);
  return wanted;
}

/**
 * Sends a file's events chunk by chunk, one at a time, reading on meanwhile. When `world.stop`
 * aborts, the chunk under way is finished and counted.
 *
 * @throws what the target throws; not after `world.stop` has aborted.
 */
export async function replay(
  { format, rate, topic }: ReplayRequest & { readonly format: FileFormat },
  input: InputFile,
  target: Target,
  { clock, stop }: Pick<World, "clock" | "stop">,
  progress: Pick<Progress, "show">,
): Promise<ReplaySummary> {
  const chunkEvents = rate === null
    ? CHUNK_EVENTS
    : Math.min(CHUNK_EVENTS, Math.max(1, Math.ceil(rate / CHUNKS_PER_SECOND)));
  const source = SOURCES[format](input.bytes, { name: input.name, chunkEvents });
  const chunks = paced(source, { rate, clock, signal: stop });
  const tally = new Tally(clock.now());
  const to = topic ?? (format === "movielens" ? MOVIELENS_TOPIC : undefined);
  let next = ahead(chunks);
  while (true) {
    const { done, value: chunk } = await next;
    if (done || stop.aborted) break;
    next = ahead(chunks);
    try {
      tally.skipped(chunk.faults);
      if (chunk.bytes.length > 0) tally.sent(chunk, await target.ingest(chunk.bytes, to));
    } catch (error) {
      if (!stop.aborted) throw error;
      break;
    }
    progress.show({ events: tally.accepted, position: chunk.position });
  }
  return tally.summary(clock.now(), !stop.aborted);
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
    this.#keep(answer.rejected.map((fault) => ({ ...fault, line: chunk.lineOf(fault.line) })));
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
