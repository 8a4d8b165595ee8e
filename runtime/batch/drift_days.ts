/**
 * The table `drift_days`: what is known of how a plugin's layers compare, by event day. A difference
 * stays until a later comparison of that day finds none, however many runs of other days follow.
 *
 * A day's row is written twice by a run: as `waiting` before the run is published, so that a crash
 * leaves a day that is still to be compared, and with what the comparison found. Versions are
 * `4 × run` and `4 × run + 2`; an acceptance adds one. So an acceptance never hides what a later
 * comparison finds, and a slow process never what a newer run found.
 */
import type { Clock } from "../std/clock.ts";
import {
  type NotCompared,
  type NotComparedSince,
  notComparedWords,
  type PluginDrift,
} from "../model/drift.ts";
import type { QueryParams, Warehouse } from "../ports/ports.ts";
import { sqlText } from "../std/sql_text.ts";
import { type PluginTables, tablesOf } from "../sql/tables.ts";
import { type RunContext, statement } from "./run_context.ts";

/** The ClickHouse type of the cells that are kept of a day. */
export const CELLS_TYPE = "Array(Tuple(bucket DateTime('UTC'), key Array(String), " +
  "measures Array(Tuple(measure String, speed String, batch String, difference Float64))))";

/** Differing days of one run of which cells are kept; of the others their number is. */
const DAYS_WITH_CELLS = 100;

/** What is known of the days of one plugin's generation. */
export class DriftDays {
  readonly #tables: PluginTables;
  readonly #clock: Clock;

