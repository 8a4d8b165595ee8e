import type { Clock } from "../std/clock.ts";
import { asError } from "../std/errors.ts";
import type { EventLog } from "../ports/ports.ts";

/** A block that is open at the end of its partition. */
export interface OpenBlockInfo {
  readonly partition: number;
  /** The block's start. */
  readonly block: bigint;
  /** Records in it, without ticks. */
  readonly events: number;
  /** Append time of the first of them, milliseconds since 1970 UTC; null without one. */
  readonly firstAppendMs: number | null;
}

/** Options of {@link Pacemaker}. */
export interface PacemakerOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  /** The blocks that are open; `Archiver.openBlocks` tells them. */
  readonly openBlocks: () => Iterable<OpenBlockInfo>;
  /** How long a block with events may stay open, in milliseconds. Default 60,000. */
  readonly blockSpanMs?: number;
}

/**
 * Ends blocks in quiet partitions by appending ticks. How old a block is follows from the append
 * time of its first record, so a restart does not make it young again. The clock decides only when
 * a tick is written; where blocks end, only the log does.
 */
export class Pacemaker {
  readonly #options: PacemakerOptions;
  readonly #blockSpanMs: number;
  /** By partition, the last tick of this process. */
  readonly #ticks = new Map<number, { block: bigint; atMs: number }>();
  #error: Error | null = null;

  /** @throws {RangeError} when `blockSpanMs` is not above 0. */
  constructor(options: PacemakerOptions) {
    this.#options = options;
    this.#blockSpanMs = options.blockSpanMs ?? 60_000;
    if (!(this.#blockSpanMs > 0)) {
      throw new RangeError(
        `Cannot make a pacemaker: blockSpanMs must be above 0, got ${this.#blockSpanMs}`,
      );
    }
  }

  /** Why the last tick could not be appended; null once one could. */
  get error(): Error | null {
    return this.#error;
  }

  /**
   * Appends the ticks that are due: at most one per open block, and at most one per partition and
   * block span, whatever append times the log tells. Not to be called concurrently.
   *
   * @returns how many ticks it appended.
   */
  async beat(): Promise<number> {
    const { log, clock, openBlocks } = this.#options;
    let ticks = 0;
    for (const { partition, block, events, firstAppendMs } of [...openBlocks()]) {
      const now = clock.now();
      const last = this.#ticks.get(partition);
      if (events === 0 || firstAppendMs === null) continue;
      if (now - firstAppendMs < this.#blockSpanMs) continue;
      if (last && (last.block === block || now - last.atMs < this.#blockSpanMs)) continue;
      try {
        await log.appendTick(partition);
        this.#ticks.set(partition, { block, atMs: now });
        this.#error = null;
        ticks++;
      } catch (error) {
        // The block is still open at the next beat, which tries again.
        this.#error = asError(error);
      }
    }
    return ticks;
  }

  /** Beats until `signal` aborts, eight times per block span but at least once in five seconds. */
  async run(signal: AbortSignal): Promise<void> {
    const pauseMs = Math.min(this.#blockSpanMs / 8, 5000);
    while (!signal.aborted) {
      await this.beat();
      await this.#options.clock.sleep(pauseMs, signal);
    }
  }
}
