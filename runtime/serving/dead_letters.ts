/** The dead letters: records that could not be decoded, as the `dead_letters` table keeps them. */
import { NotFoundError } from "../std/errors.ts";
import { decodeCursor, encodeCursor, isText, placesOf, wholeUpTo } from "../std/page_cursor.ts";
import type { ReadableWarehouse } from "../ports/ports.ts";
import {
  type DeadLetter,
  deadLetterFilters,
  type DeadLetterQuery,
  type DeadLetterReason,
  type DeadLetters,
  type WholeDeadLetter,
} from "../ports/services.ts";
import { pageLimit, wholeNumber } from "../std/whole_number.ts";
import { type Conditions, conditionsOf } from "./dead_letter_filter.ts";
import { isOf, redrivesOf } from "./redrives.ts";

/** Characters of a record that a list shows. */
const PREVIEW_CHARACTERS = 200;
/** Bytes that hold so many characters whatever they are. */
const PREVIEW_BYTES = 4 * PREVIEW_CHARACTERS;

/** Dead letters that are read at once with their bytes, of which each may have 1 MiB. */
const PART_LETTERS = 100;
/** Causes that are told. */
const MOST_REASONS = 100;

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

/** What looks into dead letters, and changes nothing. */
export type DeadLetterReader = Omit<DeadLetters, "redrive">;

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
  warehouse: ReadableWarehouse,
  decodings: () => readonly { readonly topic: string; readonly decoding?: string }[],
): DeadLetterReader {
  /** The letters of a filter that are shown. */
  const meant = ({ where, params }: Conditions) => {
    const current = decodings().map((_, i) =>
      `NOT (topic = {topic_${i}:String} AND decoding != {decoding_${i}:String})`
    );
    const currentParams = decodings().flatMap(({ topic, decoding = "" }, i) => [
      [`topic_${i}`, topic],
      [`decoding_${i}`, decoding],
    ]);
    return {
      from: `FROM dead_letters FINAL WHERE ${[...current, ...where].join(" AND ") || "1"}`,
      params: { ...params, ...Object.fromEntries(currentParams) },
    };
  };
  /** Rows as letters, with what the record of redrives says of them. */
  const lettersOf = async (rows: readonly Row[], signal?: AbortSignal): Promise<DeadLetter[]> => {
    const redrives = await redrivesOf(warehouse, rows, signal);
    return rows.map((row) => {
      const sent = redrives.filter((one) => one.sent && isOf(one, row)).map(({ at }) => at);
      return { ...shown(row), redriven: sent.sort().at(-1) ?? null };
    });
  };
  return {
    async list(query, signal) {
      const limit = pageLimit(query.limit, { action, most: 1000, otherwise: 50 });
      const { from, params } = meant(pageConditions(query));
      const rows = await warehouse.query<Row>(
        `SELECT ${columns(`substring(value, 1, ${PREVIEW_BYTES})`)} ${from}
ORDER BY append_time DESC, log DESC, partition DESC, offset DESC LIMIT ${limit + 1}`,
        { params, signal },
      );
      const items = await lettersOf(rows.slice(0, limit), signal);
      const last = rows.length > limit ? rows[limit - 1] : null;
      return { items, next: last === null ? null : cursorOf(query, last) };
    },
    async reasons(filter, signal) {
      const { from, params } = meant(conditionsOf(filter, action));
      return await warehouse.query<DeadLetterReason>(
        `SELECT topic, field, splitByString(', got ', reason)[1] AS reason, count() AS letters,
  min(append_time) AS first, max(append_time) AS last
FROM (SELECT topic, field, dead_letters.reason AS reason, append_time ${from})
GROUP BY topic, field, reason ORDER BY letters DESC, topic, field, reason LIMIT ${MOST_REASONS}`,
        { params, signal },
      );
    },
    async *each(filter, signal) {
      const { where, params } = conditionsOf(filter, action);
      let after: Row | null = null;
      do {
        const behind: Conditions = after === null ? { where, params } : {
          where: [
            ...where,
            `(topic, log, partition, offset) > ({after_topic:String}, {after_log:String},
  {after_partition:UInt32}, {after_offset:UInt64})`,
          ],
          params: {
            ...params,
            after_topic: after.topic,
            after_log: after.log,
            after_partition: after.partition,
            after_offset: String(after.offset),
          },
        };
        const { from, params: bound } = meant(behind);
        const rows: Row[] = await warehouse.query<Row>(
          `SELECT ${columns("value")} ${from}
ORDER BY topic, log, partition, offset LIMIT ${PART_LETTERS}`,
          { params: bound, signal },
        );
        const letters = await lettersOf(rows, signal);
        if (rows.length > 0) yield letters.map((letter, i) => whole(letter, rows[i]));
        after = rows.length < PART_LETTERS ? null : rows[rows.length - 1];
      } while (after !== null);
    },
    async one({ topic, partition, offset }, signal) {
      const number = (field: string, text: string, most: number) =>
        wholeNumber(text, { action: "Cannot show a dead letter", field, most });
      const { from, params } = meant({
        where: [
          "topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}",
        ],
        params: {
          topic,
          partition: number("partition", partition, 2 ** 32 - 1),
          offset: number("offset", offset, Number.MAX_SAFE_INTEGER),
        },
      });
      const rows = await warehouse.query<Row>(
        `SELECT ${columns("value")} ${from} ORDER BY log DESC LIMIT 1`,
        { params, signal },
      );
      if (rows.length === 0) {
        throw new NotFoundError(
          `There is no dead letter at ${topic.slice(0, 80)}/${partition}/${offset}`,
          { field: "offset" },
        );
      }
      const [letter] = await lettersOf(rows, signal);
      const redrives = (await redrivesOf(warehouse, rows, signal))
        .sort((a, b) => a.at < b.at ? 1 : -1)
        .map(({ at, by, set, event_id, event_time, sent }) => ({
          at,
          by,
          set,
          event_id,
          event_time,
          sent,
        }));
      return { ...whole(letter, rows[0]), redrives };
    },
  };
}

