import type { BlockSegment } from "../model/blocks.ts";
import { type Columns, type DecodeFault, RowStatus } from "../model/columns.ts";
import { createHash } from "node:crypto";
import type { Flush, ResumePoint } from "./plugin_partition.ts";
import { concat } from "../std/bytes.ts";
import { RowBinaryWriter } from "../std/row_binary.ts";

/** What the ledger's generation covers. */
export interface LedgerFacts {
  readonly topic: string;
  readonly schemaVersion: number;
  readonly decoderVersion: number;
  /** The archive's decoding, where it is not the topic's first: see `Decoding.id`. */
  readonly decoding?: string;
  readonly blockSize: number;
  readonly horizon: number;
  /** An event is late when it happened more than this before the watermark, in milliseconds. */
  readonly lateAfterMs: number;
  /**
   * An event lies in the future when it happened more than this after the log took it, in
   * milliseconds: the watermark ignores it.
   */
  readonly futureAfterMs: number;
}

/**
 * Raised where rows that were written before cannot be read on; later decodings have another one since
 * dead letters name theirs.
 */
const LEDGER_FORMAT = { first: 2, later: 3 };

/** The ledger's table of one log. */
export function ledgerTable(facts: LedgerFacts, logId: string): string {
  const format = LEDGER_FORMAT[facts.decoding === undefined ? "first" : "later"];
  const hash = createHash("sha256").update(JSON.stringify({ format, ...facts }))
    .digest("hex").slice(0, 8);
  return `${ledgerPrefix(facts.topic)}${hash}_${logId.replaceAll("-", "_")}`;
}

/** How the names of a topic's ledgers begin; those of another topic may begin so, too. */
export const ledgerPrefix = (topic: string) => `state_ledger_${topic.replace(/[.-]/g, "_")}_`;

/** Columns of the ledger in the order of its RowBinary rows. */
export const ledgerColumns =
  "partition, block, events, repeats, late_events, dead_letters, future_events, first_event_ms, last_event_ms, first_future_ms, last_future_ms, last_append_ms, watermark_ms, version, first_block";

/** The column of a ledger that those of earlier builds lack. */
export const firstBlockColumn = "first_block UInt64 DEFAULT block";

/**
 * Creates the ledger: one row per partition and block, the highest version counts. Every row has the
 * block with which the partition's ledger begins; rows of earlier builds have their own.
 */
