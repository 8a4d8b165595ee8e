import type { Cells } from "./cells.ts";

/** A block of one plugin and partition that is whole, and acknowledged. */
export interface ClosedBlock {
  readonly start: bigint;
  readonly cells: Cells;
}

/** Who kept a block. */
export interface BlockKeeper {
  /** Forgets the oldest block that it kept. */
  forgetOldest(): void;
}

/**
 * Closed blocks that stay in memory for readers, of all plugins and partitions of a topic together
 * as many as the limit has room for: the oldest go first.
 */
export class RecentBlocks {
  readonly #limitBytes: number;
  /** The oldest first. */
  readonly #kept = new Map<ClosedBlock, { readonly keeper: BlockKeeper; readonly bytes: number }>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a block, which must not change any more, as the newest of its keeper's. */
  keep(block: ClosedBlock, keeper: BlockKeeper): void {
    const bytes = block.cells.seal();
    this.#kept.set(block, { keeper, bytes });
    this.#bytes += bytes;
    for (const [, { keeper }] of this.#kept) {
      if (this.#bytes <= this.#limitBytes) return;
      keeper.forgetOldest();
    }
  }

  /** Tells that its keeper has forgotten a block. */
  forgotten(block: ClosedBlock): void {
    this.#bytes -= this.#kept.get(block)!.bytes;
    this.#kept.delete(block);
  }
}