const whole = (letter: DeadLetter, row: Row): WholeDeadLetter => ({
  ...letter,
  bytes: Uint8Array.fromBase64(row.bytes),
});

function shown(row: Row): Omit<DeadLetter, "redriven"> {
  const { topic, log, partition, append_time, field, reason, size_bytes } = row;
  const text = new TextDecoder().decode(Uint8Array.fromBase64(row.bytes).slice(0, PREVIEW_BYTES));
  const preview = [...text].slice(0, PREVIEW_CHARACTERS).join("");
  const offset = String(row.offset);
  return { topic, log, partition, offset, append_time, field, reason, size_bytes, preview };
}

/** What a cursor belongs to. */
function questionOf(query: DeadLetterQuery): unknown {
  return ["dead-letters", ...deadLetterFilters.map((name) => query[name] ?? null)];
}

/** Append time in milliseconds, log, partition, offset. */
const isPosition = placesOf(
  wholeUpTo(2n ** 53n),
  isText,
  wholeUpTo(2n ** 32n - 1n),
  wholeUpTo(2n ** 64n - 1n),
);

const cursorOf = (query: DeadLetterQuery, row: Row) =>
  encodeCursor(questionOf(query), [row.append_ms, row.log, row.partition, String(row.offset)]);

function pageConditions(query: DeadLetterQuery): Conditions {
  const { where, params } = conditionsOf(query, action);
  const { after } = query;
  if (after === undefined) return { where, params };
  const [ms, log, partition, offset] = decodeCursor(
    after,
    questionOf(query),
    "after",
    isPosition,
  ) as [number, string, number, string];
  return {
    where: [
      ...where,
      `(toUnixTimestamp64Milli(append_time), log, partition, offset) <
  ({after_ms:Int64}, {after_log:String}, {after_partition:UInt32}, {after_offset:UInt64})`,
    ],
    params: {
      ...params,
      after_ms: ms,
      after_log: log,
      after_partition: partition,
      after_offset: offset,
    },
  };
}
