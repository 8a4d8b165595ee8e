/** What the questions to one metric have in common: its tables, the run to read, its statements. */
import { BusyError, DamagedError, NotReadyError } from "../std/errors.ts";
import { type Cut, encodeFrontier, furthest, reaches } from "../model/frontier.ts";
import type { RecentRows } from "../model/recent.ts";
import type {
  AnsweringGeneration,
  AnswerOfMetric,
  Coverage,
  EventRange,
  Layer,
  MetricAnswer,
  NotComparedSince,
  WholeWindows,
} from "../ports/services.ts";
import type { PluginTables } from "../sql/tables.ts";
import { joinedSeconds } from "../sql/merged_rows.ts";
import { Semaphore } from "../std/semaphore.ts";
import { withDeadline } from "./deadline.ts";
import { type CoveredRange, windowRanges } from "./grain_ranges.ts";
import { actionOf, type TypedQuery } from "./metric_query.ts";
import type { MetricSql, MetricSqlInput } from "./metric_sql.ts";
import { type Published, PublishedRuns } from "./published_runs.ts";
import type { ServedTopic, ServingOptions } from "./serving_options.ts";
import { eventRange, refuseMissing } from "./whole_ranges.ts";

/** Frontier rows to make room for beyond those of the partitions that are known. */
export const SPARE_FRONTIER_ROWS = 16;

/** Options of the serving layer with what all metrics share. */
export interface SharedOptions extends ServingOptions {
  readonly published: PublishedRuns;
  /** Taken for each statement that answers a question. */
  readonly turns: Semaphore;
  /** Threads of a statement: all that run at once have the cores between them. */
  readonly threads: number;
}

/**
 * Statements at once: planning one takes most of its time and one core, so more of them than cores
 * make all of them late. Few enough to leave connections to those who ask no metric.
 */
const DEFAULT_STATEMENTS = Math.min(Math.max(navigator.hardwareConcurrency, 2), 4);

/** Fills in what all metrics share. */
export function sharedOptions(options: ServingOptions): SharedOptions {
  const { warehouse, clock, statements = DEFAULT_STATEMENTS } = options;
  return {
    ...options,
    published: options.published ?? new PublishedRuns({ warehouse, clock }),
    turns: new Semaphore(statements),
    threads: Math.max(1, Math.floor(navigator.hardwareConcurrency / statements)),
  };
}

/** Which times an answer counts, and from what. */
type WindowedQuery = CoveredRange & Pick<TypedQuery, "layer" | "bucket">;

/** Whether a merged answer counts some of its range from windows. */
const takesWindows = (query: WindowedQuery): boolean =>
  query.layer === "merged" && windowRanges(query).length > 0;

/** The rows of one metric. */
export class MetricSource {
  readonly options: SharedOptions;
  readonly topic: ServedTopic;
  readonly tables: PluginTables;

  constructor(options: SharedOptions, topic: ServedTopic, tables: PluginTables) {
    this.options = options;
    this.topic = topic;
    this.tables = tables;
  }

  /** How far the speed rows of this process reach. */
  frontier(): Cut {
    return this.topic.speed.frontier(this.tables.plugin.name);
  }

  /** The time of the topic's newest event; see `ServedTopic.watermarkMs`. */
  async watermarkMs(): Promise<number> {
    return await this.topic.watermarkMs?.() ?? -1;
  }

  /** Waits until the tables hold what lies below `target`. @throws the signal's reason. */
  async flushed(target: Cut, signal: AbortSignal): Promise<void> {
    await this.topic.speed.reached(this.tables.plugin.name, target, signal);
    signal.throwIfAborted();
  }

  /** The rows from a cut on that are in this process's memory; null where some are not. */
  recent(cut: Cut): RecentRows | null {
    return this.topic.speed.recent(this.tables.plugin.name, cut);
  }

  /** The newest published run. */
  async published(signal?: AbortSignal): Promise<Published> {
    return await this.options.published.of(this.tables, this.topic.runsEnded?.() ?? 0, signal);
  }

  /** See `MetricAnswer.not_compared`; asked after the answer is read. */
  async notCompared(layer: Layer, signal?: AbortSignal): Promise<NotComparedSince | null> {
    const { options: { published }, topic, tables } = this;
    if (layer === "speed") return null;
    return await published.notCompared(tables, topic.runsEnded?.() ?? 0, signal);
  }

