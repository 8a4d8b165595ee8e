import type { BlockSegment } from "../model/blocks.ts";
import type { Columns } from "../model/columns.ts";
import type { Plugin } from "../plugin.ts";
import { Cells } from "./cells.ts";
import { encodeCells, encodeFrontier } from "./encode_cells.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { type OpenPicker, type Picker, pickHere } from "./picker.ts";
import { type ClosedBlock, RecentBlocks } from "./recent_blocks.ts";
import { RowBinaryWriter } from "../std/row_binary.ts";

/** Where a plugin's tables say that a partition resumes. */
export interface ResumePoint {
  /** The start of the block that was open: a block bound. Reading starts here. */
  readonly block: bigint;
  /** The acknowledged frontier: what lies below need not be written again. */
  readonly frontier: bigint;
}

/** Rows on their way to a table: one insert. */
export interface Flush {
  /** RowBinary: changed rows and the frontier rows. */
  readonly rows: Uint8Array;
  readonly rowCount: number;
  /** The offset up to which the table is right once the insert is acknowledged (exclusive). */
  readonly frontier: bigint;
  /** Call when the insert was acknowledged. */
  acknowledge(): void;
  /** Call when it failed, or when nobody knows: the rows are written again, the same or newer. */
  fail(): void;
}

interface Block {
  readonly start: bigint;
  /** Exclusive; null while the block is open. */
  end: bigint | null;
  readonly cells: Cells;
}

/**
 * One plugin on one partition: the cells of its unflushed blocks, and which of them changed since
 * the last acknowledged flush. Every write is `(value at version)`, so it may happen twice, late, or
 * from two processes: the value of a version is always the same and the highest version wins.
 */
export class PluginPartition {
  readonly #openPicker: OpenPicker;
  #picker: Picker;
  #kernel: Kernel;
  /** Oldest first; only the last may be open. */
  readonly #blocks: Block[];
  readonly #memory: RecentBlocks;
  /** The blocks before those, as many as are kept for readers. */
  readonly #recent: ClosedBlock[] = [];
  #left = false;
  #position: bigint;
  #acknowledged: bigint;
  #inFlight = false;

  constructor(
    readonly plugin: Plugin,
    readonly partition: number,
    readonly resume: ResumePoint,
    columns: Columns,
    memory = new RecentBlocks(0),
    openPicker: OpenPicker = pickHere,
  ) {
    this.#memory = memory;
    this.#openPicker = openPicker;
    this.#picker = openPicker(plugin, columns);
    this.#kernel = createKernel(plugin, columns, this.#picker.picks);
    this.#blocks = [{ start: resume.block, end: null, cells: new Cells(plugin) }];
    this.#position = resume.block;
    this.#acknowledged = resume.frontier;
  }

  get acknowledged(): bigint {
    return this.#acknowledged;
  }

  /** The start of the oldest block that is not wholly acknowledged: a restart reads from there. */
  get openBlock(): bigint {
    return this.#blocks[0].start;
  }

  /** Changed rows that are not in flight. */
  get changedRows(): number {
    return this.#blocks.reduce((sum, block) => sum + block.cells.dirtyCount, 0);
  }

  /** Whether there is something to flush: a position beyond what is acknowledged. */
  get unflushed(): boolean {
    return !this.#inFlight && this.#position > this.#acknowledged;
  }

  /** The offset up to which the cells are right (exclusive). */
  get position(): bigint {
    return this.#position;
  }

  /**
   * The cells of the blocks from a cut on, which are right up to {@link position}; null when some of
   * those are not in memory, or not yet again after a restart.
   */
  recent(cut: bigint): readonly Cells[] | null {
    const blocks = [...this.#recent, ...this.#blocks];
    const whole = !this.#left && this.#position >= this.resume.frontier;
    if (!whole || blocks[0].start > cut) return null;
    return blocks.filter(({ start }) => start >= cut).map(({ cells }) => cells);
  }

  /** Keeps no closed block below a cut for readers. */
  forgetBelow(cut: bigint): void {
    while (this.#recent.length > 0 && this.#recent[0].start < cut) this.forgetOldest();
  }

  /** Goes on with other columns, between two chunks. */
  moveTo(columns: Columns): void {
    this.#picker.close();
    this.#picker = this.#openPicker(this.plugin, columns);
    this.#kernel = createKernel(this.plugin, columns, this.#picker.picks);
  }

  /** Takes no more events, and keeps nothing for readers: another one is in its place. */
  leave(): void {
    this.#left = true;
    this.#picker.close();
    while (this.#recent.length > 0) this.forgetOldest();
  }

  /** Forgets the oldest closed block that it kept for readers. */
  forgetOldest(): void {
    this.#memory.forgotten(this.#recent.shift()!);
  }

  /**
   * Evaluates the plugin's expressions over a chunk, before its segments are added.
   *
   * @throws what they throw; TwofoldError when they were stopped.
   */
  async pick(segments: readonly BlockSegment[]): Promise<void> {
    const own = segments.filter(({ block }) => block >= this.resume.block);
    if (own.length === 0) return;
    const [{ firstRow }, { endRow }] = [own[0], own[own.length - 1]];
    if (firstRow < endRow) await this.#picker.pick(firstRow, endRow);
  }

  /** Adds the rows of one block segment. Segments come in order. */
  apply(segment: BlockSegment): void {
    if (segment.block < this.resume.block) return;
    const block = this.#blocks[this.#blocks.length - 1];
    if (block.start !== segment.block) {
      throw new RangeError(`Cannot add block ${segment.block}: block ${block.start} is open`);
    }
    this.#kernel.apply(block.cells, segment.firstRow, segment.endRow);
    if (segment.end === null) return;
    this.#position = segment.end;
    block.end = segment.end;
    const cells = new Cells(this.plugin, block.cells);
    this.#blocks.push({ start: segment.end, end: null, cells });
  }

  /** Says that the log was read up to `to`, the fetch position: beyond the last record by a gap. */
  advance(to: bigint): void {
    if (to > this.#position) this.#position = to;
  }

  /**
   * Takes what changed since the last acknowledged flush as one insert; null when there is nothing
   * new. Only one flush is in flight at a time; events may be added meanwhile.
   */
  prepareFlush(): Flush | null {
    if (!this.unflushed) return null;
    const writer = new RowBinaryWriter();
    const frontier = this.#position;
    const taken: { cells: Cells; changed: Uint32Array }[] = [];
    let rowCount = 0;
    for (const { start, end, cells } of this.#blocks) {
      const changed = cells.takeDirty();
      const at = { partition: this.partition, block: start, version: end ?? frontier };
      encodeCells(writer, this.plugin, cells, changed, at);
      encodeFrontier(writer, this.plugin, at, cells);
      taken.push({ cells, changed });
      rowCount += changed.length + 1;
    }
    this.#inFlight = true;
    return {
      rows: writer.finish(),
      rowCount,
      frontier,
      acknowledge: () => {
        this.#inFlight = false;
        this.#acknowledged = frontier;
        const open = this.#blocks.findIndex(({ end }) => end === null || end > frontier);
        for (const block of this.#blocks.splice(0, open)) {
          if (this.#left) continue;
          this.#recent.push(block);
          this.#memory.keep(block, this);
        }
      },
      fail: () => {
        this.#inFlight = false;
        for (const { cells, changed } of taken) cells.restoreDirty(changed);
      },
    };
  }
}
