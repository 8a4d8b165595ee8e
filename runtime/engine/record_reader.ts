/** Reads records of a log as they are shown: newest first, oldest first, up to a time, by a field. */
import { createDecoder } from "../decode/decoder.ts";
import { allocateColumns, type Columns, RowStatus } from "../model/columns.ts";
import type { EventSchema } from "../events.ts";
import type { EventLog } from "../ports/ports.ts";
import type { RecordPage, RecordView } from "../ports/services.ts";
import { createCursor } from "../speed/cursor.ts";
import { LogGapError } from "../std/errors.ts";
import { decodeCursor, encodeCursor, wholeUpTo } from "../std/page_cursor.ts";

/** A topic that can be looked into. */
export interface RecordTopic {
  readonly schema: EventSchema;
  readonly log: EventLog;
}

/** What an event has to have to be found: a field, and its value as text. */
export interface FieldValue {
  readonly field: string;
  readonly value: string;
}

/** Bytes of a record's text that a list shows. */
const SHOWN_BYTES = 4096;
/** Records that are listed at most. */
export const MAX_LIMIT = 1000;
/** Records that are read at once. */
const MAX_READ = MAX_LIMIT + 1;

const isOffset = wholeUpTo(2n ** 63n - 1n);

/** A record with what its order needs. */
interface Found {
  readonly view: RecordView;
  readonly partition: number;
  readonly offset: bigint;
  readonly appendMs: number;
}

/** Reads some partitions of a topic. */
export class RecordReader {
  readonly #columns: Columns;
  readonly #decoder;

  constructor(
    readonly topic: RecordTopic,
    readonly partitions: readonly number[],
    readonly question: unknown,
    readonly signal: AbortSignal | undefined,
  ) {
    this.#columns = allocateColumns(topic.schema, MAX_READ);
    this.#decoder = createDecoder(topic.schema);
  }

  /** The newest records below `ends`, by partition. */
  async newest(limit: number, ends: readonly bigint[]): Promise<RecordPage> {
    const lists = await Promise.all(
      this.partitions.map((partition, i) => this.#below(partition, ends[i], limit + 1)),
    );
    const found = merge(lists.map((list) => list.reverse()), (a, b) => b.appendMs - a.appendMs);
    const page = found.slice(0, limit);
    const below = this.partitions.map((partition, i) =>
      page.findLast((record) => record.partition === partition)?.offset ?? ends[i]
    );
    return {
      items: page.map(({ view }) => view),
      next: found.length > limit ? this.#cursor(below) : null,
      newest: this.#cursor(ends),
      scanned: null,
    };
  }

  /**
   * The newest events below `ends` with a value. Always the partition of which the least is looked
   * through is next, so that everything is known back to one time.
   *
   * @param most records that are looked through.
   */
  async search(
    limit: number,
    ends: readonly bigint[],
    wanted: FieldValue,
    most: number,
  ): Promise<RecordPage> {
    const fronts = await Promise.all(this.partitions.map(async (partition, i) => {
      const { start } = await this.topic.log.bounds(partition);
      return { partition, start, end: ends[i], appendMs: Infinity };
    }));
    const found: Found[] = [];
    let looked = 0;
    while (found.length < limit && looked < most) {
      const open = fronts.filter(({ start, end }) => end > start);
      if (open.length === 0) break;
      const front = open.reduce((a, b) => b.appendMs > a.appendMs ? b : a);
      const width = BigInt(Math.min(MAX_LIMIT, most - looked));
      const from = front.end - width > front.start ? front.end - width : front.start;
      const { records, firstMs } = await this.#range(front.partition, from, front.end, wanted);
      const taken = records.toReversed().slice(0, limit - found.length);
      found.push(...taken);
      const isFull = taken.length < records.length;
      const to = isFull ? taken.at(-1)!.offset : from;
      looked += Number(front.end - to);
      front.end = to;
      front.appendMs = isFull ? taken.at(-1)!.appendMs : firstMs ?? front.appendMs;
    }
    const left = fronts.reduce((sum, { start, end }) => sum + Number(end - start), 0);
    const times = fronts.filter(({ start, end }) => end > start).map(({ appendMs }) => appendMs);
    const backTo = Math.max(...times);
    return {
      items: found.sort((a, b) => b.appendMs - a.appendMs).map(({ view }) => view),
      next: left > 0 ? this.#cursor(fronts.map(({ end }) => end)) : null,
      newest: this.#cursor(ends),
      scanned: {
        records: looked,
        left,
        back_to: Number.isFinite(backTo) ? new Date(backTo).toISOString() : null,
      },
    };
  }

  /** All records in `[from, end)` with a value, and the append time of the first of any. */
  async #range(partition: number, from: bigint, end: bigint, wanted: FieldValue) {
    const records: Found[] = [];
    let firstMs: number | null = null;
    while (from < end) {
      const chunk = await this.#read(partition, from, Number(end - from), wanted);
      records.push(...chunk.records.filter(({ offset }) => offset < end));
      firstMs ??= chunk.firstMs;
      if (chunk.to <= from) break;
      from = chunk.to;
    }
    return { records, firstMs };
  }

