/**
 * One metric's questions. The pointer of the published run is read first and bound; then one
 * statement reads batch rows of that run and speed rows from its cut on.
 */
import { ExternalError, NotReadyError, UserError } from "../errors.ts";
import { type Cut, cutOfRow, encodeFrontier, furthest, reaches } from "../frontier.ts";
import type { Layer, MetricAnswer, MetricQuery, SeriesAnswer, SeriesQuery } from "../services.ts";
import { type PluginTables, pointerSql } from "../tables.ts";
import { withDeadline } from "./deadline.ts";
import { answerColumns } from "./metric_info.ts";
import { nextPage } from "./metric_page.ts";
import type { PublishedRun } from "./metric_parts.ts";
import { readMetricQuery, type TypedQuery } from "./metric_query.ts";
import { type MetricSql, metricSql } from "./metric_sql.ts";
import {
  readSeriesQuery,
  type SeriesRange,
  seriesRange,
  type TypedSeries,
} from "./series_query.ts";
import { boundsSql, pointsSql, type SeriesSqlInput } from "./series_sql.ts";
import type { ServedTopic, ServingOptions } from "./serving.ts";

/** The published run of a plugin. */
interface Published {
  readonly run: PublishedRun | null;
  readonly cut: Cut;
}

const DEFAULT_MAX_LIMIT = 10_000;

/** How often `layer=batch` looks for a new run while it waits, in milliseconds. */
const POLL_MS = 200;

/** Frontier rows to make room for beyond those of the partitions that are known. */
const SPARE_FRONTIER_ROWS = 16;

/** One metric: its questions, validated and answered. */
export class Metric {
  readonly #options: ServingOptions;
  readonly #topic: ServedTopic;
  readonly #tables: PluginTables;
  #known: { runsEnded: number; atMs: number; published: Published } | null = null;

  constructor(options: ServingOptions, topic: ServedTopic, tables: PluginTables) {
    this.#options = options;
    this.#topic = topic;
    this.#tables = tables;
  }

  /** The columns that tell one row of an answer from another, whatever its bucket. */
  get identity(): string[] {
    return ["bucket", "window_start", ...this.#tables.plugin.keyColumns.map(({ name }) => name)];
  }

  /** How far the speed rows of this process reach. */
  frontier(): Cut {
    return this.#topic.speed.frontier(this.#tables.plugin.name);
  }

  /** Answers a question. @throws as `Serving.query` says. */
  async answer(query: MetricQuery, signal?: AbortSignal): Promise<MetricAnswer> {
    const { plugin } = this.#tables;
    const typed = readMetricQuery(plugin, query, this.#options.maxLimit ?? DEFAULT_MAX_LIMIT);
    if (typed.waitFor !== null) await this.#wait(typed, typed.waitFor, signal);
    return await this.#inTime(signal, (within) => this.#read(typed, within));
  }

  /** Answers a question for a time series. @throws as `Serving.series` says. */
  async series(query: SeriesQuery, signal?: AbortSignal): Promise<SeriesAnswer> {
    const typed = readSeriesQuery(this.#tables.plugin, query);
    return await this.#inTime(signal, (within) => this.#readSeries(typed, within));
  }

  async #inTime<T>(
    signal: AbortSignal | undefined,
    action: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, queryTimeoutMs = 10_000 } = this.#options;
    return await withDeadline(clock, queryTimeoutMs, signal, async (deadline) => {
      try {
        return await action(deadline.signal);
      } catch (error) {
        if (!deadline.expired()) throw error;
        const what = `Cannot query metric "${this.#tables.plugin.name}": it took longer than ` +
          `${queryTimeoutMs} ms; ask for less, by key or by time`;
        throw new ExternalError(what, { cause: error });
      }
    });
  }

  async #read(query: TypedQuery, signal: AbortSignal): Promise<MetricAnswer> {
    const { plugin } = this.#tables;
    const { speed } = this.#topic;
    const published = await this.#asOf(query.layer, signal);
    const nothing = query.layer === "batch" && published.run === null;
    const { rows, next, frontier } = nothing
      ? { rows: [], next: null, frontier: {} }
      : await this.#rows(query, published, signal);
    const answer = {
      metric: plugin.name,
      layer: query.layer,
      cut: encodeFrontier(published.cut),
      frontier: encodeFrontier(frontier),
      kept_from: query.layer === "speed" ? await speed.wholeFrom(plugin.name) : null,
      columns: answerColumns(plugin, query.bucket),
      rows,
      next,
    };
    if (query.waitFor !== null && !reaches(frontier, query.waitFor)) throw this.#notReached();
    return answer;
  }

