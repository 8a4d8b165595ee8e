/** Writes a run's rows: grain rows by the plugin's SQL, day and all-time rows merged from them. */
import type { Plugin } from "../plugin.ts";
import { allTimeMeasures, BatchLevel, dayRowsWhere, mergedMeasures } from "../sql/tables.ts";
import { checkArchive, refreshArchive } from "./archive_rows.ts";
import { checkColumns, countedEventsSql, grainInsertSql } from "./events_sql.ts";
import { dayChunks } from "./day_chunks.ts";
import type { Repeats } from "./repeats.ts";
import { type RunContext, statement } from "./run_context.ts";
import type { PluginStep } from "./plugin_step.ts";

/** Writes all rows of one plugin. Nothing reads them before the run's pointer is there. */
export async function writeRows(
  context: RunContext,
  step: PluginStep,
  repeats: Repeats,
): Promise<void> {
  if (step.days.length === 0) return;
  const { plugin, base, baseFullRun } = step;
  const command = (sql: string, days: readonly string[]) =>
    context.warehouse.command(
      sql,
      statement(context, { days, base, base_full_run: baseFullRun }),
    );
  const chunks = dayChunks(step.days, repeats.rowsByDay, context.settings.memoryLimitBytes);
  await refreshArchive(context, chunks[0]);
  const events = countedEventsSql(context, chunks[0], repeats);
  await checkColumns(context.warehouse, plugin, events, statement(context, { days: chunks[0] }));
  for (const days of chunks) {
    await refreshArchive(context, days);
    await command(grainInsertSql(plugin, countedEventsSql(context, days, repeats)), days);
    await command(dayInsertSql(step), days);
    await context.progress.advanced(step, days.length);
  }
  await checkArchive(context, step.days);
  await command(step.full ? fullAllTimeInsertSql(step) : allTimeInsertSql(step), step.days);
}

const keyNames = (plugin: Plugin) => plugin.keyColumns.map((key) => key.name);
const measureNames = (plugin: Plugin) => plugin.measureColumns.map((measure) => measure.name);

const ownRows = (level: number) => `level = ${level} AND run = {run:UInt64}`;

function dayInsertSql({ plugin: { tables } }: PluginStep): string {
  const { plugin, batch } = tables;
  const keys = keyNames(plugin);
  return `INSERT INTO ${batch} (${
    ["level", "run", "bucket", ...keys, ...measureNames(plugin)].join(", ")
  })
SELECT ${BatchLevel.day}, {run:UInt64}, toStartOfDay(t.bucket) AS start${list(keys)},
  ${mergedMeasures(plugin)}
FROM ${batch} AS t
WHERE ${ownRows(BatchLevel.grain)} AND toDate(t.bucket) IN {days:Array(Date)}
GROUP BY ${["start", ...keys].join(", ")}`;
}

const list = (names: readonly string[]) => names.map((name) => `, ${name}`).join("");

/** A full run's all-time rows: its own day rows are all there are. */
function fullAllTimeInsertSql(step: PluginStep): string {
  const { plugin, batch } = step.plugin.tables;
  const keys = keyNames(plugin);
  return `${allTimeInto(step)}
SELECT ${BatchLevel.all}, {run:UInt64}${list(keys)}, ${allTimeMeasures(plugin)}, count()
FROM ${batch} AS t
WHERE ${ownRows(BatchLevel.day)}
GROUP BY ${keys.length > 0 ? keys.join(", ") : "()"} HAVING count() > 0`;
}

/**
 * An incremental run's all-time rows, for the keys that its days have now or had at the base. What
 * is live at this run is its own day rows and the base's of all other days; a key whose rows are all
 * gone gets a row with `day_rows = 0`, which hides the older one.
 */
function allTimeInsertSql(step: PluginStep): string {
  const { tables } = step.plugin;
  const { plugin, batch } = tables;
  const keys = keyNames(plugin);
  const own = ownRows(BatchLevel.day);
  const atBase = dayRowsWhere(tables, BatchLevel.day, {
    run: "{base:UInt64}",
    fullRun: "{base_full_run:UInt64}",
  });
  const recomputed = "toDate(bucket) IN {days:Array(Date)}";
  const touched = keys.length === 0 ? "1" : `(${keys.join(", ")}) IN (
    SELECT ${keys.join(", ")} FROM ${batch}
    WHERE ${recomputed} AND ((${own}) OR (${atBase}))
  )`;
  return `${allTimeInto(step)}
SELECT ${BatchLevel.all}, {run:UInt64}${list(keys)}, ${
    allTimeMeasures(plugin, "live")
  }, countIf(live)
FROM (
  SELECT *, run = {run:UInt64} OR NOT (${recomputed}) AS live FROM ${batch}
  WHERE ((${own}) OR (${atBase})) AND ${touched}
) AS t
GROUP BY ${keys.length > 0 ? keys.join(", ") : "()"}`;
}

function allTimeInto(step: PluginStep): string {
  const { plugin, batch } = step.plugin.tables;
  const columns = ["level", "run", ...keyNames(plugin), ...measureNames(plugin), "day_rows"];
  return `INSERT INTO ${batch} (${columns.join(", ")})`;
}
