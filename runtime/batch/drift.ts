/**
 * Compares a published run with the speed layer over what both have seen, day by day. In every cell
 * (bucket and key) and for every measure
 *
 *     speed = batch ⊕ repeats
 *
 * has to hold, where ⊕ merges states and the repeats are those that the speed layer could not see.
 * One scan of each side per chunk of days; the measures say how two states differ.
 */
import { type NotCompared, type NotComparedReason, notComparedWords } from "../model/drift.ts";
import { messageOf, TwofoldError } from "../std/errors.ts";
import { type Cut, reaches } from "../model/frontier.ts";
import type { Warehouse } from "../ports/ports.ts";
import {
  BatchLevel,
  dayRowsWhere,
  grainStartSql,
  type PluginTables,
  SpeedKind,
} from "../sql/tables.ts";
import { archiveSql, belowCut, refreshArchive } from "./archive_rows.ts";
import { comparisonSql, Side } from "./comparison_sql.ts";
import { dayChunks } from "./day_chunks.ts";
import { CELLS_TYPE, type DriftDays } from "./drift_days.ts";
import { grainRowsSql, unseenEventsSql } from "./events_sql.ts";
import type { WholeWindows } from "../ports/services.ts";
import { type Repeats, scratchTables } from "./repeats.ts";
import { type RunContext, statement } from "./run_context.ts";
import type { BatchPlugin, PluginStep } from "./plugin_step.ts";

/** What drift needs to know of the speed layer. */
export interface SpeedFacts {
  /** The log that runs. */
  readonly logId: string;
  /** The windows of a plugin that can be compared; null when there are none. */
  wholeWindows(plugin: string): Promise<WholeWindows | null>;
  /** Brings the speed tables up to date. */
  fresh(): Promise<void>;
}

/** What comparing a run came to. */
export interface Comparison {
  /** The sum of the differences on the days that were compared; null when none was. */
  readonly drift: number | null;
  /** Why none was; null when one was, and when the run recomputed no day. */
  readonly notCompared: NotCompared | null;
}

/** Why something was not compared, in the usual words. */
export const because = (reason: NotComparedReason, detail = ""): NotCompared => ({
  reason,
  message: notComparedWords[reason] + (detail === "" ? "" : `: ${detail}`),
});

/**
 * Compares the days of a published run, as far as they can be, and keeps what comes of it.
 *
 * @param speed null where the process knows of no speed layer.
 */
export async function compareRun(
  context: RunContext,
  step: PluginStep,
  repeats: Repeats,
  speed: SpeedFacts | null,
  kept: DriftDays,
): Promise<Comparison> {
  const all = comparedDays(step);
  if (all.length === 0) return { drift: null, notCompared: null };
  const leave = async (
    days: readonly string[],
    state: "waiting" | "not_comparable",
    why: NotCompared,
  ) => {
    await kept.notCompared(context, days, state, why);
    return { drift: null, notCompared: why };
  };
  const { tables } = step.plugin;
  const frontier = speed && await speedFrontier(context.warehouse, tables, speed);
  if (speed === null || frontier === null) {
    return await leave(all, "not_comparable", because("no_speed_layer"));
  }
  const { logId } = speed;
  const wholeOf = (days: readonly string[]) => wholeDays(days, speed, tables.plugin.name);
  try {
    const mixed = await daysOfOtherLogs(context, all, logId);
    await leave([...mixed], "not_comparable", because("other_logs"));
    const days = all.filter((day) => !mixed.has(day));
    const whole = await wholeOf(days);
    const reached = reaches(frontier, { [logId]: cutOf(context.cut, logId) });
    if (reached && whole.length > 0) await compareDays(context, step, whole, repeats, logId);
    // Rows may have been removed meanwhile: what is whole now was whole when it was read.
    const still = await wholeOf(whole);
    const present = new Set(still);
    const gone = days.filter((day) => !present.has(day));
    const removed = await leave(gone, "not_comparable", because("speed_rows_removed"));
    if (still.length > 0) {
      return reached
        ? await keep(context, still, kept)
        : await leave(still, "waiting", because("speed_behind"));
    }
    return gone.length > 0 ? removed : { drift: null, notCompared: because("other_logs") };
  } catch (error) {
    const passes = error instanceof TwofoldError && error.retriable;
    const why = because("comparison_failed", messageOf(error));
    return await leave(all, passes ? "waiting" : "not_comparable", why);
  }
}

/** The days that a run compares: those it recomputed, and those that waited. */
export const comparedDays = ({ days, waiting }: PluginStep): readonly string[] =>
  waiting.length === 0 ? days : [...days, ...waiting].sort();

async function keep(
  context: RunContext,
  days: readonly string[],
  kept: DriftDays,
): Promise<Comparison> {
  const { drift: table } = scratchTables(context);
  await kept.compared(context, days, table);
  const [{ drift }] = await context.warehouse.query<{ drift: number }>(
    `SELECT sum(difference) AS drift FROM ${table} WHERE day IN {days:Array(Date)}`,
    statement(context, { days }),
  );
  return { drift, notCompared: null };
}

const DAY_MS = 86_400_000;
const startMs = (day: string) => Date.parse(`${day}T00:00:00Z`);

