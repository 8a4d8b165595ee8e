import { setImmediate } from "node:timers";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Clock } from "../std/clock.ts";
import { closeAll } from "../std/close_all.ts";
import { LogFailedError, LogGapError, messageOf, TwofoldError } from "../std/errors.ts";
import {
  type EventLog,
  type Frontier,
  type ReadOptions,
  type RecordChunk,
  type RecordsToAppend,
} from "../ports/ports.ts";
import { ChunkWriter } from "./chunk_writer.ts";
import { isDiskFault } from "./disk_fault.ts";
import { ReadBuilder } from "./read_builder.ts";
import {
  type LogFile,
  openLogFile,
  type PartitionState,
  sqliteError,
  transact,
} from "./sqlite_file.ts";
import { damagedChunk, storedChunk } from "./stored_chunk.ts";
import { trimStep, vacuumStep } from "./sqlite_trim.ts";
import { WaitingReaders } from "./waiting_readers.ts";
import type { WalSync } from "./wal_sync.ts";

/** Options of {@link openSqliteLog}. */
export interface SqliteLogOptions {
  /** The log's file; its folder must exist. */
  readonly path: string;
  readonly topic: string;
  /** How many partitions. Default what the file has, 4 in a new one. May grow, never shrinks. */
  readonly partitions?: number;
  /** Of `[0-9a-z-]`, the first part of the log's identity. Default `"local"`. */
  readonly region?: string;
  /** Stamps append times; they never decide where a record goes. */
  readonly clock: Pick<Clock, "now">;
  /** Appends fail (retriable) rather than let the file outgrow this. Default: no limit. */
  readonly maxFileBytes?: number;
  /** Called once, when the disk failed a write and the log takes nothing more. Default: nobody. */
  readonly onFailed?: (error: LogFailedError) => void;
}

const DEFAULT_READ_RECORDS = 8192;
const DEFAULT_READ_BYTES = 4 * 1024 * 1024;

/**
 * Opens a log kept in one SQLite file, which this process then holds alone.
 *
 * @throws UserError when the file is another topic's or region's, of a newer format, in use, or has
 * more partitions than asked for; TypeError and RangeError for options that cannot be.
 * @example
 * ```ts
 * import { systemClock } from "../std/clock.ts";
 * import { AppendBuffer } from "./append_buffer.ts";
 * import { openSqliteLog } from "./sqlite_log.ts";
 * const log = openSqliteLog({ path: ":memory:", topic: "views", partitions: 1, clock: systemClock });
 * const buffer = new AppendBuffer();
 * buffer.add("user-7", new TextEncoder().encode('{"user_id":7}'));
 * const [next] = await log.append(buffer.take());
 * const chunk = await log.read(0, 0n);
 * await log.close();
 * if (next !== 1n || chunk.count !== 1) throw new Error("unexpected");
 * ```
 */
export function openSqliteLog(options: SqliteLogOptions): EventLog {
  const { path, topic, partitions, region = "local", clock, maxFileBytes, onFailed } = options;
  if (!/^[0-9a-z-]+$/.test(region)) {
    throw new TypeError(`Cannot open log ${path}: region must be of [0-9a-z-], got "${region}"`);
  }
  if (partitions !== undefined && !(Number.isInteger(partitions) && partitions >= 1)) {
    throw new RangeError(
      `Cannot open log ${path}: partitions must be a whole number from 1, got ${partitions}`,
    );
  }
  const nowMs = clock.now();
  return new SqliteLog(
    topic,
    clock,
    openLogFile({ path, topic, region, partitions, maxFileBytes, nowMs }),
    onFailed,
  );
}

/** One call of `append()` or `appendTick()` that waits for its commit. */
interface Pending {
  readonly records?: RecordsToAppend;
  readonly tickPartition?: number;
  /** For each partition that took some, the offset after the last; else 0. */
  readonly ends: number[];
  readonly resolve: (ends: number[]) => void;
  readonly reject: (error: unknown) => void;
}

class SqliteLog implements EventLog {
  readonly topic: string;
  readonly id: string;
  readonly #clock: Pick<Clock, "now">;
  readonly #database: DatabaseSync;
  readonly #wal: WalSync;
  /** Where the partitions stand for everybody: what is durable. */
  readonly #partitions: PartitionState[];
  /** Where they stand for the next commit: what is committed. */
  #committed: PartitionState[];
  readonly #writer: ChunkWriter;
  readonly #waiting = new WaitingReaders();
  readonly #select: StatementSync;
  #pending: Pending[] = [];
  #commit: Promise<void> | null = null;
  /** The last checkpoint: before its end nothing may be committed. */
  #checkpoint: Promise<void> = Promise.resolve();
  #checkpoints = false;
  #upkeep: Promise<void> = Promise.resolve();
  #closed: Promise<void> | null = null;
  /** Why nothing more is taken; null while the disk is whole. */
  #failed: LogFailedError | null = null;

