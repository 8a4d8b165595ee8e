/** Looks into the logs: the newest records, and those behind a position. */
import { allocateColumns, type Columns, RowStatus } from "../columns.ts";
import { createDecoder } from "../decode/decoder.ts";
import { UserError } from "../errors.ts";
import type { EventSchema } from "../events.ts";
import { decodeCursor, encodeCursor } from "../page_cursor.ts";
import type { EventLog } from "../ports.ts";
import type { RecordPage, RecordQuery, Records, RecordView } from "../services.ts";
import { limitOf, wholeOf } from "../serving/list_query.ts";
import { createCursor } from "../speed/cursor.ts";

/** A topic that can be looked into. */
export interface RecordTopic {
  readonly schema: EventSchema;
  readonly log: EventLog;
}

const action = "Cannot list events";
/** Characters of a record that are shown. */
const SHOWN_CHARACTERS = 4096;
const MAX_LIMIT = 1000;

/** Creates the records service over the logs of some topics. */
export function createRecords(topics: readonly RecordTopic[]): Records {
  return {
    async list(query, signal) {
      const topic = topicOf(topics, query.topic);
      const limit = limitOf(action, query.limit, { most: MAX_LIMIT, otherwise: 50 });
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
  const found = name === undefined && topics.length === 1
    ? topics[0]
    : topics.find(({ schema }) => schema.topic === name);
  if (found !== undefined) return found;
  const names = topics.map(({ schema }) => schema.topic).join(", ");
  throw new UserError(
    `${action}: topic must be one of ${names}, got ${JSON.stringify((name ?? "").slice(0, 80))}`,
    { field: "topic" },
  );
}

function partitionsOf(log: EventLog, text: string | undefined): number[] {
  const count = log.partitionCount();
  if (text === undefined) return Array.from({ length: count }, (_, partition) => partition);
  return [wholeOf(action, "partition", text, count - 1)];
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
    this.#columns = allocateColumns(topic.schema, MAX_LIMIT);
    this.#decoder = createDecoder(topic.schema);
  }

  /** The newest records, below the positions of a cursor where there is one. */
  async newest(limit: number, before: string | undefined): Promise<RecordPage> {
    const ends = await this.#positions(before, "before", (bounds) => bounds.end);
    const lists = await Promise.all(
      this.partitions.map((partition, i) => this.#below(partition, ends[i], limit)),
    );
    const found = merge(lists.map((list) => list.reverse()), (a, b) => b.appendMs - a.appendMs);
    const page = found.slice(0, limit);
    const below = this.partitions.map((partition, i) =>
      page.findLast((record) => record.partition === partition)?.offset ?? ends[i]
    );
    const starts = await this.#positions(undefined, "before", (bounds) => bounds.start);
    const more = found.length > limit || below.some((offset, i) => offset > starts[i]);
    return {
      items: page.map(({ view }) => view),
      next: more && page.length > 0 ? this.#cursor(below) : null,
      newest: this.#cursor(ends),
    };
  }

  /** Records at or behind the positions of a cursor, the oldest first. */
  async behind(limit: number, after: string): Promise<RecordPage> {
    const from = await this.#positions(after, "after", (bounds) => bounds.start);
    const lists = await Promise.all(
      this.partitions.map((partition, i) => this.#above(partition, from[i], limit)),
    );
    const found = merge(lists, (a, b) => a.appendMs - b.appendMs);
    const page = found.slice(0, limit);
    const reached = this.partitions.map((partition, i) => {
      const last = page.findLast((record) => record.partition === partition);
      return last === undefined ? from[i] : last.offset + 1n;
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
    const given = cursor === undefined ? null : decodeCursor(cursor, this.question, field);
    return await Promise.all(this.partitions.map(async (partition, i) => {
      const bounds = await this.topic.log.bounds(partition);
      if (given?.[i] === undefined) return choose(bounds);
      const offset = BigInt(String(given[i]));
      if (offset < bounds.start) return bounds.start;
      return offset > bounds.end ? bounds.end : offset;
    }));
  }

  /** Up to `limit` of the last records below `end`; gaps are legal, so the range may have to widen. */
  async #below(partition: number, end: bigint, limit: number): Promise<Found[]> {
    const { start } = await this.topic.log.bounds(partition);
    for (let width = BigInt(limit);; width *= 4n) {
      const from = end - width > start ? end - width : start;
      const found = await this.#range(partition, from, end);
      if (found.length >= limit || from === start) return found.slice(-limit - 1);
    }
  }

  async #range(partition: number, from: bigint, end: bigint): Promise<Found[]> {
    const found: Found[] = [];
    while (from < end) {
      this.signal?.throwIfAborted();
      const chunk = await this.#read(partition, from);
      found.push(...chunk.records.filter(({ offset }) => offset < end));
      if (chunk.to <= from) break;
      from = chunk.to;
    }
    return found;
  }

  async #above(partition: number, from: bigint, limit: number): Promise<Found[]> {
    const found: Found[] = [];
    while (found.length <= limit) {
      this.signal?.throwIfAborted();
      const chunk = await this.#read(partition, from);
      found.push(...chunk.records);
      if (chunk.to <= from || chunk.records.length === 0) break;
      from = chunk.to;
    }
    return found.slice(0, limit + 1);
  }

  async #read(partition: number, from: bigint) {
    const chunk = await this.topic.log.read(partition, from, { maxRecords: MAX_LIMIT });
    this.#decoder.decode(chunk, this.#columns);
    const cursor = createCursor(this.#columns);
    const records = Array.from({ length: chunk.count }, (_, row) => {
      cursor.row = row;
      return this.#found(partition, row, cursor.event);
    });
    return { to: chunk.to, records };
  }

  #found(partition: number, row: number, event: Readonly<Record<string, unknown>>): Found {
    const columns = this.#columns;
    const offset = columns.from + BigInt(columns.offsetDelta[row]);
    const bytes = columns.bytes.slice(columns.valueStart[row], columns.valueEnd[row]);
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
      text: new TextDecoder().decode(bytes.subarray(0, 4 * SHOWN_CHARACTERS))
        .slice(0, SHOWN_CHARACTERS),
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
