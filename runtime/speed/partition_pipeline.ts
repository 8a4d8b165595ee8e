import { BlockWalk } from "../model/blocks.ts";
import { allocateColumns, type Columns, type DecodeFault, RowStatus } from "../model/columns.ts";
import type { EventSchema } from "../events.ts";
import type { LedgerPartition } from "./ledger.ts";
import type { PluginPartition } from "./plugin_partition.ts";
import { RecordSource, type SourceParts } from "./record_source.ts";
import { RepeatIndex } from "./repeats.ts";

/** What a {@link PartitionPipeline} is made of. */
export interface PipelineParts extends SourceParts {
  readonly schema: EventSchema;
  readonly blockSize: number;
  readonly horizon: number;
  /** A block bound: where reading starts. The horizon before it is read without emitting. */
  readonly start: bigint;
  /** Makes the plugins over the pipeline's columns. */
  readonly plugins: (columns: Columns) => PluginPartition[];
  /** Set for one of the partition's pipelines only. */
  readonly ledger?: LedgerPartition;
  /** Called when a plugin's own code threw or was stopped: it has left the pipeline. */
  readonly onPluginFault: (plugin: PluginPartition, error: unknown) => void;
}

/** Records that a pipeline reads at a time. */
const CHUNK_RECORDS = 8192;

/**
 * The straight line of the speed layer for one partition: chunk of records → columns → repeats →
 * block segments → cells of every plugin. It does no I/O but reading records; flushing is its
 * caller's.
 */
export class PartitionPipeline {
  readonly partition: number;
  ledger: LedgerPartition | undefined;
  plugins: PluginPartition[];
  readonly #parts: PipelineParts;
  readonly #columns: Columns;
  readonly #repeats: RepeatIndex;
  readonly #walk: BlockWalk;
  readonly #source: RecordSource;
  #position: bigint;
  #applying = false;
  #readAppendMs = Infinity;
  /** How far the horizon before the start was read; null before the first read. */
  #primed: bigint | null = null;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.partition = parts.partition;
    this.ledger = parts.ledger;
    this.#columns = allocateColumns(parts.schema, CHUNK_RECORDS);
    this.plugins = parts.plugins(this.#columns);
    this.#repeats = new RepeatIndex(parts.horizon);
    this.#walk = new BlockWalk(parts.blockSize, parts.start);
    this.#position = parts.start;
    this.#source = new RecordSource(parts);
  }

  get position(): bigint {
    return this.#position;
  }

  /** Bytes by which it tells repeats. */
  get repeatBytes(): number {
    return this.#repeats.bytes;
  }

  /** When the log took the last record that was read; infinite before the first. */
  get readAppendMs(): number {
    return this.#readAppendMs;
  }

  /**
   * Reads and applies the next chunk.
   *
   * @param end where it stops, exclusive. Default: what the log has at hand.
   * @returns whether it moved; false at the end of the log, and where the log has nothing at hand.
   * @throws LogGapError when neither the log nor the archive holds the position.
   */
  async step(end?: bigint): Promise<boolean> {
    if (!await this.#prime()) return false;
    const faults = await this.#source.read(this.#position, this.#columns, end);
    if (this.#columns.to === this.#position) return false;
    this.#applying = true;
    try {
      await this.#apply(faults);
    } finally {
      this.#applying = false;
    }
    return true;
  }

  /**
   * Takes over all that another pipeline of the partition has, if both stand at the same offset and
   * neither is in the middle of a chunk. The other one then has nothing to do.
   *
   * @returns whether it did.
   */
  absorb(other: PartitionPipeline): boolean {
    const together = this.#position === other.#position && !this.#applying && !other.#applying;
    if (!together) return false;
    for (const plugin of other.plugins) plugin.moveTo(this.#columns);
    this.plugins.push(...other.plugins);
    this.ledger ??= other.ledger;
    other.plugins = [];
    other.ledger = undefined;
    return true;
  }

  /** Goes on without a plugin. */
  remove(plugin: PluginPartition): void {
    this.plugins = this.plugins.filter((other) => other !== plugin);
  }

  /** Whether nothing is computed in it. */
  get isEmpty(): boolean {
    return this.plugins.length === 0 && this.ledger === undefined;
  }

  /**
   * Reads the horizon before the start, so that repeats of what lies there are known. A read that
   * fails, or gives nothing, is tried again by the next step, from where it failed.
   *
   * @returns whether all of it is read.
   */
  async #prime(): Promise<boolean> {
    const { start, horizon } = this.#parts;
    if (this.#primed === null) {
      const wanted = start - BigInt(horizon);
      this.#primed = await this.#source.heldFrom(wanted > 0n ? wanted : 0n);
    }
    while (this.#primed < start) {
      await this.#source.read(this.#primed, this.#columns, start);
      if (this.#columns.to === this.#primed) return false;
      this.#repeats.mark(this.#columns);
      this.#primed = this.#columns.to;
    }
    return true;
  }

  async #apply(faults: readonly DecodeFault[]): Promise<void> {
    const columns = this.#columns;
    const { to } = columns;
    this.#repeats.mark(columns);
    const isTick = (row: number) => columns.status[row] === RowStatus.tick;
    const segments = [...this.#walk.segments(columns, isTick)];
    await Promise.all(
      this.plugins.map((plugin) =>
        plugin.pick(segments).catch((error) => this.#fail(plugin, error))
      ),
    );
    for (const segment of segments) {
      for (const plugin of this.plugins) this.#guard(plugin, () => plugin.apply(segment));
      this.ledger?.apply(columns, segment, faults);
    }
    for (const plugin of this.plugins) plugin.advance(to);
    this.ledger?.advance(to);
    this.#position = to;
    if (columns.count > 0) this.#readAppendMs = columns.appendMs[columns.count - 1];
  }

  #guard(plugin: PluginPartition, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(plugin, error);
    }
  }

  /** The others go on without it. */
  #fail(plugin: PluginPartition, error: unknown): void {
    this.remove(plugin);
    this.#parts.onPluginFault(plugin, error);
  }
}
