/** Looks for damage in a topic's ledger, and in the dead letters that the ledger counts. */
import type { Warehouse } from "../ports/ports.ts";
import { DamagedError } from "../std/errors.ts";
import { type BrokenBlock, brokenBlockSql, foundTwice, gapBehind } from "./block_chain.ts";

/** A topic's ledger on a log. */
export interface CheckedLedger {
  readonly topic: string;
  readonly logId: string;
  readonly table: string;
  /** What its dead letters name; empty for the topic's first decoding. */
  readonly decoding: string;
  /** By partition, up to where this process knows that the ledger is written. */
  readonly written: readonly bigint[];
}

/** A block with fewer dead letters than were counted. */
interface LostLetters {
  readonly partition: number;
  readonly block: number | string;
  readonly counted: number | string;
  readonly found: number | string;
}

/**
 * Compares a ledger with itself: in each partition it begins at its first block, has a row for each
 * block up to the start of the next, and ends where this process knows that it does.
 *
 * @returns at most one fault.
 */
export async function checkLedger(
  warehouse: Warehouse,
  { table, written }: Pick<CheckedLedger, "table" | "written">,
): Promise<DamagedError[]> {
  const fault = (damage: string) => [new DamagedError(`table ${table}`, damage)];
  const ends = await warehouse.query<Record<"partition" | "end" | "first" | "begins", number>>(
    `SELECT partition, max(version) AS end, min(block) AS first, min(first_block) AS begins
FROM ${table} GROUP BY partition ORDER BY partition`,
  );
  for (const [partition, reached] of written.entries()) {
    const { end, first, begins } = ends.find((of) => of.partition === partition) ??
      { end: 0, first: 0, begins: 0 };
    const missing = `rows of partition ${partition} are missing`;
    if (BigInt(end) < reached) {
      return fault(`the newest ${missing}: they reached offset ${reached} and end at ${end}`);
    }
    if (BigInt(begins) < BigInt(first)) {
      return fault(`the oldest ${missing}: they began at offset ${begins} and begin at ${first}`);
    }
  }
  const blocks = `SELECT partition, block, version AS reached, 1 AS whole FROM ${table} FINAL`;
  const [broken] = await warehouse.query<BrokenBlock>(brokenBlockSql(blocks));
  return broken === undefined ? [] : fault(gapBehind(broken)!);
}

/**
 * Compares the dead letters of a topic, log and decoding with the ledger, which counts them by block.
 *
 * @returns at most one fault.
 */
export async function checkDeadLetters(
  warehouse: Warehouse,
  { topic, logId, table, decoding }: Omit<CheckedLedger, "written">,
): Promise<DamagedError[]> {
  const counted = `SELECT partition, block, version, dead_letters FROM ${table} FINAL
  WHERE dead_letters > 0`;
  const sql = `SELECT partition, block, dead_letters AS counted, found
FROM (${counted}) AS counting LEFT JOIN (
  SELECT partition, block, count() AS found
  FROM (
    SELECT partition, offset FROM dead_letters FINAL
    WHERE topic = {topic:String} AND log = {log:String} AND decoding = {decoding:String}
  ) AS letters ASOF JOIN (${counted}) AS blocks
    ON letters.partition = blocks.partition AND letters.offset >= blocks.block
  WHERE offset < version GROUP BY partition, block
) AS finding USING (partition, block)
WHERE found < counted ORDER BY partition, block LIMIT 1`;
  const lost = await foundTwice(async () =>
    (await warehouse.query<LostLetters>(sql, { params: { topic, log: logId, decoding } }))[0]
  );
  if (lost === undefined) return [];
  const { partition, block, counted: all, found } = lost;
  const damage = `of ${all} dead letters of partition ${partition}, block ${block}, ` +
    `${found} are there`;
  return [new DamagedError(`table dead_letters, topic ${topic}`, damage)];
}