  /** See `MetricAnswer.kept_from`. */
  async kept(layer: Layer): Promise<Pick<MetricAnswer, "kept_from" | "kept_until">> {
    if (layer !== "speed") return { kept_from: null, kept_until: null };
    const { fromMs, untilMs } = await this.wholeWindows();
    // A session that began in windows that are gone would seem to begin after them.
    const { plugin } = this.tables;
    const { sizeSeconds } = plugin.stream.window;
    const joinedMs = 1000 * sizeSeconds * Math.ceil(joinedSeconds(plugin) / sizeSeconds);
    return {
      kept_from: isoOrNull(fromMs === null ? null : fromMs + joinedMs),
      kept_until: isoOrNull(untilMs),
    };
  }

  /** The windows that hold all events, those of earlier logs too. */
  async wholeWindows(): Promise<WholeWindows> {
    const { topic, options: { clock }, tables: { plugin: { name, stream } } } = this;
    const { cut } = await this.published().catch(() => ({ cut: {} }));
    // What is not known may be as new as anything.
    const earlierMs = await topic.earlierLogs?.(cut).catch(() => clock.now()) ?? -1;
    const { fromMs, untilMs } = await topic.speed.wholeWindows(name);
    if (earlierMs < 0) return { fromMs, untilMs };
    const sizeMs = stream.window.sizeSeconds * 1000;
    const behindMs = (Math.floor(earlierMs / sizeMs) + 1) * sizeMs;
    return { fromMs: Math.max(fromMs ?? 0, behindMs), untilMs };
  }

  /**
   * Reads what an answer counts. The windows that it takes in place of whole grains have to be whole
   * before they are read, and still be so afterwards: their rows may have been removed meanwhile.
   *
   * @throws {UnansweredRangeError} where they are not.
   */
  async whole<T>(query: WindowedQuery, read: () => Promise<T>): Promise<T> {
    if (!takesWindows(query)) return await read();
    const { plugin } = this.tables;
    const refuse = async () =>
      refuseMissing(actionOf(plugin), plugin, query, await this.wholeWindows());
    await refuse();
    const found = await read();
    await refuse();
    return found;
  }

  /** See `MetricAnswer.speed_ranges`. */
  speedRanges(query: WindowedQuery): EventRange[] {
    return takesWindows(query) ? windowRanges(query).map(eventRange) : [];
  }

  /** See `SeriesAnswer.covered`; null of an empty log. */
  async covered(cut: Cut, frontier: Cut): Promise<Coverage | null> {
    const { logId, appended } = this.topic;
    const reached = sumOf(frontier);
    if (reached === 0) return null;
    const below = cut[logId] ?? [];
    const behind = [...frontier[logId]?.entries() ?? []]
      .filter(([partition, offset]) => offset > (below[partition] ?? 0n));
    const appendedMs = behind.length === 0 ? [] : await appended?.(below) ?? [];
    const times = behind.map(([partition]) => appendedMs[partition] ?? null);
    return {
      share: sumOf(cut) / reached,
      until: times.length === 0 || times.includes(null)
        ? null
        : isoOrNull(Math.min(...times as number[])),
    };
  }

  /**
   * Which generation answers, whether it stands still or is about to be replaced, and the problems of
   * the same moment.
   */
  standing(): AnsweringGeneration & Pick<AnswerOfMetric, "problems"> {
    const { options: { concerning }, tables: { plugin, generation }, topic } = this;
    const problems = concerning?.(plugin.name, topic.schema.topic) ?? [];
    const served = topic.served?.(plugin.name);
    // An answer that was begun before a change is one of the generation that it was begun with.
    if (served?.tables.generation !== generation) {
      return { generation, frozen_at: null, rebuilding: null, problems };
    }
    return { generation, frozen_at: served.frozenAt, rebuilding: served.rebuilding, problems };
  }

  /**
   * The run to read, and its cut; the speed tables are up to date then.
   *
   * @throws NotReadyError where events would be missing.
   */
  async asOf(layer: Layer, signal: AbortSignal): Promise<Published> {
    if (layer !== "batch") await this.topic.speed.fresh();
    if (layer === "speed") return { run: null, cut: {}, published: null };
    const published = await this.published(signal);
    if (layer === "merged") this.#refuseGap(published.cut);
    else if (published.run === null) throw this.#unpublished();
    return published;
  }

  /**
   * The cut that divides a series into batch and speed: its own, and that of the newest run where the
   * speed layer answers. Null where nothing does: then the batch layer answers, or the speed layer
   * does so without the batch tables, which cannot be read.
   */
  async dividedAt(layer: Layer, { cut }: Published, signal: AbortSignal): Promise<Cut | null> {
    if (layer === "batch") return null;
    if (layer === "merged") return cut;
    return await this.published(signal).then((newest) => newest.cut, () => null);
  }

