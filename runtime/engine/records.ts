/** Looks into the logs: the newest records, those around a position, and single ones. */
import type { EventLog } from "../ports/ports.ts";
import type { RecordQuery, Records } from "../ports/services.ts";
import { chosenTopic } from "../std/chosen_topic.ts";
import { NotFoundError, UserError } from "../std/errors.ts";
import { quoted } from "../std/quoted.ts";
import { pageLimit, wholeNumber } from "../std/whole_number.ts";
import { type FieldValue, MAX_LIMIT, RecordReader, type RecordTopic } from "./record_reader.ts";

const action = "Cannot list events";
/** Records that a search looks through: by default, and at most. */
const SCANNED = { otherwise: 20_000, most: 200_000 };
const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

/** Creates the records service over the logs of some topics. */
export function createRecords(topics: readonly RecordTopic[]): Records {
  return {
    async list(query, signal) {
      const topic = topicOf(topics, query.topic);
      const limit = pageLimit(query.limit, { action, most: MAX_LIMIT, otherwise: 50 });
      checkStart(query);
      const wanted = wantedOf(topic, query);
      const partitions = partitionsOf(topic.log, query.partition);
      const reader = new RecordReader(topic, partitions, questionOf(topic, query), signal);
      if (query.after !== undefined) return await reader.behind(limit, query.after);
      const ends = await endsOf(reader, query);
      if (wanted === null) return await reader.newest(limit, ends);
      const scanned = { action, field: "scan", least: 1, most: SCANNED.most };
      const most = query.scan === undefined ? SCANNED.otherwise : wholeNumber(query.scan, scanned);
      return await reader.search(limit, ends, wanted, most);
    },
    fields: (name) => topics.find(({ schema }) => schema.topic === name)?.schema.fieldNames ?? [],
    async one({ topic: name, partition, offset }, signal) {
      const topic = topicOf(topics, name);
      const partitions = partitionsOf(topic.log, partition);
      const at = offsetOf(offset);
      const reader = new RecordReader(topic, partitions, null, signal);
      const found = await reader.one(partitions[0], at);
      if (found !== null) return { ...found.view, bytes: found.bytes };
      const { start, end } = await topic.log.bounds(partitions[0]);
      throw new NotFoundError(
        `Cannot show the record at offset ${at} of partition ${partition} of ${name}: the log holds ` +
          `none there; it holds offsets from ${start} to ${end} (exclusive)`,
        { field: "offset" },
      );
    },
  };
}

function topicOf(topics: readonly RecordTopic[], name: string | undefined): RecordTopic {
  const chosen = chosenTopic(action, topics.map(({ schema }) => schema.topic), name);
  return topics.find(({ schema }) => schema.topic === chosen)!;
}

/** A list starts at one place. */
function checkStart(query: RecordQuery): void {
  const starts = ["before", "after", "offset", "time"] as const;
  const given = starts.filter((name) => query[name] !== undefined);
  if (given.length <= 1) return;
  const field = given.includes("after") ? "after" : given[1];
  throw new UserError(`${action}: ${given.join(" and ")} exclude each other`, { field });
}

/** @throws UserError where a value lacks its field, or the field is not declared. */
function wantedOf(
  { schema }: RecordTopic,
  { field, value, after }: RecordQuery,
): FieldValue | null {
  if (field === undefined && value === undefined) return null;
  if (field === undefined || !schema.fieldNames.includes(field)) {
    const names = schema.fieldNames.join(", ");
    const got = field === undefined ? "none" : quoted(field);
    throw new UserError(`${action}: field must be one of ${names}, got ${got}`, { field: "field" });
  }
  if (value === undefined) {
    throw new UserError(`${action}: value must be that of ${field}, got none`, { field: "value" });
  }
  if (after === undefined) return { field, value };
  throw new UserError(`${action}: after and field exclude each other`, { field: "after" });
}

/** Below which offsets a list starts. */
async function endsOf(reader: RecordReader, query: RecordQuery): Promise<bigint[]> {
  const { offset, time, partition, before } = query;
  if (time !== undefined) return await reader.endsAt(momentOf(time));
  const ends = await reader.ends(before);
  if (offset === undefined) return ends;
  if (partition === undefined) {
    throw new UserError(`${action}: partition must be given with offset, got none`, {
      field: "partition",
    });
  }
  const behind = offsetOf(offset) + 1n;
  return [behind < ends[0] ? behind : ends[0]];
}

const offsetOf = (text: string) =>
  BigInt(wholeNumber(text, { action, field: "offset", most: MAX_OFFSET }));

/** @returns milliseconds since 1970 UTC; a time without a zone is in UTC. */
function momentOf(text: string): number {
  const isZoned = /(Z|[+-]\d\d:?\d\d)$/i.test(text);
  const ms = Date.parse(isZoned || !text.includes("T") ? text : `${text}Z`);
  if (!Number.isNaN(ms)) return ms;
  throw new UserError(
    `${action}: time must be an instant such as 2024-01-01T12:00:00Z, got ${quoted(text)}`,
    { field: "time" },
  );
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
