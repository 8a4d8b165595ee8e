import { type Cut, decodeFrontier, encodeFrontier, furthest } from "../model/frontier.ts";
import type { IngestAnswer } from "../ports/services.ts";
import type { SourceChunk, SourceFault } from "../sources/source.ts";
import { counted, elapsed, grouped, paint } from "./text.ts";
import type { Terminal } from "./world.ts";

/** What sending events came to. */
export interface SentSummary {
  readonly accepted: number;
  readonly rejected: number;
  /** The first faults, by lines of what was sent. */
  readonly faults: readonly SourceFault[];
  readonly spentMs: number;
  /** Reached when all that was accepted is counted: for `wait_for`. */
  readonly frontier: string;
  /** Whether all of it was sent. */
  readonly whole: boolean;
}

const LISTED_FAULTS = 10;

/** Counts what is sent and what came of it. */
export class SentTally {
  accepted = 0;
  #rejected = 0;
  #faults: SourceFault[] = [];
  #frontier: Cut = {};
  constructor(readonly startMs: number) {}

  /** Lines that could not be sent. */
  skipped(faults: readonly SourceFault[]): void {
    this.#rejected += faults.length;
    this.#keep(faults);
  }

  /** What the ingest made of a chunk; its lines are the chunk's. */
  sent(answer: IngestAnswer, chunk: Pick<SourceChunk, "lineOf" | "openLine">): void {
    this.accepted += answer.accepted;
    this.#rejected += answer.rejected_total;
    this.#keep(answer.rejected.map(({ line, field, reason }) => {
      const isOpen = chunk.lineOf(line) === chunk.openLine;
      const why = isOpen ? `${reason}; the file ends within this line` : reason;
      return { line: chunk.lineOf(line), field, reason: why };
    }));
    this.#frontier = furthest(this.#frontier, decodeFrontier(answer.frontier));
  }

  /** All of it, at `nowMs`. */
  summary(nowMs: number, whole: boolean): SentSummary {
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

/** What sending came to, in words under a heading. */
export function summaryText(heading: string, summary: SentSummary, out: Terminal): string {
  const { accepted, rejected, faults, spentMs, frontier } = summary;
  const rate = grouped(accepted * 1000 / Math.max(1, spentMs));
  const lines = [
    paint(out, "bold", heading),
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