export function createLedgerTable(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  partition UInt32, block UInt64, events UInt64, repeats UInt64, late_events UInt64,
  dead_letters UInt64, future_events UInt64, first_event_ms Int64, last_event_ms Int64,
  first_future_ms Int64, last_future_ms Int64, last_append_ms Int64, watermark_ms Int64,
  version UInt64, ${firstBlockColumn}
) ENGINE = ReplacingMergeTree(version)
ORDER BY (partition, block)`;
}

/** No event time yet: before every event. */
const NONE = -1;

interface LedgerBlock {
  readonly start: bigint;
  end: bigint | null;
  events: number;
  repeats: number;
  lateEvents: number;
  deadLetters: number;
  futureEvents: number;
  /** Of the events that do not lie in the future. */
  firstEventMs: number;
  lastEventMs: number;
  /** Of those that do. */
  firstFutureMs: number;
  lastFutureMs: number;
  lastAppendMs: number;
  /** The partition's, as of the block's end. */
  watermarkMs: number;
}

/** What a partition's ledger knows in memory, for the status. */
export interface LedgerTotals {
  /** Greatest event time that does not lie in the future, moved on by ticks; -1 for none. */
  readonly watermarkMs: number;
  /** Greatest event time of all, in milliseconds since 1970 UTC; -1 for none. */
  readonly lastEventMs: number;
  readonly futureEvents: number;
  readonly events: number;
  readonly lateEvents: number;
  readonly repeats: number;
  readonly deadLetters: number;
}

/** What the blocks before the resume point add up to. */
export interface LedgerHistory extends LedgerTotals {
  readonly resume: ResumePoint;
  /** The block with which the ledger begins. */
  readonly first: bigint;
  /** Whether the table has a row of the partition. */
  readonly isRecorded: boolean;
  /** What was last written of everything, the open block included: right up to the frontier. */
  readonly written: LedgerTotals;
}

/**
 * Counts what goes through a partition, per block: events, repeats, late events, dead letters, and
 * from when to when. Written as plugins' rows are: the value of a version is always the same.
 *
 * An event is late when it happened more than `lateAfterMs` before the watermark, the greatest event
 * time at a lower offset. It lies in the future when it happened more than `futureAfterMs` after the
 * log took it; then the watermark ignores it, because one wrong clock would make all others late.
 * Both count like all others. A tick says that time passed without events: it moves the watermark on
 * by the time between the append of its block's last record before it and its own. So the log alone
 * decides, also where it holds events of years ago.
 */
export class LedgerPartition {
  #blocks: LedgerBlock[];
  #position: bigint;
  #acknowledged: bigint;
  #inFlight = false;
  #watermarkMs: number;
  #history: LedgerHistory;
  /** Dead letters not yet acknowledged, as RowBinary; they are written before the ledger's row. */
  #deadLetters: { offset: bigint; row: Uint8Array }[] = [];

  constructor(
    readonly partition: number,
    readonly log: { readonly id: string; readonly topic: string },
    readonly facts: Pick<LedgerFacts, "decoding" | "lateAfterMs" | "futureAfterMs">,
    history: LedgerHistory,
  ) {
    this.#history = history;
    this.#blocks = [emptyBlock(history.resume.block, history.watermarkMs)];
    this.#position = history.resume.block;
    this.#acknowledged = history.resume.frontier;
    this.#watermarkMs = history.watermarkMs;
  }

  get resume(): ResumePoint {
    return this.#history.resume;
  }

  get acknowledged(): bigint {
    return this.#acknowledged;
  }

  /** The start of the oldest block that is not wholly acknowledged: a restart reads from there. */
  get openBlock(): bigint {
    return this.#blocks[0].start;
  }

  get unflushed(): boolean {
    return !this.#inFlight && this.#position > this.#acknowledged;
  }

  /** Bytes of dead letters that wait to be written. */
  get pendingBytes(): number {
    return this.#deadLetters.reduce((sum, letter) => sum + letter.row.length, 0);
  }

  /** All that the partition has seen, since the log's beginning. */
  totals(): LedgerTotals {
    // Until the open block is read again, its events are known from the table only.
    if (this.#position < this.resume.frontier) return this.#history.written;
    const of = (key: "events" | "lateEvents" | "repeats" | "deadLetters" | "futureEvents") =>
      this.#history[key] + this.#blocks.reduce((sum, block) => sum + block[key], 0);
    return {
      watermarkMs: this.#watermarkMs,
      lastEventMs: Math.max(
        this.#history.lastEventMs,
        ...this.#blocks.map(lastOf),
      ),
      futureEvents: of("futureEvents"),
      events: of("events"),
      lateEvents: of("lateEvents"),
      repeats: of("repeats"),
      deadLetters: of("deadLetters"),
    };
  }

  /** Counts the rows of one block segment; `faults` are the chunk's dead letters. */
  apply(columns: Columns, segment: BlockSegment, faults: readonly DecodeFault[]): void {
    if (segment.block < this.resume.block) return;
    const block = this.#blocks[this.#blocks.length - 1];
    for (let row = segment.firstRow; row < segment.endRow; row++) this.#count(block, columns, row);
    for (const fault of faults) {
      if (fault.row >= segment.firstRow && fault.row < segment.endRow) this.#keep(columns, fault);
    }
    block.watermarkMs = this.#watermarkMs;
    if (segment.end === null) return;
    this.#position = segment.end;
    block.end = segment.end;
    this.#blocks.push(emptyBlock(segment.end, this.#watermarkMs));
  }

  /** Says that the log was read up to `to`. */
  advance(to: bigint): void {
    if (to > this.#position) this.#position = to;
  }

  #count(block: LedgerBlock, columns: Columns, row: number): void {
    const appendMs = columns.appendMs[row];
    const passedMs = Math.max(0, appendMs - block.lastAppendMs);
    const isFirst = block.lastAppendMs === NONE;
    if (appendMs > block.lastAppendMs) block.lastAppendMs = appendMs;
    const status = columns.status[row];
    if (status === RowStatus.tick && this.#watermarkMs !== NONE && !isFirst) {
      this.#watermarkMs += passedMs;
    }
    if (status === RowStatus.deadLetter) block.deadLetters++;
    if (status !== RowStatus.event) return;
    if (columns.repeat[row] === 1) {
      block.repeats++;
      return;
    }
    const eventMs = columns.eventMs[row];
    block.events++;
    if (eventMs < this.#watermarkMs - this.facts.lateAfterMs) block.lateEvents++;
    if (eventMs > appendMs + this.facts.futureAfterMs) {
      block.futureEvents++;
      block.firstFutureMs = least(block.firstFutureMs, eventMs);
      block.lastFutureMs = Math.max(block.lastFutureMs, eventMs);
      return;
    }
    this.#watermarkMs = Math.max(this.#watermarkMs, eventMs);
    block.firstEventMs = least(block.firstEventMs, eventMs);
    block.lastEventMs = Math.max(block.lastEventMs, eventMs);
  }

  #keep(columns: Columns, fault: DecodeFault): void {
    const { row } = fault;
    const offset = columns.from + BigInt(columns.offsetDelta[row]);
    const writer = new RowBinaryWriter(256);
    writer.text(this.log.topic);
    writer.text(this.log.id);
    writer.u32(this.partition);
    writer.u64(offset);
    writer.i64(Math.floor(columns.appendMs[row]));
    writer.text(fault.field);
    writer.text(fault.reason);
    writer.binary(columns.bytes.subarray(columns.valueStart[row], columns.valueEnd[row]));
    writer.text(this.facts.decoding ?? "");
    this.#deadLetters.push({ offset, row: writer.finish().slice() });
  }

  /** The ledger's insert, and the dead letters that have to be written before it (may be empty). */
  prepareFlush(): (Flush & { readonly deadLetters: Uint8Array }) | null {
    if (!this.unflushed) return null;
    const frontier = this.#position;
    const writer = new RowBinaryWriter(256);
    const { partition } = this;
    const { first } = this.#history;
    for (const block of this.#blocks) {
      encodeBlock(writer, block, { partition, first, version: block.end ?? frontier });
    }
    const letters = this.#deadLetters;
    this.#inFlight = true;
    return {
      rows: writer.finish(),
      rowCount: this.#blocks.length,
      frontier,
      deadLetters: concat(letters.map((letter) => letter.row)),
      acknowledge: () => {
        this.#inFlight = false;
        this.#acknowledged = frontier;
        this.#deadLetters = this.#deadLetters.filter(({ offset }) => offset >= frontier);
        const done = this.#blocks.filter(({ end }) => end !== null && end <= frontier);
        this.#blocks = this.#blocks.filter((block) => !done.includes(block));
        this.#history = done.reduce(plus, this.#history);
      },
      fail: () => {
        this.#inFlight = false;
      },
    };
  }
}

/** The greatest event time of all. */
const lastOf = ({ lastEventMs, lastFutureMs }: LedgerBlock) => Math.max(lastEventMs, lastFutureMs);

const least = (known: number, ms: number) => known === NONE ? ms : Math.min(known, ms);

function plus(history: LedgerHistory, block: LedgerBlock): LedgerHistory {
  return {
    ...history,
    events: history.events + block.events,
    lateEvents: history.lateEvents + block.lateEvents,
    repeats: history.repeats + block.repeats,
    deadLetters: history.deadLetters + block.deadLetters,
    futureEvents: history.futureEvents + block.futureEvents,
    lastEventMs: Math.max(history.lastEventMs, lastOf(block)),
  };
}

/** A block's row but for its counts. */
interface LedgerRow {
  readonly partition: number;
  /** The block with which the partition's ledger begins. */
  readonly first: bigint;
  readonly version: bigint;
}

function encodeBlock(writer: RowBinaryWriter, block: LedgerBlock, row: LedgerRow): void {
  writer.u32(row.partition);
  writer.u64(block.start);
  const { events, repeats, lateEvents, deadLetters, futureEvents } = block;
  for (const n of [events, repeats, lateEvents, deadLetters, futureEvents]) writer.i64(n);
  const { firstEventMs, lastEventMs, firstFutureMs, lastFutureMs } = block;
  const times = [firstEventMs, lastEventMs, firstFutureMs, lastFutureMs];
  for (const ms of [...times, block.lastAppendMs, block.watermarkMs]) writer.i64(Math.floor(ms));
  writer.u64(row.version);
  writer.u64(row.first);
}

/**
 * Writes the row with which a partition's ledger begins, before anything is counted: an insert that
 * arrives late, or a start on a log that was trimmed meanwhile, finds where the ledger began.
 */
export function encodeLedgerStart(writer: RowBinaryWriter, partition: number, start: bigint): void {
  encodeBlock(writer, emptyBlock(start, NONE), { partition, first: start, version: start });
}

function emptyBlock(start: bigint, watermarkMs: number): LedgerBlock {
  return {
    start,
    end: null,
    events: 0,
    repeats: 0,
    lateEvents: 0,
    deadLetters: 0,
    futureEvents: 0,
    firstEventMs: NONE,
    lastEventMs: NONE,
    firstFutureMs: NONE,
    lastFutureMs: NONE,
    lastAppendMs: NONE,
    watermarkMs,
  };
}
