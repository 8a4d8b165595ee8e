/** The days that drift, as people look at them, and what an operator accepts. */
import { quoted } from "../std/quoted.ts";
import type { Clock } from "../std/clock.ts";
import type {
  DriftAcceptance,
  DriftDay,
  DriftQuery,
  Drifts,
  NotComparedReason,
} from "../model/drift.ts";
import { checkText, MOST_CHARACTERS_BY } from "../std/checked_text.ts";
import { NotFoundError, UserError } from "../std/errors.ts";
import { answeringTables } from "./drift_days.ts";
import { decodeCursor, encodeCursor, isText, placesOf } from "../std/page_cursor.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { PluginTables } from "../sql/tables.ts";
import { pageLimit } from "../std/whole_number.ts";

/** Options of {@link createDrifts}. */
export interface DriftsOptions {
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  readonly plugins: () => readonly PluginTables[];
  /** Called after an acceptance, to look at a plugin's drift again. */
  readonly onAccepted: (plugin: string) => Promise<unknown>;
}

const listing = "Cannot list drift";
const accepting = "Cannot accept drift";

const MOST_CHARACTERS_REASON = 1000;

interface Row extends Omit<DriftDay, "metric" | "reason" | "cells" | "accepted" | "run"> {
  readonly plugin: string;
  readonly reason: NotComparedReason | "";
  readonly run: number | string;
  readonly cells: readonly {
    readonly bucket: string;
    readonly key: readonly string[];
    readonly measures: DriftDay["cells"][number]["measures"];
  }[];
  readonly accepted: string | null;
  readonly accepted_by: string;
  readonly accepted_reason: string;
}

/** Looks into the table `drift_days`. */
export function createDrifts(options: DriftsOptions): Drifts {
  const { warehouse, clock, plugins, onAccepted } = options;
  /** The tables that answer for one metric, or for all. */
  const answering = async (metric: string | undefined, action: string) => {
    const wanted = plugins().filter(({ plugin }) => metric === undefined || plugin.name === metric);
    if (metric === undefined || wanted.length > 0) return await answeringTables(warehouse, wanted);
    throw new NotFoundError(
      `${action}: there is no metric ${quoted(metric)}`,
      { field: "metric" },
    );
  };
  return {
    async list(query, signal) {
      const limit = pageLimit(query.limit, { action: listing, most: 1000, otherwise: 100 });
      const shown = await answering(query.metric, listing);
      const [afterPlugin, afterDay] = query.after === undefined
        ? ["", "1970-01-01"]
        : decodeCursor(query.after, questionOf(query), "after", isPosition) as string[];
      const rows = await warehouse.query<Row>(
        `SELECT topic, plugin, generation, day, state, reason, message, since, run, differing_cells,
  difference, not_comparable, cells, differs_since, accepted, accepted_by, accepted_reason
FROM drift_days FINAL
WHERE differing_cells > 0 AND concat(plugin, ' ', generation) IN {shown:Array(String)}
  AND (plugin, day) > ({plugin:String}, {day:Date})
ORDER BY plugin, day LIMIT ${limit + 1}`,
        {
          params: {
            shown: shown.map(({ plugin, generation }) => `${plugin.name} ${generation}`),
            plugin: afterPlugin,
            day: afterDay,
          },
          signal,
        },
      );
      const items = rows.slice(0, limit).map((row) =>
        dayOf(row, shown.find(({ plugin }) => plugin.name === row.plugin)!)
      );
      const last = rows.length > limit ? items[limit - 1] : null;
      const next = last && encodeCursor(questionOf(query), [last.metric, last.day]);
      return { items, next };
    },
    async accept(acceptance) {
      const [tables] = await answering(acceptance.metric, accepting);
      checkAcceptance(acceptance);
      const days = await driftingDays(warehouse, tables, acceptance.day);
      await warehouse.command(
        `INSERT INTO drift_days
SELECT * REPLACE ({at:DateTime64(3)} AS accepted, {by:String} AS accepted_by,
  {reason:String} AS accepted_reason, bitOr(version, 1) AS version)
FROM drift_days FINAL
WHERE topic = {topic:String} AND plugin = {plugin:String} AND generation = {generation:String}
  AND day IN {days:Array(Date)} AND differing_cells > 0`,
        {
          params: {
            ...of(tables),
            days,
            at: new Date(clock.now()).toISOString().slice(0, -1),
            by: acceptance.by,
            reason: acceptance.reason,
          },
          settings: { async_insert: 0, insert_deduplicate: 0, session_timezone: "UTC" },
        },
      );
      await onAccepted(acceptance.metric);
      return days;
    },
  };
}

const questionOf = ({ metric }: DriftQuery) => ["drift", metric ?? null];

/** Whether a value is an event day, `YYYY-MM-DD`. */
export const isDay = (value: unknown) =>
  /^\d{4}-\d\d-\d\d$/.test(String(value)) && !Number.isNaN(Date.parse(String(value)));

const isPosition = placesOf(isText, isDay);

const of = ({ plugin, generation }: PluginTables) => ({
  topic: plugin.source.topic,
  plugin: plugin.name,
  generation,
});

/** The day asked for, or those whose drift stands. */
async function driftingDays(
  warehouse: Warehouse,
  tables: PluginTables,
  day: string | undefined,
): Promise<string[]> {
  const which = day === undefined ? "isNull(accepted)" : "day = {day:Date}";
  const rows = await warehouse.query<{ day: string }>(
    `SELECT day FROM drift_days FINAL
WHERE topic = {topic:String} AND plugin = {plugin:String} AND generation = {generation:String}
  AND differing_cells > 0 AND ${which} ORDER BY day`,
    { params: { ...of(tables), ...(day === undefined ? {} : { day }) } },
  );
  if (rows.length > 0) return rows.map((row) => row.day);
  const { name } = tables.plugin;
  throw new NotFoundError(
    day === undefined
      ? `${accepting}: no event day of ${name} drifts`
      : `${accepting}: ${name} does not drift on ${day}`,
    { field: day === undefined ? "metric" : "day" },
  );
}

function checkAcceptance(acceptance: DriftAcceptance): void {
  const { day } = acceptance;
  const got = (value: unknown) => quoted(String(value));
  if (day !== undefined && !isDay(day)) {
    throw new UserError(
      `${accepting}: day must be an event day such as 2013-07-20, got ${got(day)}`,
      { field: "day" },
    );
  }
  checkText(accepting, "by", acceptance.by, MOST_CHARACTERS_BY);
  checkText(accepting, "reason", acceptance.reason, MOST_CHARACTERS_REASON);
}

function dayOf(row: Row, { plugin }: PluginTables): DriftDay {
  const { plugin: metric, accepted, accepted_by, accepted_reason, ...rest } = row;
  return {
    ...rest,
    metric,
    reason: row.reason === "" ? null : row.reason,
    run: Number(row.run),
    cells: row.cells.map(({ bucket, key, measures }) => ({
      bucket,
      key: Object.fromEntries(plugin.keyColumns.map(({ name }, i) => [name, key[i] ?? ""])),
      measures,
    })),
    accepted: accepted === null ? null : { at: accepted, by: accepted_by, reason: accepted_reason },
  };
}
