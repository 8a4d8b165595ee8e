import { ExternalError, LogGapError } from "../../runtime/std/errors.ts";
import {
  type EventLog,
  type Frontier,
  type ReadOptions,
  type RecordChunk,
  RecordKind,
  type RecordsToAppend,
} from "../../runtime/ports/ports.ts";
import { partitionOf } from "../../runtime/log/partitioner.ts";
import { WaitingReaders } from "../../runtime/log/waiting_readers.ts";

/** Options of {@link MemoryLog}. */
export interface MemoryLogOptions {
  /** Default `"topic"`. */
  readonly topic?: string;
  /** Default `"memory-1"`. */
  readonly id?: string;
  /** Default 4. */
  readonly partitions?: number;
  /** The first append time. Default 0. */
  readonly nowMs?: number;
}

/** A record to place by hand. */
export interface PlacedRecord {
  /** At or after the partition's end; what lies between becomes a gap. Default the end. */
  readonly offset?: bigint;
  /** Default empty. */
  readonly value?: Uint8Array | string;
  /** Default {@link MemoryLog.nowMs}. */
  readonly appendMs?: number;
  /** Default an event. */
  readonly kind?: number;
}

interface StoredRecord {
  readonly offset: bigint;
  readonly value: Uint8Array;
  readonly appendMs: number;
  readonly kind: number;
}

interface Partition {
  start: bigint;
  end: bigint;
  records: StoredRecord[];
}

const MAX_OFFSET_DELTA = 0xffff_ffffn;

/**
 * A log in memory that does nothing by itself: the test says what time it is, where records lie,
 * where nothing lies, and when appending fails.
 */
export class MemoryLog implements EventLog {
  readonly topic: string;
  readonly id: string;
  /** The append time of what comes next, in milliseconds since 1970 UTC. */
  nowMs: number;
  /** How many of the next appends fail, retriably. */
  failingAppends = 0;
  readonly #partitions: Partition[];
  readonly #waiting = new WaitingReaders();