  /** The record at an offset, its bytes whole; null where the log holds none there. */
  async one(partition: number, offset: bigint): Promise<FoundRecord | null> {
    const { start, end } = await this.topic.log.bounds(partition);
    if (offset < start || offset >= end) return null;
    const { records: [found] } = await this.#read(partition, offset, 1);
    if (found?.offset !== offset) return null;
    const [from, to] = [this.#columns.valueStart[0], this.#columns.valueEnd[0]];
    return { view: found.view, bytes: this.#columns.bytes.slice(from, to) };
  }

  /**
   * By partition, the first offset whose record was appended after `ms`, found by halving: where a
   * clock was set back, one of the offsets at which the time is passed.
   */
  async endsAt(ms: number): Promise<bigint[]> {
    return await Promise.all(this.partitions.map(async (partition) => {
      let { start, end } = await this.topic.log.bounds(partition);
      while (start < end) {
        const middle = (start + end) / 2n;
        const { records: [found], to } = await this.#read(partition, middle, 1);
        if (found === undefined || found.offset >= end || found.appendMs > ms) end = middle;
        else start = to > found.offset ? to : found.offset + 1n;
      }
      return start;
    }));
  }

  /** The positions of a cursor as ends; those of the log without one. */
  ends(before: string | undefined): Promise<bigint[]> {
    return this.#positions(before, "before", (bounds) => bounds.end);
  }

  /** Records at or behind the positions of a cursor, the oldest first. */
  async behind(limit: number, after: string): Promise<RecordPage> {
    const from = await this.#positions(after, "after", (bounds) => bounds.start);
    const parts = await Promise.all(
      this.partitions.map((partition, i) => this.#above(partition, from[i], limit + 1)),
    );
    const found = merge(parts.map(({ records }) => records), (a, b) => a.appendMs - b.appendMs);
    const page = found.slice(0, limit);
    const reached = parts.map(({ records, to }, i) => {
      const shown = page.filter(({ partition }) => partition === this.partitions[i]);
      // What was looked through may end in a gap: from there it goes on.
      if (shown.length === records.length) return to;
      return shown.length === 0 ? from[i] : shown.at(-1)!.offset + 1n;
    });
    return {
      items: page.map(({ view }) => view),
      next: found.length > limit ? this.#cursor(reached) : null,
      newest: this.#cursor(reached),
      scanned: null,
    };
  }

  #cursor(offsets: readonly bigint[]): string {
    return encodeCursor(this.question, offsets.map(String));
  }

  /** A cursor's positions, no lower than what the log still holds; or the bound that is chosen. */
  async #positions(
    cursor: string | undefined,
    field: string,
    choose: (bounds: { start: bigint; end: bigint }) => bigint,
  ): Promise<bigint[]> {
    // Partitions may have come since; they have no place in the cursor.
    const given = cursor === undefined ? null : decodeCursor(
      cursor,
      this.question,
      field,
      (position) => position.length <= this.partitions.length && position.every(isOffset),
    );
    return await Promise.all(this.partitions.map(async (partition, i) => {
      const bounds = await this.topic.log.bounds(partition);
      if (given?.[i] === undefined) return choose(bounds);
      const offset = BigInt(String(given[i]));
      if (offset < bounds.start) return bounds.start;
      return offset > bounds.end ? bounds.end : offset;
    }));
  }

  /**
   * The last `count` records below `end`. Gaps are legal: ranges further down are looked through,
   * each wider than the one before, until there are enough.
   */
  async #below(partition: number, end: bigint, count: number): Promise<Found[]> {
    const { start } = await this.topic.log.bounds(partition);
    let found: Found[] = [];
    for (let width = BigInt(count); found.length < count && end > start; width *= 4n) {
      const from = end - width > start ? end - width : start;
      found = [...await this.#last(partition, from, end, count - found.length), ...found];
      end = from;
    }
    return found;
  }

  async #last(partition: number, from: bigint, end: bigint, count: number): Promise<Found[]> {
    let found: Found[] = [];
    while (from < end) {
      const { records, to } = await this.#read(partition, from, Number(end - from));
      found = [...found, ...records.filter(({ offset }) => offset < end)].slice(-count);
      if (to <= from) break;
      from = to;
    }
    return found;
  }