  constructor(tables: PluginTables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** Says that a run is about to publish days: they wait for their comparison. */
  async expect(context: RunContext, days: readonly string[]): Promise<void> {
    const waiting = { reason: "waiting", message: notComparedWords.waiting } as const;
    await this.#record(context, 0, uncompared("waiting"), { days, ...waiting });
  }

  /** Says why days were not compared; `waiting` ones are compared by a later run. */
  async notCompared(
    context: RunContext,
    days: readonly string[],
    state: "waiting" | "not_comparable",
    { reason, message }: NotCompared,
  ): Promise<void> {
    if (days.length === 0) return;
    await this.#record(context, 2, uncompared(state), { days, reason, message });
  }

  /**
   * Keeps what a comparison found.
   *
   * @param table rows of `day`, `differing_cells`, `difference`, `not_comparable` and `cells`, none
   * for days on which neither layer has a cell.
   */
  async compared(context: RunContext, days: readonly string[], table: string): Promise<void> {
    const found = `SELECT d.day AS day, if(f.differing_cells > 0, 'differs', 'equal') AS state,
    '' AS reason, '' AS message, 1 AS compared, f.differing_cells, f.difference, f.not_comparable,
    if(f.nth <= ${DAYS_WITH_CELLS}, f.cells, []) AS cells
  FROM (SELECT arrayJoin({days:Array(Date)}) AS day) AS d
  LEFT JOIN (
    SELECT *, countIf(differing_cells > 0) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING) AS nth
    FROM ${table}
  ) AS f ON f.day = d.day`;
    await this.#record(context, 2, found, { days });
  }

  /** Of what was known, all but what the row says anew is carried over. */
  async #record(
    context: RunContext,
    rank: number,
    found: string,
    params: QueryParams,
  ): Promise<void> {
    const { plugin, generation } = this.#tables;
    const accepted =
      `NOT f.compared OR (o.differing_cells = f.differing_cells AND o.difference = f.difference)`;
    const carried = (name: string) => `if(f.compared, f.${name}, o.${name})`;
    await context.warehouse.command(
      `INSERT INTO drift_days (topic, plugin, generation, day, state, reason, message, since, run,
  differing_cells, difference, not_comparable, cells, differs_since,
  accepted, accepted_by, accepted_reason, version)
SELECT {topic:String}, {plugin:String}, {generation:String}, f.day, f.state, f.reason, f.message,
  if(o.state = f.state AND o.reason = f.reason, o.since, {now:DateTime64(3)}), {run:UInt64},
  ${["differing_cells", "difference", "not_comparable", "cells"].map(carried).join(",\n  ")},
  multiIf(if(f.compared, f.differing_cells, o.differing_cells) = 0, NULL,
    o.differing_cells > 0, o.differs_since, {now:DateTime64(3)}),
  if(${accepted}, o.accepted, NULL), if(${accepted}, o.accepted_by, ''),
  if(${accepted}, o.accepted_reason, ''), 4 * {run:UInt64} + ${rank}
FROM (
  ${found}
) AS f
LEFT JOIN (
  SELECT * FROM drift_days FINAL
  WHERE topic = {topic:String} AND plugin = {plugin:String} AND generation = {generation:String}
) AS o ON o.day = f.day`,
      statement(context, {
        topic: context.schema.topic,
        plugin: plugin.name,
        generation,
        now: new Date(this.#clock.now()).toISOString().slice(0, -1),
        ...params,
      }),
    );
  }
}

/** Days of which nothing new is known but a state. */
const uncompared = (state: string) =>
  `SELECT arrayJoin({days:Array(Date)}) AS day, '${state}' AS state, {reason:String} AS reason,
    {message:String} AS message, 0 AS compared, toUInt64(0) AS differing_cells,
    toFloat64(0) AS difference, toUInt64(0) AS not_comparable,
    CAST([], ${sqlText(CELLS_TYPE)}) AS cells`;

/** The days that wait for their comparison, by batch table, ascending. */
export async function waitingDays(
  warehouse: Warehouse,
  topic: string,
  plugins: readonly PluginTables[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await warehouse.query<{ plugin: string; generation: string; days: string[] }>(
    `SELECT plugin, generation, arrayMap(day -> toString(day), arraySort(groupArray(day))) AS days
FROM drift_days FINAL WHERE topic = {topic:String} AND state = 'waiting'
GROUP BY plugin, generation`,
    { params: { topic } },
  );
  return new Map(plugins.map(({ plugin, generation, batch }) => {
    const row = rows.find((row) => row.plugin === plugin.name && row.generation === generation);
    return [batch, row?.days ?? []];
  }));
}

/** Why days of runs up to the given one wait for their comparison; null where none does. */
export async function waitingSince(
  warehouse: Pick<Warehouse, "query">,
  { plugin, generation }: PluginTables,
  run: number,
  signal?: AbortSignal,
): Promise<NotComparedSince | null> {
  const [found] = await warehouse.query<NotComparedSince>(
    `SELECT reason, message, since FROM drift_days FINAL
WHERE topic = {topic:String} AND plugin = {plugin:String} AND generation = {generation:String}
  AND state = 'waiting' AND run <= {run:UInt64}
ORDER BY since, day LIMIT 1`,
    { params: { topic: plugin.source.topic, plugin: plugin.name, generation, run }, signal },
  );
  return found ?? null;
}

/**
 * The tables whose drift concerns readers: of each plugin those of the generation that answers, which
 * while another one is being built is not the loaded one.
 */
export async function answeringTables(
  warehouse: Warehouse,
  plugins: readonly PluginTables[],
): Promise<PluginTables[]> {
  const rows = await warehouse.query<{ plugin: string; live: string }>(
    `SELECT plugin, argMax(generation, (claim, seen)) AS live FROM live_generations
GROUP BY plugin HAVING live != ''`,
  );
  const live = new Map(rows.map((row) => [row.plugin, row.live]));
  return plugins.map((tables) => {
    const { plugin, generation } = tables;
    const answering = live.get(plugin.name) ?? generation;
    return answering === generation ? tables : tablesOf(plugin, answering);
  });
}

interface SummaryRow {
  readonly plugin: string;
  readonly generation: string;
  readonly drift: number;
  readonly drifting_days: number | string;
  readonly accepted_days: number | string;
  readonly waiting_days: number | string;
  readonly compared_days: number | string;
  readonly code: NotCompared["reason"];
  readonly words: string;
  readonly begun: string;
}

/**
 * How the layers of plugins compare, over all their days.
 *
 * @param plugins of {@link answeringTables}.
 */
export async function readPluginDrift(
  warehouse: Warehouse,
  topic: string,
  plugins: readonly PluginTables[],
): Promise<PluginDrift[]> {
  const standing = "differing_cells > 0 AND isNull(accepted)";
  const rows = await warehouse.query<SummaryRow>(
    `SELECT plugin, generation, sumIf(difference, ${standing}) AS drift,
  countIf(${standing}) AS drifting_days,
  countIf(differing_cells > 0 AND isNotNull(accepted)) AS accepted_days,
  countIf(state = 'waiting') AS waiting_days, countIf(newest AND reason = '') AS compared_days,
  argMinIf(reason, day, newest AND reason != '') AS code,
  argMinIf(message, day, newest AND reason != '') AS words,
  minIf(since, newest AND reason != '') AS begun
FROM (
  SELECT *, run = max(run) OVER (PARTITION BY plugin, generation) AS newest
  FROM drift_days FINAL WHERE topic = {topic:String}
)
GROUP BY plugin, generation`,
    { params: { topic } },
  );
  return plugins.map(({ plugin: { name }, generation }) => {
    const row = rows.find((row) => row.plugin === name && row.generation === generation);
    if (row === undefined) return { ...nothingKnown, plugin: name };
    const [drifting_days, compared] = [Number(row.drifting_days), Number(row.compared_days)];
    return {
      plugin: name,
      drift: drifting_days === 0 && compared === 0 ? null : row.drift,
      drifting_days,
      accepted_days: Number(row.accepted_days),
      waiting_days: Number(row.waiting_days),
      not_compared: compared > 0
        ? null
        : { reason: row.code, message: row.words, since: row.begun },
    };
  });
}

const nothingKnown = {
  drift: null,
  drifting_days: 0,
  accepted_days: 0,
  waiting_days: 0,
  not_compared: {
    reason: "nothing_published",
    message: notComparedWords.nothing_published,
    since: null,
  },
} as const;

/** Forgets the days of generations whose batch table is gone. Called before each run. */
export async function forgetRetired(warehouse: Warehouse, topic: string): Promise<void> {
  const retired =
    `topic = {topic:String} AND concat('state_batch_', plugin, '_', generation) NOT IN (
  SELECT name FROM system.tables WHERE database = currentDatabase())`;
  const options = { params: { topic } };
  const found = await warehouse.query(`SELECT 1 FROM drift_days WHERE ${retired} LIMIT 1`, options);
  if (found.length > 0) await warehouse.command(`DELETE FROM drift_days WHERE ${retired}`, options);
}