  constructor(options: MemoryLogOptions = {}) {
    this.topic = options.topic ?? "topic";
    this.id = options.id ?? "memory-1";
    this.nowMs = options.nowMs ?? 0;
    this.#partitions = Array.from(
      { length: options.partitions ?? 4 },
      () => ({ start: 0n, end: 0n, records: [] }),
    );
  }

  /** Places a record where the test wants it, and returns its offset. */
  place(partition: number, record: PlacedRecord = {}): bigint {
    const stored = this.#partition(partition);
    const { offset = stored.end, value = "", appendMs = this.nowMs, kind = RecordKind.event } =
      record;
    if (offset < stored.end) {
      throw new RangeError(`Cannot place a record at ${offset}: the log ends at ${stored.end}`);
    }
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value.slice();
    const lastMs = stored.records.at(-1)?.appendMs ?? 0;
    stored.records.push({ offset, value: bytes, appendMs: Math.max(appendMs, lastMs), kind });
    this.#end(partition, offset + 1n);
    return offset;
  }

  /** Moves the partition's end to `end` with no record before it, as a transaction marker does. */
  skipTo(partition: number, end: bigint): void {
    if (end < this.#partition(partition).end) {
      throw new RangeError(`Cannot skip to ${end}: it lies before the end, use truncate()`);
    }
    this.#end(partition, end);
  }

  /** Where the partition ends (exclusive). */
  endOf(partition: number): bigint {
    return this.#partition(partition).end;
  }

  /** Cuts the partition off at `end`, as a restored copy of a log is. */
  truncate(partition: number, end: bigint): void {
    const stored = this.#partition(partition);
    stored.records = stored.records.filter((record) => record.offset < end);
    stored.end = end;
    if (stored.start > end) stored.start = end;
  }

  /** Adds partitions, which start at 0. */
  growTo(partitions: number): void {
    while (this.#partitions.length < partitions) {
      this.#partitions.push({ start: 0n, end: 0n, records: [] });
    }
  }

  partitionCount(): number {
    return this.#partitions.length;
  }

  // deno-lint-ignore require-await -- errors are rejections, as in every adapter
  async bounds(partition: number): Promise<{ start: bigint; end: bigint }> {
    const { start, end } = this.#partition(partition);
    return { start, end };
  }

  // deno-lint-ignore require-await -- errors are rejections, as in every adapter
  async append(records: RecordsToAppend): Promise<Frontier> {
    this.#assertWritable();
    const frontier: Frontier = this.#partitions.map(() => 0n);
    for (let i = 0; i < records.count; i++) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = records;
      const partition = partitionOf(bytes, keyStart[i], keyEnd[i], this.#partitions.length);
      const value = bytes.subarray(valueStart[i], valueEnd[i]);
      frontier[partition] = this.place(partition, { value }) + 1n;
    }
    return frontier;
  }

  // deno-lint-ignore require-await -- errors are rejections, as in every adapter
  async appendTick(partition: number): Promise<bigint> {
    this.#partition(partition);
    this.#assertWritable();
    return this.place(partition, { kind: RecordKind.tick }) + 1n;
  }

  // deno-lint-ignore require-await -- errors are rejections, as in every adapter
  async read(partition: number, from: bigint, options: ReadOptions = {}): Promise<RecordChunk> {
    const { maxRecords = 8192, maxBytes = 4 * 1024 * 1024 } = options;
    if (!(maxRecords >= 1)) {
      throw new RangeError(`Cannot read: maxRecords must be at least 1, got ${maxRecords}`);
    }
    const stored = this.#partition(partition);
    if (from < stored.start || from > stored.end) {
      throw new LogGapError(
        `Cannot read topic "${this.topic}" partition ${partition} from offset ${from}: ` +
          `the log holds [${stored.start}, ${stored.end}); read the archive, or bring the log back`,
        { topic: this.topic, partition, offset: from },
      );
    }
    const records: StoredRecord[] = [];
    let bytes = 0, to = stored.end;
    for (let i = firstFrom(stored.records, from); i < stored.records.length; i++) {
      const record = stored.records[i];
      bytes += record.value.length;
      const full = records.length >= maxRecords || (records.length > 0 && bytes > maxBytes);
      if (full || record.offset - from > MAX_OFFSET_DELTA) {
        to = records.length > 0 ? records[records.length - 1].offset + 1n : record.offset;
        break;
      }
      records.push(record);
    }
    return toChunk(partition, from, to, records);
  }

  async changed(partition: number, from: bigint, signal: AbortSignal): Promise<void> {
    if (this.#partition(partition).end > from) return;
    await this.#waiting.wait(partition, Number(from), signal);
  }

  // deno-lint-ignore require-await -- errors are rejections, as in every adapter
  async trim(partition: number, below: bigint): Promise<void> {
    const stored = this.#partition(partition);
    const start = below < stored.end ? below : stored.end;
    if (start <= stored.start) return;
    stored.start = start;
    stored.records = stored.records.filter((record) => record.offset >= start);
  }

  close(): Promise<void> {
    this.#waiting.wakeAll();
    return Promise.resolve();
  }

  #end(partition: number, end: bigint): void {
    this.#partitions[partition].end = end;
    this.#waiting.wake(partition, Number(end));
  }

  #partition(partition: number): Partition {
    const stored = this.#partitions[partition];
    if (stored === undefined) {
      throw new RangeError(`Cannot use topic "${this.topic}": it has no partition ${partition}`);
    }
    return stored;
  }

  #assertWritable(): void {
    if (this.failingAppends === 0) return;
    this.failingAppends--;
    throw new ExternalError(`Cannot append to topic "${this.topic}": the test said so`);
  }
}

/** The index of the first record at or after `from`. */
function firstFrom(records: StoredRecord[], from: bigint): number {
  let low = 0, high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (records[middle].offset < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function toChunk(
  partition: number,
  from: bigint,
  to: bigint,
  records: StoredRecord[],
): RecordChunk {
  const count = records.length;
  const bytes = new Uint8Array(records.reduce((sum, record) => sum + record.value.length, 0));
  const valueStart = new Uint32Array(count), valueEnd = new Uint32Array(count);
  let at = 0;
  records.forEach(({ value }, i) => {
    valueStart[i] = at;
    bytes.set(value, at);
    valueEnd[i] = at += value.length;
  });
  return {
    partition,
    from,
    to,
    count,
    offsetDelta: Uint32Array.from(records, (record) => Number(record.offset - from)),
    appendMs: Float64Array.from(records, (record) => record.appendMs),
    kind: Uint8Array.from(records, (record) => record.kind),
    bytes,
    valueStart,
    valueEnd,
  };
}
