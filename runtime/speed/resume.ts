import type { ArchivedRecords, EventLog, Warehouse } from "../ports/ports.ts";
import { LogGapError } from "../std/errors.ts";
import { createSpeedTable, type PluginTables, speedColumns, SpeedKind } from "../sql/tables.ts";
import { encodeFrontier } from "./encode_cells.ts";
import {
  createLedgerTable,
  encodeLedgerStart,
  ledgerColumns,
  type LedgerFacts,
  type LedgerHistory,
  ledgerTable,
} from "./ledger.ts";
import type { ResumePoint } from "./plugin_partition.ts";
import { RowBinaryWriter } from "../std/row_binary.ts";

/** Where a plugin stands on one partition, as its table tells. */
export interface PluginResume extends ResumePoint {
  /** The first block that the table has rows for. */
  readonly first: bigint;
}

/**
 * Reads where a plugin resumes, from its table alone; makes the table if there is none. A partition
 * without rows starts at {@link firstBlock}, which is recorded at once.
 *
 * @param partitions those that are wanted. Default: all.
 * @returns one point for each of them.
 * @throws LogGapError never: {@link checkAgainstLog} does, per partition.
 */
export async function resumePlugin(
  warehouse: Warehouse,
  tables: PluginTables,
  log: EventLog,
  facts: { blockSize: number; horizon: number; archived?: ArchivedRecords },
  partitions: readonly number[] = partitionsOf(log),
): Promise<PluginResume[]> {
  await warehouse.command(createSpeedTable(tables, log.id));
  const table = tables.speed(log.id);
  const rows = await warehouse.query<
    { partition: number; open_block: number; frontier: number; first_block: number }
  >(
    `SELECT partition, argMax(block, (version, block)) AS open_block, max(version) AS frontier,
       min(block) AS first_block
     FROM ${table} WHERE kind = ${SpeedKind.frontier} AND has({partitions:Array(UInt32)}, partition)
     GROUP BY partition`,
    { params: { partitions } },
  );
  const known = new Map(rows.map((row) => [row.partition, row]));
  const points: PluginResume[] = [];
  for (const partition of partitions) {
    const row = known.get(partition);
    if (row !== undefined) {
      points.push({
        block: BigInt(row.open_block),
        frontier: BigInt(row.frontier),
        first: BigInt(row.first_block),
      });
      continue;
    }
    const block = await firstBlock(log, partition, facts, facts.archived);
    const writer = new RowBinaryWriter(256);
    encodeFrontier(writer, tables.plugin, { partition, block, version: block }, null);
    await warehouse.insert(
      `${table} (${speedColumns(tables.plugin).join(", ")})`,
      writer.finish(),
    );
    points.push({ block, frontier: block, first: block });
  }
  return points;
}

/**
 * Where a new generation starts: at the log's beginning, or, where the log was trimmed, at the first
 * bound that is known without reading (a multiple of the block size) with a whole horizon before it.
 * What lies below is archived, so the next batch run covers it.
 *
 * Twofold's own retention leaves room for such a bound. If there is none (a broker's retention, or a
 * horizon that was raised since), it is the first bound in the log whose horizon the archive holds,
 * else the last bound: repeats of what was trimmed then stand until the batch sees them.
 */
async function firstBlock(
  log: EventLog,
  partition: number,
  facts: { blockSize: number; horizon: number },
  archived?: ArchivedRecords,
): Promise<bigint> {
  const { start, end } = await log.bounds(partition);
  if (start === 0n) return 0n;
  const size = BigInt(facts.blockSize);
  const horizon = BigInt(facts.horizon);
  const boundFrom = (offset: bigint) => (offset + size - 1n) / size * size;
  const last = end / size * size;
  const whole = boundFrom(start + horizon);
  if (whole <= last) return whole;
  const first = boundFrom(start) < last ? boundFrom(start) : last;
  const before = first > horizon ? first - horizon : 0n;
  const held = await archived?.heldFrom(partition, before, start) ?? start;
  return held <= before ? first : last;
}

/** All partitions of a log. */
export function partitionsOf(log: Pick<EventLog, "partitionCount">): number[] {
  return Array.from({ length: log.partitionCount() }, (_, partition) => partition);
}

/**
 * Reads where the ledger resumes and what it counted before; makes its table if there is none. A
 * partition without rows starts at {@link firstBlock}, which is recorded at once.
 *
 * @param partitions those that are taken on, whose starts are recorded. Default: all.
 * @returns one history for each partition of the log.
 */