  constructor(
    topic: string,
    clock: Pick<Clock, "now">,
    file: LogFile,
    onFailed: (error: LogFailedError) => void = () => {},
  ) {
    this.topic = topic;
    this.id = file.id;
    this.#clock = clock;
    this.#database = file.database;
    this.#wal = file.wal;
    this.#wal.onFailure = (cause) => onFailed(this.#failed = failedError(topic, cause));
    this.#partitions = file.partitions;
    this.#committed = file.partitions.map((partition) => ({ ...partition }));
    this.#writer = new ChunkWriter(file.database, file.partitions.length);
    this.#select = this.#database.prepare(
      `SELECT first_offset, record_count, append_ms, kind, records, checksum FROM chunk
       WHERE partition = ?1 AND first_offset >=
         (SELECT max(first_offset) FROM chunk WHERE partition = ?1 AND first_offset <= ?2)
       ORDER BY first_offset`,
    );
  }

  partitionCount(): number {
    return this.#partitions.length;
  }

  // deno-lint-ignore require-await -- errors are rejections, as in every adapter
  async bounds(partition: number): Promise<{ start: bigint; end: bigint }> {
    const { start, end } = this.#partition(partition);
    return { start: BigInt(start), end: BigInt(end) };
  }

  /** Records must not be changed until the promise has settled. */
  async append(records: RecordsToAppend): Promise<Frontier> {
    this.#assertOpen("append to");
    if (records.count === 0) return this.#partitions.map(() => 0n);
    return (await this.#enqueue({ records })).map(BigInt);
  }

  /** @returns the offset behind the tick: where the block that it ends has its bound. */
  async appendTick(partition: number): Promise<bigint> {
    this.#assertOpen("append to");
    this.#partition(partition);
    return BigInt((await this.#enqueue({ tickPartition: partition }))[partition]);
  }

  // deno-lint-ignore require-await -- errors are rejections, as in every adapter
  async read(partition: number, from: bigint, options: ReadOptions = {}): Promise<RecordChunk> {
    const { maxRecords = DEFAULT_READ_RECORDS, maxBytes = DEFAULT_READ_BYTES } = options;
    if (!(maxRecords >= 1)) {
      throw new RangeError(`Cannot read: maxRecords must be at least 1, got ${maxRecords}`);
    }
    this.#assertOpen("read");
    const { end } = this.#assertHeld(partition, from);
    const at = Number(from);
    // What is committed and not yet durable is not there yet.
    const builder = new ReadBuilder(partition, at, Math.min(maxRecords, end - at), maxBytes);
    if (at < end) this.#readInto(builder, partition, at);
    return builder.build();
  }

  async changed(partition: number, from: bigint, signal: AbortSignal): Promise<void> {
    this.#assertOpen("wait for");
    if (BigInt(this.#partition(partition).end) > from) return;
    await this.#waiting.wait(partition, Number(from), signal);
  }

  async trim(partition: number, below: bigint): Promise<void> {
    this.#assertOpen("trim");
    this.#partition(partition);
    const trimmed = this.#upkeep.then(() => this.#trim(partition, below));
    this.#upkeep = trimmed.catch(() => {}); // the caller has the error; the next trim goes on
    await trimmed;
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    await closeAll([
      () => this.#commit,
      () => this.#upkeep,
      () => this.#checkpoint,
      () => this.#waiting.wakeAll(),
      () => this.#wal.close(),
    ]);
  }

  // --- appending

  #enqueue(call: Pick<Pending, "records" | "tickPartition">): Promise<number[]> {
    return new Promise((resolve, reject) => {
      const ends = new Array<number>(this.#partitions.length).fill(0);
      this.#pending.push({ ...call, ends, resolve, reject });
      // At the end of this turn, so that all who append in it share one commit.
      this.#commit ??= new Promise((done) => setImmediate(() => done(this.#commitPending())));
    });
  }

  /** Commits what waits; the next commit may follow while this one is put on the disk. */
  async #commitPending(): Promise<void> {
    const next: PartitionState[] = [];
    let calls: readonly Pending[] = [];
    try {
      await this.#betweenCheckpoints(() => {
        calls = this.#takePending();
        this.#store(calls, next);
      });
      await this.#wal.sync();
    } catch (cause) {
      // It may be there all the same, as after an answer that got lost: the sender tries again.
      return this.#refuse([...calls, ...this.#takePending()], cause);
    }
    this.#publish(next);
    for (const call of calls) call.resolve(call.ends);
    this.#checkpointIfDue();
  }

  #takePending(): Pending[] {
    const calls = this.#pending;
    this.#pending = [];
    this.#commit = null;
    return calls;
  }

  #refuse(calls: readonly Pending[], cause: unknown): void {
    const error = this.#failed ??
      sqliteError(`append to topic "${this.topic}"`, this.topic, cause);
    for (const call of calls) call.reject(error);
  }

  #publish(next: readonly PartitionState[]): void {
    for (let p = 0; p < next.length; p++) {
      const partition = this.#partitions[p];
      if (next[p].end === partition.end) continue;
      partition.end = next[p].end;
      partition.lastAppendMs = next[p].lastAppendMs;
      this.#waiting.wake(p, partition.end);
    }
  }

  /** Commits what was called, and fills in where the partitions stand then. */
  #store(calls: readonly Pending[], next: PartitionState[]): void {
    const nowMs = Math.floor(this.#clock.now());
    next.push(...this.#committed.map(({ start, end, lastAppendMs }) => ({
      start,
      end,
      lastAppendMs: Math.max(nowMs, lastAppendMs),
    })));
    try {
      transact(this.#database, () => {
        for (const { records, tickPartition, ends } of calls) {
          if (records !== undefined) this.#writer.addRecords(records, next, ends);
          if (tickPartition !== undefined) this.#writer.addTick(tickPartition, next, ends);
        }
        this.#writer.finish(next);
      });
    } catch (cause) {
      this.#writer.discard();
      throw cause;
    }
    this.#committed = next;
  }

  // --- reading

  #readInto(builder: ReadBuilder, partition: number, from: number): void {
    let next: number | null = null;
    try {
      for (const row of this.#select.iterate(partition, from)) {
        const stored = storedChunk(this.topic, partition, row);
        const { firstOffset, values: { count } } = stored;
        const follows = next === null
          ? firstOffset <= from && from < firstOffset + count
          : firstOffset === next;
        if (!follows) break;
        next = firstOffset + count;
        if (!builder.take(stored)) break;
      }
    } catch (cause) {
      throw sqliteError(`read topic "${this.topic}"`, this.topic, cause);
    }
    // The log reaches beyond `from`: a chunk that is not there was lost.
    if (next === null) throw damagedChunk(this.topic, partition, from, "it is missing");
  }

  #assertHeld(partition: number, from: bigint): PartitionState {
    const state = this.#partition(partition);
    const position = { topic: this.topic, partition, offset: from };
    const action = `Cannot read topic "${this.topic}" partition ${partition} from offset ${from}`;
    if (from < BigInt(state.start)) {
      throw new LogGapError(
        `${action}: the log starts at ${state.start}, older records were trimmed; ` +
          "read what is below from the archive",
        position,
      );
    }
    if (from > BigInt(state.end)) {
      throw new LogGapError(
        `${action}: the log ends at ${state.end}, it was cut or restored from a copy; ` +
          "bring the file back, or go on with a new generation",
        position,
      );
    }
    return state;
  }

  // --- trimming

  async #trim(partition: number, below: bigint): Promise<void> {
    try {
      const state = this.#partitions[partition];
      const inTurn = async (step: () => boolean) => {
        await new Promise((resolve) => setImmediate(resolve));
        return await this.#betweenCheckpoints(step);
      };
      while (await inTurn(() => trimStep(this.#database, partition, state, below)));
      while (await inTurn(() => vacuumStep(this.#database)));
      this.#checkpointIfDue();
    } catch (cause) {
      if (this.#failed !== null) return; // nothing is written any more, and trimming is a hint
      throw sqliteError(`trim topic "${this.topic}"`, this.topic, cause);
    }
  }

  // --- checkpoints

  /**
   * Runs a write while no checkpoint is under way.
   *
   * @throws the failure of the disk, of this write or of an earlier one.
   */
  async #betweenCheckpoints<T>(write: () => T): Promise<T> {
    do await this.#checkpoint; while (this.#checkpoints);
    this.#wal.assertWhole();
    try {
      return write();
    } catch (cause) {
      if (isDiskFault(cause)) this.#wal.fail(cause);
      throw cause;
    }
  }

  #checkpointIfDue(): void {
    if (this.#checkpoints || this.#closed !== null || !this.#wal.due) return;
    this.#checkpoints = true;
    this.#checkpoint = this.#wal.checkpoint()
      .catch(() => {}) // every later write fails with it
      .finally(() => this.#checkpoints = false);
  }

  // --- checks

  #partition(partition: number): PartitionState {
    const state = this.#partitions[partition];
    if (state === undefined) {
      throw new RangeError(
        `Cannot use topic "${this.topic}": partition must be in [0, ${this.#partitions.length}), ` +
          `got ${partition}`,
      );
    }
    return state;
  }

  #assertOpen(action: string): void {
    if (this.#closed !== null) {
      throw new TwofoldError(`Cannot ${action} topic "${this.topic}": the log is closed`);
    }
  }
}

function failedError(topic: string, cause: unknown): LogFailedError {
  return new LogFailedError(
    `The log of topic "${topic}" takes no more events, because the disk failed a write: ` +
      `${messageOf(cause)}. Events acknowledged before can still be read. Check the disk, then ` +
      `restart Twofold`,
    { topic, cause },
  );
}
