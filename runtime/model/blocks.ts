/**
 * Blocks: ranges of offsets of one partition whose bounds only the log decides, so that every
 * process finds the same ones. A block ends at every multiple of the block size and after a tick.
 */

/** The default block size, in offsets. */
export const DEFAULT_BLOCK_SIZE = 65_536;

/** What {@link BlockWalk} needs of a chunk of records. */
export interface OffsetRange {
  readonly from: bigint;
  readonly to: bigint;
  readonly count: number;
  readonly offsetDelta: Uint32Array;
}

/** The rows of one chunk that lie in one block: `[firstRow, endRow)`. */
export interface BlockSegment {
  /** The block's start. */
  readonly block: bigint;
  readonly firstRow: number;
  readonly endRow: number;
  /** The block's end (exclusive) if it ends within the chunk, else null. */
  readonly end: bigint | null;
}

/**
 * Walks a partition's chunks in order and cuts them at block bounds.
 *
 * @example
 * ```ts
 * import { BlockWalk } from "./blocks.ts";
 * const walk = new BlockWalk(100, 0n);
 * const chunk = { from: 0n, to: 205n, count: 2, offsetDelta: new Uint32Array([95, 204]) };
 * const blocks = [...walk.segments(chunk, () => false)].map((s) => [s.block, s.end]);
 * // Offsets have gaps: the block [100, 200) is empty and still a block.
 * if (blocks.join(";") !== "0,100;100,200;200,") throw new Error(blocks.join(";"));
 * ```
 */
export class BlockWalk {
  readonly #size: bigint;
  #open: bigint;

  /**
   * @param blockSize offsets between two bounds.
   * @param start a block bound: where the first block to come starts.
   */
  constructor(blockSize: number, start: bigint) {
    this.#size = BigInt(blockSize);
    this.#open = start;
  }

  /** The start of the block that is open. */
  get open(): bigint {
    return this.#open;
  }

  /** Cuts the next chunk, which starts where the last one ended. */
  *segments(chunk: OffsetRange, isTick: (row: number) => boolean): Generator<BlockSegment> {
    const { from, to, count, offsetDelta } = chunk;
    let row = 0;
    while (true) {
      const block = this.#open;
      const bound = (block / this.#size + 1n) * this.#size;
      const boundDelta = Number(bound - from);
      const firstRow = row;
      let tick = false;
      while (row < count && offsetDelta[row] < boundDelta && !tick) tick = isTick(row++);
      const end = tick ? from + BigInt(offsetDelta[row - 1]) + 1n : to >= bound ? bound : null;
      if (end === null && firstRow === row) return;
      yield { block, firstRow, endRow: row, end };
      if (end === null) return;
      this.#open = end;
    }
  }
}
