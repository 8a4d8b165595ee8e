import { BlockWalk } from "../blocks.ts";
import { allocateColumns, type Columns, RowStatus } from "../columns.ts";
import type { EventSchema } from "../events.ts";
import type { Decoder, EventLog, RecordChunk } from "../ports.ts";
import type { LedgerPartition } from "./ledger.ts";
import type { PluginPartition } from "./plugin_partition.ts";
import { RepeatIndex } from "./repeats.ts";

/** What a {@link PartitionPipeline} is made of. */
export interface PipelineParts {
  readonly log: EventLog;
  readonly schema: EventSchema;
  readonly partition: number;
  readonly decoder: Decoder;
  readonly blockSize: number;
  readonly horizon: number;
  /** A block bound: where reading starts. The horizon before it is read without emitting. */
  readonly start: bigint;
  /** Makes the plugins over the pipeline's columns. */
  readonly plugins: (columns: Columns) => PluginPartition[];
  /** Set for one of the partition's pipelines only. */
  readonly ledger?: LedgerPartition;
  /** Called when a plugin's own code threw: it has left the pipeline, the others go on. */
  readonly onPluginFault: (plugin: PluginPartition, error: unknown) => void;
}

/** Records that a pipeline reads at a time. */
const CHUNK_RECORDS = 8192;

/**
 * The straight line of the speed layer for one partition: chunk of records → columns → repeats →
 * block segments → cells of every plugin. It does no I/O but reading the log; flushing is its
 * caller's.
 */
export class PartitionPipeline {
  readonly partition: number;
  readonly ledger?: LedgerPartition;
  plugins: PluginPartition[];
  readonly #parts: PipelineParts;
  readonly #columns: Columns;
  readonly #repeats: RepeatIndex;
  readonly #walk: BlockWalk;
  #position: bigint;
  #readAppendMs = Infinity;
  #primed = false;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.partition = parts.partition;
    this.ledger = parts.ledger;
    this.#columns = allocateColumns(parts.schema, CHUNK_RECORDS);
    this.plugins = parts.plugins(this.#columns);
    this.#repeats = new RepeatIndex(parts.horizon);
    this.#walk = new BlockWalk(parts.blockSize, parts.start);
    this.#position = parts.start;
  }

  /** The fetch position. */
  get position(): bigint {
    return this.#position;
  }

  /** When the log took the last record that was read; infinite before the first. */
  get readAppendMs(): number {
    return this.#readAppendMs;
  }

  /**
   * Reads and applies the next chunk.
   *
   * @returns whether it moved; false at the end of the log.
   * @throws LogGapError when the log does not hold the position.
   */
  async step(): Promise<boolean> {
    if (!this.#primed) await this.#prime();
    const chunk = await this.#read(this.#position);
    if (chunk.to === chunk.from) return false;
    this.#apply(chunk);
    return true;
  }

  /** Reads the horizon before the start, so that repeats of what lies there are known. */
  async #prime(): Promise<void> {
    const { log, partition, start, horizon, decoder } = this.#parts;
    const bounds = await log.bounds(partition);
    const horizonStart = start - BigInt(horizon);
    let from = horizonStart > bounds.start ? horizonStart : bounds.start;
    while (from < start) {
      const chunk = await log.read(partition, from, {
        maxRecords: Math.min(CHUNK_RECORDS, Number(start - from)),
      });
      if (chunk.to === chunk.from) break;
      // A read may run past the start over a gap or to the end of a stored chunk: cut it there.
      const cut = before(chunk, start);
      decoder.decode(cut, this.#columns);
      this.#repeats.mark(this.#columns);
      from = cut.to;
    }
    this.#primed = true;
  }

  async #read(from: bigint): Promise<RecordChunk> {
    const chunk = await this.#parts.log.read(this.partition, from, { maxRecords: CHUNK_RECORDS });
    if (chunk.from !== from) {
      throw new RangeError(
        `Cannot read partition ${this.partition}: wanted ${from}, got ${chunk.from}`,
      );
    }
    return chunk;
  }

  #apply(chunk: RecordChunk): void {
    const columns = this.#columns;
    const faults = this.#parts.decoder.decode(chunk, columns);
    this.#repeats.mark(columns);
    const isTick = (row: number) => columns.status[row] === RowStatus.tick;
    for (const segment of this.#walk.segments(columns, isTick)) {
      for (const plugin of this.plugins) this.#guard(plugin, () => plugin.apply(segment));
      this.ledger?.apply(columns, segment, faults);
    }
    for (const plugin of this.plugins) plugin.advance(chunk.to);
    this.ledger?.advance(chunk.to);
    this.#position = chunk.to;
    if (columns.count > 0) this.#readAppendMs = columns.appendMs[columns.count - 1];
  }

  #guard(plugin: PluginPartition, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.plugins = this.plugins.filter((other) => other !== plugin);
      this.#parts.onPluginFault(plugin, error);
    }
  }
}

/** The part of a chunk that lies below `end`. */
function before(chunk: RecordChunk, end: bigint): RecordChunk {
  if (chunk.to <= end) return chunk;
  const endDelta = Number(end - chunk.from);
  let count = chunk.count;
  while (count > 0 && chunk.offsetDelta[count - 1] >= endDelta) count--;
  return { ...chunk, to: end, count };
}