  async #readSeries(query: TypedSeries, signal: AbortSignal): Promise<SeriesAnswer> {
    const { plugin } = this.#tables;
    const { layer, measure, top } = query;
    const { run, cut } = await this.#asOf(layer, signal);
    const input = {
      ...{ tables: this.#tables, logId: this.#topic.logId, run },
      ...{ cut: cut[this.#topic.logId] ?? [], frontierRows: this.#frontierRows(cut) },
    };
    const bounds = await this.#bounds(input, query, signal);
    const range = bounds && seriesRange(plugin, query, bounds.from, bounds.to);
    const keys = top === null || range === null
      ? [null]
      : await this.#topKeys(query, range, top, signal);
    let frontier = cut;
    const series: SeriesAnswer["series"][number][] = [];
    for (const key of range === null ? [] : keys) {
      const of = key === null ? query : { ...query, keys: key.filters };
      const points = await this.#points(input, of, range!, signal);
      // Frontiers only grow: all series cover that of the first.
      if (series.length === 0) {
        frontier = furthest(cut, frontierOf(this.#topic.logId, points.found));
      }
      series.push({ key: key?.shown ?? null, values: points.values });
    }
    return {
      metric: plugin.name,
      layer,
      cut: encodeFrontier(cut),
      frontier: encodeFrontier(frontier),
      kept_from: layer === "speed" ? await this.#topic.speed.wholeFrom(plugin.name) : null,
      measure,
      bucket_seconds: range?.bucketSeconds ?? query.bucket ?? 0,
      time: range === null
        ? []
        : Array.from({ length: range.points }, (_, i) => range.start + i * range.bucketSeconds),
      series,
    };
  }

  /** Where a series begins and ends; null where nothing is known and no range was asked for. */
  async #bounds(input: SeriesSqlInput, query: TypedSeries, signal: AbortSignal) {
    const { from, to } = query;
    if (from !== null && to !== null) return { from, to };
    const statement = boundsSql(input, query);
    const rows = statement.sql === "" ? [] : await this.#ask<Bounds>(statement, signal);
    const first = from ?? Math.min(...rows.map((row) => Number(row.first)));
    const last = to ?? Math.max(...rows.map((row) => Number(row.last)));
    return first < last && Number.isFinite(first + last) ? { from: first, to: last } : null;
  }

  async #points(
    input: SeriesSqlInput,
    query: TypedSeries,
    range: SeriesRange,
    signal: AbortSignal,
  ) {
    const found = query.layer === "batch" && input.run === null
      ? []
      : await this.#ask(pointsSql(input, query, range), signal);
    const values: (number | null)[] = new Array(range.points).fill(null);
    for (const row of found) {
      if (Number(row.frontier ?? 0) > 0) continue;
      const at = Date.parse(String(row.bucket)) / 1000;
      const value = row[query.measure];
      values[(at - range.start) / range.bucketSeconds] = value === null ? null : Number(value);
    }
    return { values, found };
  }

  /** The greatest keys by the measure over the range. */
  async #topKeys(
    { layer, measure, from, to, keys }: TypedSeries,
    { start, bucketSeconds, points }: SeriesRange,
    top: number,
    signal: AbortSignal,
  ) {
    const { plugin } = this.#tables;
    const rows = await this.#read({
      ...{ layer, bucket: "all", keys, limit: top, after: null, waitFor: null },
      from: from ?? start,
      to: to ?? start + points * bucketSeconds,
      order: [
        { column: measure, descending: true },
        ...plugin.keyColumns.map(({ name }) => ({ column: name, descending: false })),
      ],
    }, signal).then((answer) => answer.rows);
    return rows.map((row) => ({
      shown: Object.fromEntries(plugin.keyColumns.map(({ name }) => [name, row[name]])),
      filters: plugin.keyColumns.map((column) => ({
        column,
        value: row[column.name] as string | number,
      })),
    }));
  }

  #ask<Row = Record<string, unknown>>(
    { sql, params, settings }: MetricSql,
    signal: AbortSignal,
  ): Promise<Row[]> {
    return this.#options.warehouse.query<Row>(sql, { params, settings, signal });
  }

  /** The run to read, and its cut. */
  async #asOf(layer: Layer, signal: AbortSignal): Promise<Published> {
    if (layer === "speed") return { run: null, cut: {} };
    const published = await this.#published(signal);
    if (layer === "merged") this.#refuseGap(published.cut);
    return published;
  }

  /** Merging needs the speed rows to begin at or below the cut: else events would be missing. */
  #refuseGap(cut: Cut): void {
    const { plugin } = this.#tables;
    const start = this.#topic.speed.start(plugin.name);
    if (reaches(cut, start)) return;
    throw new NotReadyError(
      `Cannot merge metric "${plugin.name}": the events between the cut ` +
        `"${encodeFrontier(cut)}" and the start of the speed rows "${encodeFrontier(start)}" ` +
        `wait for a batch run`,
      { topic: this.#topic.schema.topic },
    );
  }

  async #rows(query: TypedQuery, { run, cut }: Published, signal: AbortSignal) {
    const { logId } = this.#topic;
    const { plugin } = this.#tables;
    let frontierRows = this.#frontierRows(cut);
    for (;;) {
      const statement = metricSql({
        ...{ tables: this.#tables, logId, run, cut: cut[logId] ?? [], frontierRows },
        // One more than asked for tells whether there is a next page.
        query: { ...query, limit: query.limit + 1 },
      });
      const found = await this.#ask(statement, signal);
      const data = found.filter((row) => Number(row.frontier) === 0);
      const all = found.length <= query.limit + frontierRows || data.length > query.limit;
      if (!all) {
        // More partitions than were known took the place of data rows: ask again with room.
        frontierRows = found.length - data.length + SPARE_FRONTIER_ROWS;
        continue;
      }
      const names = answerColumns(plugin, query.bucket).map((column) => column.name);
      const rows = data.slice(0, query.limit).map((row) =>
        Object.fromEntries(names.map((name) => [name, row[name] ?? null]))
      );
      const next = data.length > query.limit ? nextPage(plugin, query, rows.at(-1)!) : null;
      return { rows, next, frontier: furthest(cut, frontierOf(logId, found)) };
    }
  }

  /** Frontier rows to make room for. */
  #frontierRows(cut: Cut): number {
    const { logId } = this.#topic;
    const known = Math.max(this.frontier()[logId]?.length ?? 0, cut[logId]?.length ?? 0);
    return known + SPARE_FRONTIER_ROWS;
  }

  /** The newest published run, or the one that was it just now. */
  async #published(signal?: AbortSignal): Promise<Published> {
    const { clock, publishedMaxAgeMs = 0 } = this.#options;
    const seen = { runsEnded: this.#topic.runsEnded?.() ?? 0, atMs: clock.now() };
    const known = this.#known;
    const young = known !== null && seen.atMs - known.atMs < publishedMaxAgeMs;
    if (young && known.runsEnded === seen.runsEnded) return known.published;
    const published = await this.#readPublished(signal);
    this.#known = { ...seen, published };
    return published;
  }

  async #readPublished(signal?: AbortSignal): Promise<Published> {
    const rows = await this.#options.warehouse.query<PointerRow>(pointerSql(this.#tables), {
      signal,
    });
    if (rows.length === 0) return { run: null, cut: {} };
    const [{ run, full_run, cut, skipped }] = rows;
    const numbers = { run: Number(run), fullRun: Number(full_run), skipped: skipped.map(Number) };
    return { run: numbers, cut: cutOfRow(cut) };
  }

  /** Waits until the layer has come as far as `target`. */
  async #wait(query: TypedQuery, target: Cut, signal?: AbortSignal): Promise<void> {
    const { clock, waitTimeoutMs = 10_000 } = this.#options;
    const { logId, speed } = this.#topic;
    const { name } = this.#tables.plugin;
    const { cut } = await this.#published(signal);
    const unknown = Object.keys(target).find((log) => log !== logId && !(log in cut));
    if (unknown !== undefined) {
      throw new UserError(
        `Cannot wait for a frontier of the log "${unknown}": metric "${name}" follows "${logId}"`,
        { field: "wait_for" },
      );
    }
    await withDeadline(clock, waitTimeoutMs, signal, async (deadline) => {
      if (query.layer === "batch") {
        while (!reaches((await this.#published(signal)).cut, target)) {
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

  #notReached(): NotReadyError {
    const { plugin } = this.#tables;
    return new NotReadyError(
      `Cannot answer metric "${plugin.name}" yet: it has not come as far as wait_for`,
      { field: "wait_for" },
    );
  }
}

interface Bounds {
  readonly first: number | string;
  readonly last: number | string;
}

interface PointerRow {
  readonly run: number | string;
  readonly full_run: number | string;
  readonly skipped: readonly (number | string)[];
  readonly cut: Readonly<Record<string, readonly (number | string)[]>>;
}

/** The frontier that the frontier rows of an answer tell. */
function frontierOf(logId: string, rows: readonly Record<string, unknown>[]): Cut {
  const offsets: bigint[] = [];
  for (const row of rows) {
    const partition = Number(row.frontier) - 1;
    if (partition < 0) continue;
    while (offsets.length <= partition) offsets.push(0n);
    const version = BigInt(row.version as number | string);
    if (version > offsets[partition]) offsets[partition] = version;
  }
  return offsets.length === 0 ? {} : { [logId]: offsets };
}

/** The components of `target` that `covered` has not reached. */
function beyond(target: Cut, covered: Cut): Cut {
  return Object.fromEntries(
    Object.entries(target).map(([log, offsets]) => [
      log,
      offsets.map((offset, partition) => offset > (covered[log]?.[partition] ?? 0n) ? offset : 0n),
    ]),
  );
}