  /** The first `count` records at or above `from`, and how far the log was looked through. */
  async #above(partition: number, from: bigint, count: number) {
    const records: Found[] = [];
    while (records.length < count) {
      const chunk = await this.#read(partition, from, count - records.length);
      records.push(...chunk.records);
      if (chunk.to <= from) break;
      from = chunk.to;
    }
    return { records, to: from };
  }

  /** @param wanted leaves out records without this value. */
  async #read(partition: number, from: bigint, count: number, wanted?: FieldValue) {
    this.signal?.throwIfAborted();
    const { log } = this.topic;
    try {
      const chunk = await log.read(partition, from, { maxRecords: Math.min(count, MAX_READ) });
      this.#decoder.decode(chunk, this.#columns);
      const cursor = createCursor(this.#columns);
      const records: Found[] = [];
      for (cursor.row = 0; cursor.row < chunk.count; cursor.row++) {
        const { row, event } = cursor;
        if (wanted !== undefined && !this.#has(row, event, wanted)) continue;
        records.push(this.#found(partition, row, event));
      }
      const firstMs = chunk.count > 0 ? this.#columns.appendMs[0] : null;
      return { to: chunk.to, records, firstMs };
    } catch (error) {
      if (!(error instanceof LogGapError)) throw error;
      const { start } = await log.bounds(partition);
      if (start <= from) throw error;
      // The log let go of its oldest records in between.
      return { to: start, records: [], firstMs: null };
    }
  }

  #has(
    row: number,
    event: Readonly<Record<string, unknown>>,
    { field, value }: FieldValue,
  ): boolean {
    if (this.#columns.status[row] !== RowStatus.event) return false;
    const isTime = field === this.topic.schema.eventTime;
    return String(isTime ? instantOf(this.#columns, row) : event[field]) === value;
  }

  #found(partition: number, row: number, event: Readonly<Record<string, unknown>>): Found {
    const columns = this.#columns;
    const offset = columns.from + BigInt(columns.offsetDelta[row]);
    const [start, end] = [columns.valueStart[row], columns.valueEnd[row]];
    const bytes = columns.bytes.slice(start, Math.min(end, start + SHOWN_BYTES));
    const appendMs = columns.appendMs[row];
    const status = columns.status[row];
    const isEvent = status === RowStatus.event;
    const view: RecordView = {
      topic: this.topic.schema.topic,
      partition,
      offset: String(offset),
      append_time: new Date(appendMs).toISOString(),
      kind: isEvent ? "event" : status === RowStatus.tick ? "tick" : "dead-letter",
      event: isEvent ? { ...event, [this.topic.schema.eventTime]: instantOf(columns, row) } : null,
      // A character that is cut through is left out.
      text: new TextDecoder().decode(bytes, { stream: bytes.length < end - start }),
    };
    return { view, partition, offset, appendMs };
  }
}

/** A record with its bytes. */
export interface FoundRecord {
  readonly view: RecordView;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** One list of several, each in the order of its partition, which it keeps whatever the clocks say. */
function merge(lists: readonly Found[][], compare: (a: Found, b: Found) => number): Found[] {
  const heads = lists.map(() => 0);
  const merged: Found[] = [];
  for (;;) {
    let next = -1;
    lists.forEach((list, i) => {
      if (heads[i] === list.length) return;
      if (next < 0 || compare(list[heads[i]], lists[next][heads[next]]) < 0) next = i;
    });
    if (next < 0) return merged;
    merged.push(lists[next][heads[next]++]);
  }
}

/** The event time as ISO 8601 text, as fine as it is. */
function instantOf({ eventMs, eventNs }: Columns, row: number): string {
  const text = new Date(eventMs[row]).toISOString();
  const nanos = eventNs[row];
  if (nanos === 0) return text.replace(".000Z", "Z");
  return text.replace("Z", `${String(nanos).padStart(6, "0")}Z`).replace(/0+Z$/, "Z");
}
