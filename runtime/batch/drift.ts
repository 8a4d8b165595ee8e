/**
 * Drift: by how much the speed layer and a run differ over what both have seen. For every cell
 * (bucket and key) `speed − batch − unseen repeats` has to be zero; drift is the sum of the
 * magnitudes, so that faults of opposite sign do not cancel.
 */
import type { Cut } from "../frontier.ts";
import type { MeasureColumn, Plugin } from "../plugin.ts";
import { BatchLevel, SpeedKind } from "../tables.ts";
import { archiveSql, belowCut, refreshArchive } from "./archive_rows.ts";
import { grainRowsSql, unseenEventsSql } from "./events_sql.ts";
import type { Repeats } from "./repeats.ts";
import { type PluginStep, type RunContext, statement } from "./run_context.ts";

/** What drift needs to know of the speed layer. */
export interface SpeedFacts {
  /** The log that runs. */
  readonly logId: string;
  /**
   * The time from which on speed rows are whole, in milliseconds since 1970 UTC: 0 when all are,
   * null when there are none to compare with.
   */
  wholeFromMs(): Promise<number | null>;
}

/**
 * The drift of a published run over those of its days that can be compared.
 *
 * @returns null when none can: no additive measure, no speed table, a speed frontier below the cut,
 * events of other logs on every day, or speed rows that are no longer kept.
 */
export async function driftOf(
  context: RunContext,
  step: PluginStep,
  repeats: Repeats,
  speed: SpeedFacts,
): Promise<number | null> {
  const additive = step.plugin.tables.plugin.measureColumns.filter((m) => m.monoid === "sum");
  if (additive.length === 0 || step.days.length === 0) return null;
  if (!(await speedReachesCut(context, step, speed.logId))) return null;
  await refreshArchive(context, step.days);
  const wholeFromMs = await speed.wholeFromMs();
  const days = await comparableDays(context, step, speed.logId, wholeFromMs);
  if (days.length === 0) return null;
  const [row] = await context.warehouse.query<{ drift: number | string }>(
    driftSql(context, { ...step, days }, repeats, speed.logId, additive),
    statement(context, { days, speed_cut: cutOf(context.cut, speed.logId) }),
  );
  // Rows may have been removed meanwhile: what is whole now was whole when it was read.
  const stillMs = await speed.wholeFromMs();
  return stillMs !== null && stillMs <= startMs(days[0]) ? Number(row.drift) : null;
}

const startMs = (day: string) => Date.parse(`${day}T00:00:00Z`);

const cutOf = (cut: Cut, logId: string) => cut[logId] ?? [];

async function speedReachesCut(
  context: RunContext,
  { plugin: { tables } }: PluginStep,
  logId: string,
): Promise<boolean> {
  const table = tables.speed(logId);
  const exists = await context.warehouse.query(
    "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
    { params: { table } },
  );
  if (exists.length === 0) return false;
  const rows = await context.warehouse.query<{ partition: number; frontier: number | string }>(
    `SELECT partition, max(version) AS frontier FROM ${table}
WHERE kind = ${SpeedKind.frontier} GROUP BY partition`,
    statement(context),
  );
  const frontier = new Map(rows.map((row) => [row.partition, BigInt(row.frontier)]));
  return cutOf(context.cut, logId).every((cut, partition) =>
    (frontier.get(partition) ?? 0n) >= cut
  );
}

/** The step's days whose speed rows are whole and whose events are all of the log that runs. */
async function comparableDays(
  context: RunContext,
  step: PluginStep,
  logId: string,
  wholeFromMs: number | null,
): Promise<string[]> {
  if (wholeFromMs === null) return [];
  const whole = step.days.filter((day) => startMs(day) >= wholeFromMs);
  const otherLogs = Object.entries(context.cut).some(([log, offsets]) =>
    log !== logId && offsets.some((offset) => offset > 0n)
  );
  if (!otherLogs || whole.length === 0) return whole;
  const rows = await context.warehouse.query<{ day: string }>(
    `SELECT DISTINCT toString(toDate(event_time)) AS day
FROM ${archiveSql(context, whole)}
WHERE ${belowCut} AND log != {log:String}`,
    statement(context, { log: logId }),
  );
  const mixed = new Set(rows.map((row) => row.day));
  return whole.filter((day) => !mixed.has(day));
}

function driftSql(
  context: RunContext,
  step: PluginStep,
  repeats: Repeats,
  logId: string,
  additive: readonly MeasureColumn[],
): string {
  const { tables } = step.plugin;
  const keys = tables.plugin.keyColumns.map((key) => key.name);
  const cells = (sign: "" | "-", bucket: string, from: string) =>
    `SELECT ${[bucket, ...keys].join(", ")}, ${
      additive.map((m, i) => `${sign}${signed(m)} AS difference_${i}`).join(", ")
    } FROM ${from}`;
  const parts = [
    cells("", `${grainStart(tables.plugin)} AS bucket`, speedRows(tables.speed(logId))),
    cells(
      "-",
      "bucket",
      `${tables.batch} WHERE level = ${BatchLevel.grain} AND run = {run:UInt64} ` +
        "AND toDate(bucket) IN {days:Array(Date)}",
    ),
  ];
  if (step.days.some((day) => repeats.unseenByDay.get(day))) {
    const unseen = grainRowsSql(step.plugin, unseenEventsSql(context, step.days, repeats));
    parts.push(cells("-", "bucket", `(\n${unseen}\n)`));
  }
  const columns = additive.map((_, i) => i);
  return `SELECT ${columns.map((i) => `sum(toFloat64(abs(net_${i})))`).join(" + ")} AS drift
FROM (
  SELECT ${columns.map((i) => `sum(difference_${i}) AS net_${i}`).join(", ")}
  FROM (
${parts.join("\nUNION ALL\n")}
  )
  GROUP BY ${["bucket", ...keys].join(", ")}
)`;
}

/** A measure wide enough for a difference of sums. */
const signed = ({ name, sqlType }: MeasureColumn) =>
  sqlType.startsWith("Decimal")
    ? `CAST(${name}, '${sqlType.replace(/^Decimal\(\d+/, "Decimal(38")}')`
    : `toInt128(${name})`;

const grainStart = (plugin: Plugin) =>
  plugin.batch.grain === "hour" ? "toStartOfHour(window_start)" : "toStartOfDay(window_start)";

const speedRows = (table: string) =>
  `${table} FINAL WHERE kind = ${SpeedKind.row} ` +
  "AND block < {speed_cut:Array(UInt64)}[partition + 1] " +
  "AND toDate(window_start) IN {days:Array(Date)}";
