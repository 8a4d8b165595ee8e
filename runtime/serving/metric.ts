/**
 * One metric's questions. The pointer of the published run is read first and bound; then one
 * statement reads batch rows of that run and speed rows from its cut on.
 */
import { NotReadyError, UserError } from "../std/errors.ts";
import { beyond, type Cut, encodeFrontier, furthest, reaches } from "../model/frontier.ts";
import type { MetricAnswer, MetricQuery, SeriesAnswer, SeriesQuery } from "../ports/services.ts";
import type { Plugin } from "../plugin.ts";
import type { PluginTables } from "../sql/tables.ts";
import { withDeadline } from "./deadline.ts";
import { coveredRange, windowRanges } from "./grain_ranges.ts";
import { type Key, KeyRows } from "./key_rows.ts";
import { mergerOf } from "./merged_values.ts";
import { changeColumns, comparedEnd, type ComparedRanges, comparedRanges } from "./comparison.ts";
import { comparedRows, earlierRows } from "./compared_rows.ts";
import { isoInZone } from "./instant.ts";
import { isUtc } from "./local_buckets.ts";
import { answerColumns, timeColumns } from "./metric_info.ts";
import { nextPage } from "./metric_page.ts";
import { readMetricQuery, type TypedQuery, type TypedQuestion } from "./metric_query.ts";
import { MetricSource, type SharedOptions, SPARE_FRONTIER_ROWS } from "./metric_source.ts";
import { countSql, metricSql } from "./metric_sql.ts";
import { MetricSeries } from "./metric_series.ts";
import type { ServedGeneration, ServedTopic } from "./serving_options.ts";

type Row = Readonly<Record<string, unknown>>;

/** The rows of an answer, and what they are as of. */
interface Found {
  readonly rows: readonly Row[];
  readonly next: string | null;
  readonly cut: Cut;
  readonly frontier: Cut;
}

const DEFAULT_MAX_LIMIT = 10_000;

/** How often `layer=batch` looks for a new run while it waits, in milliseconds. */
const POLL_MS = 200;

/** One metric: its questions, validated and answered. */
export class Metric {
  readonly #source: MetricSource;
  readonly #series: MetricSeries;
  /** Null where only the engine can show what is asked for. */
  readonly #keyRows: KeyRows | null;

  constructor(options: SharedOptions, topic: ServedTopic, tables: PluginTables) {
    this.#source = new MetricSource(options, topic, tables);
    this.#series = new MetricSeries(this.#source);
    const merge = mergerOf(tables.plugin);
    this.#keyRows = merge && new KeyRows(this.#source, merge);
  }

  /** The columns that tell one row of an answer from another, whatever its bucket. */
  get identity(): string[] {
    const { keyColumns } = this.#source.tables.plugin;
    return ["bucket", "window_start", ...keyColumns.map(({ name }) => name)];
  }

  /** Whether it answers from these tables and this speed layer. */
  answersFrom({ tables, speed }: ServedGeneration): boolean {
    return this.#source.tables.generation === tables.generation &&
      this.#source.tables.plugin === tables.plugin && this.#source.topic.speed === speed;
  }

  get plugin(): Plugin {
    return this.#source.tables.plugin;
  }

  get generation(): string {
    return this.#source.tables.generation;
  }

  get topic(): string {
    return this.#source.topic.schema.topic;
  }

  /** Moves when this process may have published a run of it. */
  get runsEnded(): number {
    return this.#source.topic.runsEnded?.() ?? 0;
  }

  /** How far the speed rows of this process reach. */
  frontier(): Cut {
    return this.#source.frontier();
  }

  /** See `SpeedLayer.fresh`. */
  async fresh(): Promise<void> {
    await this.#source.topic.speed.fresh();
  }

  /** Answers a question. @throws as `Serving.query` says. */
  async answer(query: MetricQuery, signal?: AbortSignal): Promise<MetricAnswer> {
    const { options, tables: { plugin } } = this.#source;
    const typed = readMetricQuery(plugin, query, options.maxLimit ?? DEFAULT_MAX_LIMIT);
    if (typed.waitFor !== null) await this.#wait(typed, typed.waitFor, signal);
    return await this.#source.inTime(signal, (within) => this.#read(typed, within));
  }