export async function resumeLedger(
  warehouse: Warehouse,
  facts: LedgerFacts,
  log: EventLog,
  archived?: ArchivedRecords,
  partitions: readonly number[] = partitionsOf(log),
): Promise<LedgerHistory[]> {
  const table = ledgerTable(facts, log.id);
  await warehouse.command(createLedgerTable(table));
  const histories = await readLedger(warehouse, facts, log, archived);
  const fresh = partitions.filter((partition) => !histories[partition].isRecorded);
  if (fresh.length > 0) {
    const writer = new RowBinaryWriter(256);
    for (const partition of fresh) encodeLedgerStart(writer, partition, histories[partition].first);
    await warehouse.insert(`${table} (${ledgerColumns})`, writer.finish());
  }
  return histories;
}

/** {@link resumeLedger} of a table that is there. */
export async function readLedger(
  warehouse: Warehouse,
  facts: LedgerFacts,
  log: EventLog,
  archived?: ArchivedRecords,
): Promise<LedgerHistory[]> {
  const table = ledgerTable(facts, log.id);
  const rows = await warehouse.query<Record<string, number>>(
    `WITH resume AS (
       SELECT partition, argMax(block, (version, block)) AS open_block, max(version) AS frontier
       FROM ${table} GROUP BY partition)
     SELECT r.partition AS partition, any(r.open_block) AS open_block, any(r.frontier) AS frontier,
       maxIf(l.watermark_ms, l.block < r.open_block) AS watermark,
       maxIf(greatest(l.last_event_ms, l.last_future_ms), l.block < r.open_block) AS last_event,
       sumIf(l.future_events, l.block < r.open_block) AS future_events,
       countIf(l.block < r.open_block) AS closed,
       sumIf(l.events, l.block < r.open_block) AS events,
       sumIf(l.repeats, l.block < r.open_block) AS repeats,
       sumIf(l.late_events, l.block < r.open_block) AS late_events,
       sumIf(l.dead_letters, l.block < r.open_block) AS dead_letters,
       max(l.watermark_ms) AS all_watermark, max(greatest(l.last_event_ms, l.last_future_ms)) AS all_last_event,
       sum(l.future_events) AS all_future_events, sum(l.events) AS all_events,
       sum(l.repeats) AS all_repeats, sum(l.late_events) AS all_late_events,
       sum(l.dead_letters) AS all_dead_letters, min(l.first_block) AS first_block
     FROM (SELECT * FROM ${table} FINAL) AS l JOIN resume AS r ON l.partition = r.partition
     GROUP BY r.partition`,
  );
  const known = new Map(rows.map((row) => [row.partition, row]));
  const histories: LedgerHistory[] = [];
  for (let partition = 0; partition < log.partitionCount(); partition++) {
    const row = known.get(partition);
    const start = row ? 0n : await firstBlock(log, partition, facts, archived);
    histories.push({
      resume: {
        block: row ? BigInt(row.open_block) : start,
        frontier: row ? BigInt(row.frontier) : start,
      },
      first: row ? BigInt(row.first_block) : start,
      isRecorded: row !== undefined,
      watermarkMs: row && row.closed > 0 ? row.watermark : -1,
      lastEventMs: row && row.closed > 0 ? row.last_event : -1,
      futureEvents: row?.future_events ?? 0,
      events: row?.events ?? 0,
      repeats: row?.repeats ?? 0,
      lateEvents: row?.late_events ?? 0,
      deadLetters: row?.dead_letters ?? 0,
      written: {
        watermarkMs: row?.all_watermark ?? -1,
        lastEventMs: row?.all_last_event ?? -1,
        futureEvents: row?.all_future_events ?? 0,
        events: row?.all_events ?? 0,
        repeats: row?.all_repeats ?? 0,
        lateEvents: row?.all_late_events ?? 0,
        deadLetters: row?.all_dead_letters ?? 0,
      },
    });
  }
  return histories;
}

/**
 * Checks that what a partition has to read next is still there: in the log, or below its start in
 * the archive.
 *
 * @throws LogGapError when the log ends below what was read from it (truncated or restored), or when
 * retention ran past the open block and the archive does not hold what is missing.
 */
export async function checkAgainstLog(
  log: EventLog,
  partition: number,
  point: ResumePoint,
  archived?: ArchivedRecords,
): Promise<void> {
  const { start, end } = await log.bounds(partition);
  const at = { topic: log.topic, partition, offset: point.frontier };
  if (end < point.frontier) {
    throw new LogGapError(
      `Cannot resume partition ${partition} of ${log.topic}: the log ends at offset ${end}, below ` +
        `the frontier ${point.frontier}: it was truncated or restored. Raise the plugins' version to start anew`,
      at,
    );
  }
  const held = start > point.block
    ? await archived?.heldFrom(partition, point.block, start) ?? start
    : point.block;
  if (held > point.block) {
    throw new LogGapError(
      `Cannot resume partition ${partition} of ${log.topic}: the log begins at offset ${start}, ` +
        `above the open block ${point.block}: retention ran past it, and the archive does not hold ` +
        `[${point.block}, ${held}). Bring its files back, or raise the plugins' version to start anew`,
      at,
    );
  }
}
