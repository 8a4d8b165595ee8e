/** Looks into the logs: the newest records, and those behind a position. */
import { allocateColumns, type Columns, RowStatus } from "../model/columns.ts";
import { createDecoder } from "../decode/decoder.ts";
import { chosenTopic } from "../std/chosen_topic.ts";
import { LogGapError, UserError } from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import { decodeCursor, encodeCursor, wholeUpTo } from "../std/page_cursor.ts";
import type { EventLog } from "../ports/ports.ts";
import type { RecordPage, RecordQuery, Records, RecordView } from "../ports/services.ts";
import { createCursor } from "../speed/cursor.ts";
import { pageLimit, wholeNumber } from "../std/whole_number.ts";

/** A topic that can be looked into. */
export interface RecordTopic {
  readonly schema: EventSchema;
  readonly log: EventLog;
}

const action = "Cannot list events";
/** Bytes of a record's text that are shown. */
const SHOWN_BYTES = 4096;
const MAX_LIMIT = 1000;
/** Records that are read at once. */
const MAX_READ = MAX_LIMIT + 1;

const isOffset = wholeUpTo(2n ** 63n - 1n);

/** Creates the records service over the logs of some topics. */
export function createRecords(topics: readonly RecordTopic[]): Records {
  return {
    async list(query, signal) {
      const topic = topicOf(topics, query.topic);
      const limit = pageLimit(query.limit, { action, most: MAX_LIMIT, otherwise: 50 });
      if (query.before !== undefined && query.after !== undefined) {
        throw new UserError(`${action}: before and after exclude each other`, { field: "after" });
      }
      const partitions = partitionsOf(topic.log, query.partition);
      const reader = new Reader(topic, partitions, questionOf(topic, query), signal);
      return query.after === undefined
        ? await reader.newest(limit, query.before)
        : await reader.behind(limit, query.after);
    },
  };
}

function topicOf(topics: readonly RecordTopic[], name: string | undefined): RecordTopic {
  const chosen = chosenTopic(action, topics.map(({ schema }) => schema.topic), name);
  return topics.find(({ schema }) => schema.topic === chosen)!;
}

function partitionsOf(log: EventLog, text: string | undefined): number[] {
  const count = log.partitionCount();
  if (text === undefined) return Array.from({ length: count }, (_, partition) => partition);
  return [wholeNumber(text, { action, field: "partition", most: count - 1 })];
}

const questionOf = (
  { log }: RecordTopic,
  { partition }: RecordQuery,
) => ["events", log.id, partition ?? null];

/** A record with what its order needs. */
interface Found {
  readonly view: RecordView;
  readonly partition: number;
  readonly offset: bigint;
  readonly appendMs: number;
}

class Reader {
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

  /** The newest records, below the positions of a cursor where there is one. */
  async newest(limit: number, before: string | undefined): Promise<RecordPage> {
    const ends = await this.#positions(before, "before", (bounds) => bounds.end);
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
    };
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

  async #read(partition: number, from: bigint, count: number) {
    this.signal?.throwIfAborted();
    const { log } = this.topic;
    try {
      const chunk = await log.read(partition, from, { maxRecords: Math.min(count, MAX_READ) });
      this.#decoder.decode(chunk, this.#columns);
      const cursor = createCursor(this.#columns);
      const records = Array.from({ length: chunk.count }, (_, row) => {
        cursor.row = row;
        return this.#found(partition, row, cursor.event);
      });
      return { to: chunk.to, records };
    } catch (error) {
      if (!(error instanceof LogGapError)) throw error;
      const { start } = await log.bounds(partition);
      if (start <= from) throw error;
      // The log let go of its oldest records in between.
      return { to: start, records: [] };
    }
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