  /** Counts the rows of a question on all pages. @throws as `Serving.query` says. */
  async count(query: MetricQuery, signal?: AbortSignal): Promise<number> {
    const { options, tables: { plugin } } = this.#source;
    const { layer, from, to, bucket, tz, keys } = query;
    const asked = { layer, from, to, bucket, tz, keys };
    const typed = readMetricQuery(plugin, asked, options.maxLimit ?? DEFAULT_MAX_LIMIT);
    return await this.#source.inTime(signal, async (within) => {
      const published = await this.#source.asOf(typed.layer, within);
      const statement = countSql({ ...this.#source.inputs(published), query: typed });
      const ask = () => this.#source.ask<{ rows: number | string }>(statement, within);
      const counted = () => this.#source.inTurn(within, ask);
      const [{ rows }] = await this.#source.whole(typed, counted);
      return Number(rows);
    });
  }

  /** Answers a question for a time series. @throws as `Serving.series` says. */
  async series(query: SeriesQuery, signal?: AbortSignal): Promise<SeriesAnswer> {
    return await this.#source.inTime(signal, (within) => this.#series.answer(query, within));
  }

  async #read(query: TypedQuestion, signal: AbortSignal): Promise<MetricAnswer> {
    const { tables: { plugin } } = this.#source;
    const { layer } = query;
    const { compare } = query;
    const to = compare && comparedEnd(plugin, query, await this.#source.watermarkMs());
    const compared = compare && comparedRanges(plugin, query, compare, to!);
    const asked = compared === null
      ? query
      : { ...query, ...coveredRange(plugin, layer, query.bucket, { from: query.from, to }) };
    const { rows, next, cut, frontier } = await this.#ofKey(asked, signal) ??
      await this.#source.whole(asked, () => this.#rows(asked, signal));
    const earlier = compared &&
      { ...asked, ...coveredRange(plugin, layer, query.bucket, compared.earlier) };
    const answer = {
      metric: plugin.name,
      layer,
      tz: query.zone.zone,
      compare: compared && compared.shown,
      cut: encodeFrontier(cut),
      frontier: encodeFrontier(frontier),
      ...await this.#source.kept(layer),
      speed_ranges: [
        ...(earlier === null ? [] : this.#source.speedRanges(earlier)),
        ...this.#source.speedRanges(asked),
      ],
      not_compared: await this.#source.notCompared(layer, signal),
      columns: [
        ...answerColumns(plugin, query.bucket),
        ...(compared === null ? [] : changeColumns(plugin)),
      ],
      rows: (earlier === null ? rows : await this.#compared(earlier, compared!, rows, signal))
        .map((row) => this.#localized(query, row)),
      next,
      // After all that takes time: state and problems are those of one moment.
      ...this.#source.standing(),
    };
    if (query.waitFor !== null && !reaches(frontier, query.waitFor)) throw this.#notReached();
    return answer;
  }

  /** The answer to a question for one key from memory; null where it takes a statement. */
  async #ofKey(query: TypedQuery, signal: AbortSignal): Promise<Found | null> {
    const key = wholeKey(query, this.#source.tables.plugin.keyColumns);
    if (key === null || query.layer !== "merged" || windowRanges(query).length > 0) return null;
    const answer = await this.#keyRows?.answer(query, key, signal);
    return answer ? { next: null, ...answer } : null;
  }

  async #rows(query: TypedQuestion, signal: AbortSignal): Promise<Found> {
    const published = await this.#source.asOf(query.layer, signal);
    const { cut } = published;
    // One more than asked for tells whether there is a next page.
    const asked = { ...query, limit: query.limit + 1 };
    const inputs = this.#source.inputs(published);
    const acknowledged = query.layer === "batch" ? {} : this.frontier();
    for (let { frontierRows } = inputs;;) {
      const statement = metricSql({ ...inputs, frontierRows, query: asked });
      const found = await this.#source.inTurn(signal, () => this.#source.ask(statement, signal));
      const data = found.filter(isData);
      if (found.length > query.limit + frontierRows && data.length <= query.limit) {
        // More partitions than were known took the place of data rows: ask again with room.
        frontierRows = found.length - data.length + SPARE_FRONTIER_ROWS;
        continue;
      }
      const rows = data.slice(0, query.limit).map((row) => this.#shown(query, row));
      const next = data.length > query.limit ? nextPage(query, rows.at(-1)!) : null;
      return { rows, next, cut, frontier: this.#source.reached(query, found, cut, acknowledged) };
    }
  }

  #shown({ bucket }: TypedQuery, row: Row): Row {
    const columns = answerColumns(this.#source.tables.plugin, bucket);
    return Object.fromEntries(columns.map(({ name }) => [name, row[name] ?? null]));
  }

  /** The earlier rows are read later than the answer's, so they are of no fewer events. */
  async #compared(
    earlier: TypedQuery,
    { back }: ComparedRanges,
    rows: readonly Row[],
    signal: AbortSignal,
  ): Promise<readonly Row[]> {
    const read = () => earlierRows(this.#source, earlier, rows, signal);
    const found = rows.length === 0 || earlier.from! >= earlier.to!
      ? []
      : await this.#source.whole(earlier, read);
    return comparedRows(this.#source.tables.plugin, earlier, { rows, found, back });
  }

  /** A row with the time of its bucket in the question's zone. */
  #localized({ bucket, zone }: TypedQuery, row: Row): Row {
    if (isUtc(zone)) return row;
    const times = timeColumns(bucket).map(({ name }) =>
      [name, isoInZone(Date.parse(String(row[name])) / 1000, zone)] as const
    );
    return { ...row, ...Object.fromEntries(times) };
  }

  /** Waits until the layer has come as far as `target`. */
  async #wait(query: TypedQuery, target: Cut, signal?: AbortSignal): Promise<void> {
    const { options: { clock, waitTimeoutMs = 10_000 }, topic: { logId, speed } } = this.#source;
    const { name } = this.#source.tables.plugin;
    const { cut } = await this.#source.published(signal);
    const unknown = Object.keys(target).find((log) => log !== logId && !Object.hasOwn(cut, log));
    if (unknown !== undefined) {
      throw new UserError(
        `Cannot wait for a frontier of the log "${unknown}": metric "${name}" follows "${logId}"`,
        { field: "wait_for" },
      );
    }
    this.#refuseFrozen(furthest(query.layer === "speed" ? {} : cut, speed.frontier(name)), target);
    await withDeadline(clock, waitTimeoutMs, signal, async (deadline) => {
      if (query.layer === "batch") {
        while (!reaches((await this.#source.published(signal)).cut, target)) {
          if (deadline.signal.aborted) break;
          await clock.sleep(POLL_MS, deadline.signal);
        }
      } else {
        const covered = query.layer === "merged" ? cut : {};
        await speed.reached(name, beyond(target, covered), deadline.signal);
      }
      signal?.throwIfAborted();
      if (deadline.expired()) throw this.#notReached();
    });
  }

  /** A generation that nobody computes never comes as far. */
  #refuseFrozen(frontier: Cut, target: Cut): void {
    const { generation, frozen_at, rebuilding } = this.#source.standing();
    if (frozen_at === null || reaches(frontier, target)) return;
    const { name } = this.#source.tables.plugin;
    const why = rebuilding === null
      ? "because no process computes it"
      : `while the next generation is being built (${Math.floor(100 * rebuilding)} %)`;
    throw new NotReadyError(
      `Cannot answer metric "${name}" up to wait_for: generation ${generation} is frozen at its ` +
        `frontier since ${frozen_at}, ${why}`,
      { field: "wait_for" },
    );
  }

  #notReached(): NotReadyError {
    const { plugin } = this.#source.tables;
    return new NotReadyError(
      `Cannot answer metric "${plugin.name}" yet: it has not come as far as wait_for`,
      { field: "wait_for" },
    );
  }
}

const isData = (row: Row) => Number(row.frontier ?? 0) === 0;

/** The key that a question pins, where there can be no more than one row; else null. */
function wholeKey(
  { bucket, keys, after }: TypedQuery,
  columns: readonly { readonly name: string }[],
): Key | null {
  if (bucket !== "all" || after !== null || columns.length === 0) return null;
  const values = columns.map(({ name }) => keys.find(({ column }) => column.name === name)?.value);
  return values.every((value) => value !== undefined) ? values : null;
}
