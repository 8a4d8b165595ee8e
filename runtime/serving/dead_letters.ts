/** The dead letters: records that could not be decoded, as the `dead_letters` table keeps them. */
import { NotFoundError, UserError } from "../std/errors.ts";
import { decodeCursor, encodeCursor, isText, placesOf, wholeUpTo } from "../std/page_cursor.ts";
import type { QueryParams, Warehouse } from "../ports/ports.ts";
import type { DeadLetter, DeadLetterQuery, DeadLetters } from "../ports/services.ts";
import { pageLimit, wholeNumber } from "../std/whole_number.ts";
import { readInstant } from "./instant.ts";

/** Characters of a record that a list shows. */
const PREVIEW_CHARACTERS = 200;
/** Bytes that hold so many characters whatever they are. */
const PREVIEW_BYTES = 4 * PREVIEW_CHARACTERS;

const action = "Cannot list dead letters";

interface Row {
  readonly topic: string;
  readonly log: string;
  readonly partition: number;
  readonly offset: number | string;
  readonly append_time: string;
  readonly append_ms: number;
  readonly field: string;
  readonly reason: string;
  readonly size_bytes: number;
  readonly bytes: string;
}

const columns = (bytes: string) =>
  `topic, log, partition, offset, append_time, toUnixTimestamp64Milli(append_time) AS append_ms,
  field, reason, length(value) AS size_bytes, base64Encode(${bytes}) AS bytes`;

/**
 * Looks into the dead letters of a warehouse.
 *
 * @param decodings the decoding of each topic, without an id where it is the first: only its dead
 * letters are shown. Of topics that are not listed, all are.
 */
export function createDeadLetters(
  warehouse: Warehouse,
  decodings: () => readonly { readonly topic: string; readonly decoding?: string }[],
): DeadLetters {
  const current = () =>
    decodings().map((_, i) =>
      `NOT (topic = {topic_${i}:String} AND decoding != {decoding_${i}:String})`
    );
  const currentParams = () =>
    Object.fromEntries(
      decodings().flatMap(({ topic, decoding = "" }, i) => [
        [`topic_${i}`, topic],
        [`decoding_${i}`, decoding],
      ]),
    );
  return {
    async list(query, signal) {
      const limit = pageLimit(query.limit, { action, most: 1000, otherwise: 50 });
      const { where, params } = conditions(query);
      const rows = await warehouse.query<Row>(
        `SELECT ${columns(`substring(value, 1, ${PREVIEW_BYTES})`)} FROM dead_letters FINAL
WHERE ${[...current(), ...where].join(" AND ") || "1"}
ORDER BY append_time DESC, log DESC, partition DESC, offset DESC LIMIT ${limit + 1}`,
        { params: { ...params, ...currentParams() }, signal },
      );
      const items = rows.slice(0, limit).map(shown);
      const last = rows.length > limit ? rows[limit - 1] : null;
      return { items, next: last === null ? null : cursorOf(query, last) };
    },
    async one({ topic, partition, offset }, signal) {
      const whole = (field: string, text: string, most: number) =>
        wholeNumber(text, { action: "Cannot show a dead letter", field, most });
      const rows = await warehouse.query<Row>(
        `SELECT ${columns("value")} FROM dead_letters FINAL
WHERE ${[...current(), "topic = {topic:String}"].join(" AND ")}
  AND partition = {partition:UInt32} AND offset = {offset:UInt64}
ORDER BY log DESC LIMIT 1`,
        {
          params: {
            ...currentParams(),
            topic,
            partition: whole("partition", partition, 2 ** 32 - 1),
            offset: whole("offset", offset, Number.MAX_SAFE_INTEGER),
          },
          signal,
        },
      );
      if (rows.length === 0) {
        throw new NotFoundError(
          `There is no dead letter at ${topic.slice(0, 80)}/${partition}/${offset}`,
          { field: "offset" },
        );
      }
      return { ...shown(rows[0]), bytes: Uint8Array.fromBase64(rows[0].bytes) };
    },
  };
}

function shown(row: Row): DeadLetter {
  const { topic, log, partition, append_time, field, reason, size_bytes } = row;
  const text = new TextDecoder().decode(Uint8Array.fromBase64(row.bytes).slice(0, PREVIEW_BYTES));
  const preview = [...text].slice(0, PREVIEW_CHARACTERS).join("");
  const offset = String(row.offset);
  return { topic, log, partition, offset, append_time, field, reason, size_bytes, preview };
}

/** What a cursor belongs to. */
function questionOf({ topic, partition, field, reason, from, to }: DeadLetterQuery): unknown {
  return ["dead-letters", ...[topic, partition, field, reason, from, to].map((v) => v ?? null)];
}

/** Append time in milliseconds, log, partition, offset. */
const isPosition = placesOf(
  ...[wholeUpTo(2n ** 53n), isText, wholeUpTo(2n ** 32n - 1n), wholeUpTo(2n ** 64n - 1n)],
);

const cursorOf = (query: DeadLetterQuery, row: Row) =>
  encodeCursor(questionOf(query), [row.append_ms, row.log, row.partition, String(row.offset)]);

function conditions(query: DeadLetterQuery): { where: string[]; params: QueryParams } {
  const { topic, partition, field, reason, after } = query;
  const where: string[] = [];
  const params: Record<string, string | number> = {};
  const add = (condition: string, name: string, value: string | number) => {
    where.push(condition);
    params[name] = value;
  };
  if (topic !== undefined) add("topic = {topic:String}", "topic", topic);
  if (partition !== undefined) {
    const number = wholeNumber(partition, { action, field: "partition", most: 2 ** 32 - 1 });
    add("partition = {partition:UInt32}", "partition", number);
  }
  if (field !== undefined) add("field = {field:String}", "field", field);
  if (reason !== undefined) {
    add("positionCaseInsensitiveUTF8(reason, {reason:String}) > 0", "reason", reason);
  }
  for (const [name, compare] of [["from", ">="], ["to", "<"]] as const) {
    const text = query[name];
    if (text === undefined) continue;
    add(`append_time ${compare} {${name}:DateTime64(3)}`, name, instantOf(name, text));
  }
  if (after !== undefined) {
    const [ms, log, partition, offset] = decodeCursor(
      after,
      questionOf(query),
      "after",
      isPosition,
    );
    where.push(`(toUnixTimestamp64Milli(append_time), log, partition, offset) <
  ({after_ms:Int64}, {after_log:String}, {after_partition:UInt32}, {after_offset:UInt64})`);
    Object.assign(params, {
      ...{ after_ms: ms, after_log: log, after_partition: partition, after_offset: offset },
    });
  }
  return { where, params };
}

/** In milliseconds since 1970 UTC. */
function instantOf(field: string, text: string): number {
  if (readInstant(text) !== null) {
    const upper = text.toUpperCase();
    const zoned = /T.*(Z|[+-]\d{2}:\d{2})$/.test(upper) || !upper.includes("T");
    return Date.parse(zoned ? upper : `${upper}Z`);
  }
  throw new UserError(
    `${action}: ${field} must be an ISO 8601 instant such as 2013-07-20T08:00:00Z, got ${
      JSON.stringify(text.slice(0, 80))
    }`,
    { field },
  );
}