  #unpublished(): NotReadyError {
    const { plugin: { name }, generation } = this.tables;
    return new NotReadyError(
      `Cannot answer metric "${name}" from the batch layer yet: generation ${generation} waits ` +
        `for its first batch run`,
      { topic: this.topic.schema.topic, field: "layer" },
    );
  }

  /**
   * Merging needs the speed rows to begin at or below the cut, and a run that has read the logs before
   * the present one: else events would be missing.
   */
  #refuseGap(cut: Cut): void {
    const { plugin } = this.tables;
    if (this.topic.served?.(plugin.name)?.lacksEarlierLogs) {
      throw new NotReadyError(
        `Cannot merge metric "${plugin.name}": archived events of an earlier log wait for a batch run`,
        { topic: this.topic.schema.topic, field: "layer" },
      );
    }
    const start = this.topic.speed.start(plugin.name);
    if (reaches(cut, start)) return;
    throw new NotReadyError(
      `Cannot merge metric "${plugin.name}": the events between the cut ` +
        `"${encodeFrontier(cut)}" and the start of the speed rows "${encodeFrontier(start)}" ` +
        `wait for a batch run`,
      { topic: this.topic.schema.topic, field: "layer" },
    );
  }

  /** What a statement as of a run is built from, beside the question. */
  inputs({ run, cut }: Published): Omit<MetricSqlInput, "query"> {
    const { logId } = this.topic;
    const known = Math.max(this.frontier()[logId]?.length ?? 0, cut[logId]?.length ?? 0);
    const frontierRows = known + SPARE_FRONTIER_ROWS;
    const { threads } = this.options;
    return { tables: this.tables, logId, run, cut: cut[logId] ?? [], frontierRows, threads };
  }

  /**
   * The frontier of an answer from the tables: of the cut, and of the frontier rows among `rows`.
   *
   * @param acknowledged how far the speed rows reached before they were read.
   * @throws DamagedError where rows that were there are not: no answer goes back.
   * @throws NotReadyError where windows lack events below the cut.
   */
  reached(
    query: WindowedQuery,
    rows: readonly Readonly<Record<string, unknown>>[],
    cut: Cut,
    acknowledged: Cut,
  ): Cut {
    const { logId, schema: { topic } } = this.topic;
    const written = this.frontierOf(rows);
    if (takesWindows(query) && !reaches(written, { [logId]: cut[logId] ?? [] })) {
      throw new NotReadyError(
        `${actionOf(this.tables.plugin)}: the speed rows end at "${encodeFrontier(written)}", ` +
          `below the cut "${
            encodeFrontier(cut)
          }", and ranges outside of whole grains wait for them`,
        { topic },
      );
    }
    const frontier = furthest(cut, written);
    if (reaches(frontier, acknowledged)) return frontier;
    throw new DamagedError(
      `table ${this.tables.speed(this.topic.logId)}`,
      `the newest rows are missing: they reached "${encodeFrontier(acknowledged)}" and end at ` +
        `"${encodeFrontier(frontier)}"`,
    );
  }

  /** The frontier that the frontier rows among `rows` tell; `{}` where there are none. */
  frontierOf(rows: readonly Readonly<Record<string, unknown>>[]): Cut {
    const offsets: bigint[] = [];
    for (const row of rows) {
      const partition = Number(row.frontier) - 1;
      if (partition < 0) continue;
      while (offsets.length <= partition) offsets.push(0n);
      const version = BigInt(row.version as number | string);
      if (version > offsets[partition]) offsets[partition] = version;
    }
    return offsets.length === 0 ? {} : { [this.topic.logId]: offsets };
  }

  /** Runs a statement, whose turn it is. */
  async ask<Row = Record<string, unknown>>(
    { sql, params, settings }: MetricSql,
    signal: AbortSignal,
  ): Promise<Row[]> {
    return await this.options.warehouse.query<Row>(sql, { params, settings, signal });
  }

  /** Runs `action` when it is its turn. */
  async inTurn<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    const { turns } = this.options;
    using _turn = await turns.take(signal);
    return await action();
  }

  /** Runs `action` within the longest time that a question may take. */
  async inTime<T>(
    signal: AbortSignal | undefined,
    action: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, queryTimeoutMs = 10_000 } = this.options;
    return await withDeadline(clock, queryTimeoutMs, signal, async (deadline) => {
      try {
        return await action(deadline.signal);
      } catch (error) {
        if (!deadline.expired()) throw error;
        const what = `Cannot query metric "${this.tables.plugin.name}": it took longer than ` +
          `${queryTimeoutMs} ms; ask for less, by key or by time`;
        throw new BusyError(what, { cause: error });
      }
    });
  }
}

const sumOf = (cut: Cut) =>
  Object.values(cut).flat().reduce((sum, offset) => sum + Number(offset), 0);

const isoOrNull = (ms: number | null) => ms === null ? null : new Date(ms).toISOString();