async function wholeDays(
  days: readonly string[],
  speed: SpeedFacts,
  plugin: string,
): Promise<string[]> {
  const windows = await speed.wholeWindows(plugin);
  if (windows === null) return [];
  const { fromMs, untilMs } = windows;
  return days.filter((day) =>
    startMs(day) >= (fromMs ?? 0) && startMs(day) + DAY_MS <= (untilMs ?? Infinity)
  );
}

const cutOf = (cut: Cut, logId: string) => cut[logId] ?? [];

/**
 * How far the speed layer has written the partitions of a log.
 *
 * @returns null where a plugin has no rows of that log.
 */
async function speedFrontier(
  warehouse: Warehouse,
  tables: PluginTables,
  { logId, fresh }: SpeedFacts,
): Promise<Cut | null> {
  await fresh();
  const table = tables.speed(logId);
  const exists = await warehouse.query(
    "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
    { params: { table } },
  );
  if (exists.length === 0) return null;
  const rows = await warehouse.query<{ partition: number; frontier: number | string }>(
    `SELECT partition, max(version) AS frontier FROM ${table}
WHERE kind = ${SpeedKind.frontier} GROUP BY partition`,
  );
  const offsets: bigint[] = [];
  for (const { partition, frontier } of rows) offsets[partition] = BigInt(frontier);
  return { [logId]: Array.from(offsets, (offset) => offset ?? 0n) };
}

/** Whether the speed layer has written everything of the running log that a cut covers. */
export async function speedReaches(
  warehouse: Warehouse,
  tables: PluginTables,
  speed: SpeedFacts,
  cut: Cut,
): Promise<boolean> {
  const { logId } = speed;
  const frontier = await speedFrontier(warehouse, tables, speed);
  return frontier !== null && reaches(frontier, { [logId]: cutOf(cut, logId) });
}

/** The days on which events of other logs than the running one lie. */
async function daysOfOtherLogs(
  context: RunContext,
  days: readonly string[],
  logId: string,
): Promise<ReadonlySet<string>> {
  const otherLogs = Object.entries(context.cut).some(([log, offsets]) =>
    log !== logId && offsets.some((offset) => offset > 0n)
  );
  if (!otherLogs) return new Set();
  await refreshArchive(context, days);
  const rows = await context.warehouse.query<{ day: string }>(
    `SELECT DISTINCT toString(toDate(event_time)) AS day
FROM ${archiveSql(context, days)}
WHERE ${belowCut} AND log != {log:String}`,
    statement(context, { log: logId }),
  );
  return new Set(rows.map((row) => row.day));
}

/** Writes what is found of each day that has cells into the run's scratch table, chunk by chunk. */
async function compareDays(
  context: RunContext,
  step: PluginStep,
  days: readonly string[],
  repeats: Repeats,
  logId: string,
): Promise<void> {
  const { warehouse, settings, cut, run } = context;
  const { drift: table } = scratchTables(context);
  await warehouse.command(`CREATE TABLE IF NOT EXISTS ${table} (
  day Date, differing_cells UInt64, difference Float64, not_comparable UInt64, cells ${CELLS_TYPE}
) ENGINE = MergeTree ORDER BY day`);
  await warehouse.command(`TRUNCATE TABLE ${table}`);
  const bound = { speed_cut: cutOf(cut, logId), full_run: step.full ? run : step.baseFullRun };
  for (const chunk of dayChunks(days, repeats.rowsByDay, settings.memoryLimitBytes)) {
    await refreshArchive(context, chunk);
    const sides = sidesOf(context, step.plugin, chunk, repeats, logId);
    await warehouse.command(
      `INSERT INTO ${table} ${comparisonSql(step.plugin.tables.plugin, sides)}`,
      statement(context, { days: chunk, ...bound }),
    );
  }
}

/** The rows of each side, as cells of the batch grain. */
function sidesOf(
  context: RunContext,
  batchPlugin: BatchPlugin,
  days: readonly string[],
  repeats: Repeats,
  logId: string,
): string[] {
  const { tables } = batchPlugin;
  const { plugin } = tables;
  const columns = [...plugin.keyColumns, ...plugin.measureColumns].map(({ name }) => name);
  const rows = (side: number, bucket: string, from: string) =>
    `SELECT ${[bucket, `${side} AS _side`, ...columns].join(", ")} FROM ${from}`;
  const sides = [
    rows(Side.speed, `${grainStartSql(plugin)} AS bucket`, speedRows(tables.speed(logId))),
    rows(
      Side.batch,
      "bucket",
      `${tables.batch} WHERE ${dayRowsWhere(tables, BatchLevel.grain)} ` +
        "AND toDate(bucket) IN {days:Array(Date)}",
    ),
  ];
  if (days.some((day) => repeats.unseenByDay.get(day))) {
    const unseen = grainRowsSql(batchPlugin, unseenEventsSql(context, days, repeats));
    sides.push(rows(Side.repeats, "bucket", `(\n${unseen}\n)`));
  }
  return sides;
}

const speedRows = (table: string) =>
  `${table} FINAL WHERE kind = ${SpeedKind.row} ` +
  "AND block < {speed_cut:Array(UInt64)}[partition + 1] " +
  "AND toDate(window_start) IN {days:Array(Date)}";
