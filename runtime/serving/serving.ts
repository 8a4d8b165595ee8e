/**
 * The serving layer: one number from two layers. The pointer of the published run is read first and
 * bound; then one statement reads batch rows of that run and speed rows from its cut on.
 */
import type { Clock } from "../clock.ts";
import { ExternalError, NotFoundError, NotReadyError, UserError } from "../errors.ts";
import type { EventSchema } from "../events.ts";
import { type Cut, cutOfRow, encodeFrontier, furthest, reaches } from "../frontier.ts";
import type { Warehouse } from "../ports.ts";
import type { MetricAnswer, MetricQuery, Serving, SpeedLayer } from "../services.ts";
import { type PluginTables, pointerSql } from "../tables.ts";
import { withDeadline } from "./deadline.ts";
import { answerColumns, metricInfo } from "./metric_info.ts";
import { readMetricQuery, type TypedQuery } from "./metric_query.ts";
import { metricSql } from "./metric_sql.ts";

/** A topic that is served. */
export interface ServedTopic {
  readonly schema: EventSchema;
  /** The log that the speed layer follows. */
  readonly logId: string;
  readonly plugins: readonly PluginTables[];
  readonly speed: SpeedLayer;
}

/** Options of {@link createServing}. */
export interface ServingOptions {
  readonly topics: readonly ServedTopic[];
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /** The greatest `limit` of a question. Default 10,000. */
  readonly maxLimit?: number;
  /** The longest that a statement may take, in milliseconds. Default 10,000. */
  readonly queryTimeoutMs?: number;
  /** The longest that `wait_for` waits, in milliseconds. Default 10,000. */
  readonly waitTimeoutMs?: number;
}

/** The published run of a plugin. */
interface Published {
  readonly run: { readonly run: number; readonly fullRun: number } | null;
  readonly cut: Cut;
}

/** How often `layer=batch` looks for a new run while it waits, in milliseconds. */
const POLL_MS = 200;

/** Frontier rows to make room for beyond those of the partitions that are known. */
const SPARE_FRONTIER_ROWS = 16;

/** Creates the serving layer over the tables of the given topics. */
export function createServing(options: ServingOptions): Serving {
  const { topics, maxLimit = 10_000 } = options;
  const metrics = new Map(
    topics.flatMap((topic) =>
      topic.plugins.map((tables) =>
        [tables.plugin.name, new Metric(options, topic, tables)] as const
      )
    ),
  );
  return {
    metrics: () =>
      topics.flatMap((topic) => topic.plugins.map((tables) => metricInfo(tables.plugin))),
    async query(name, query, signal) {
      const metric = metrics.get(name);
      if (metric === undefined) {
        throw new NotFoundError(
          `Cannot query metric: wanted one of ${[...metrics.keys()].join(", ")}, got ${
            JSON.stringify(name.slice(0, 80))
          }`,
          { field: "metric" },
        );
      }
      return await metric.answer(query, maxLimit, signal);
    },
  };
}

/** One metric's questions. */
class Metric {
  readonly #options: ServingOptions;
  readonly #topic: ServedTopic;
  readonly #tables: PluginTables;

  constructor(options: ServingOptions, topic: ServedTopic, tables: PluginTables) {
    this.#options = options;
    this.#topic = topic;
    this.#tables = tables;
  }

  async answer(query: MetricQuery, maxLimit: number, signal?: AbortSignal): Promise<MetricAnswer> {
    const typed = readMetricQuery(this.#tables.plugin, query, maxLimit);
    if (typed.waitFor !== null) await this.#wait(typed, typed.waitFor, signal);
    const { clock, queryTimeoutMs = 10_000 } = this.#options;
    return await withDeadline(clock, queryTimeoutMs, signal, async (deadline) => {
      try {
        return await this.#read(typed, deadline.signal);
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
    const published = query.layer === "speed"
      ? { run: null, cut: {} }
      : await this.#published(signal);
    if (query.layer === "merged") this.#refuseGap(published.cut);
    const nothing = query.layer === "batch" && published.run === null;
    const { rows, frontier } = nothing
      ? { rows: [], frontier: {} }
      : await this.#rows(query, published, signal);
    const answer = {
      metric: plugin.name,
      layer: query.layer,
      cut: encodeFrontier(published.cut),
      frontier: encodeFrontier(frontier),
      kept_from: query.layer === "speed" ? await speed.wholeFrom(plugin.name) : null,
      columns: answerColumns(plugin, query.bucket),
      rows,
    };
    if (query.waitFor !== null && !reaches(frontier, query.waitFor)) throw this.#notReached();
    return answer;
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
    const { warehouse } = this.#options;
    const { logId, speed } = this.#topic;
    const { plugin } = this.#tables;
    let frontierRows = Math.max(
      speed.frontier(plugin.name)[logId]?.length ?? 0,
      cut[logId]?.length ?? 0,
    ) + SPARE_FRONTIER_ROWS;
    for (;;) {
      const { sql, params, settings } = metricSql({
        ...{ tables: this.#tables, logId, query, run, cut: cut[logId] ?? [], frontierRows },
      });
      const found = await warehouse.query(sql, { params, settings, signal });
      const data = found.filter((row) => Number(row.frontier) === 0);
      const all = found.length < query.limit + frontierRows || data.length >= query.limit;
      if (!all) {
        // More partitions than were known took the place of data rows: ask again with room.
        frontierRows = found.length - data.length + SPARE_FRONTIER_ROWS;
        continue;
      }
      const names = answerColumns(plugin, query.bucket).map((column) => column.name);
      const rows = data.slice(0, query.limit).map((row) =>
        Object.fromEntries(names.map((name) => [name, row[name] ?? null]))
      );
      return { rows, frontier: furthest(cut, frontierOf(logId, found)) };
    }
  }

  async #published(signal?: AbortSignal): Promise<Published> {
    const rows = await this.#options.warehouse.query<PointerRow>(pointerSql(this.#tables), {
      signal,
    });
    if (rows.length === 0) return { run: null, cut: {} };
    const [{ run, full_run, cut }] = rows;
    return { run: { run: Number(run), fullRun: Number(full_run) }, cut: cutOfRow(cut) };
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

interface PointerRow {
  readonly run: number | string;
  readonly full_run: number | string;
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
