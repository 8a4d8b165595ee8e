/**
 * State tables made by hand from a small table of events, for tests of the serving layer: what the
 * speed and the batch layer would have written, at any frontier and cut.
 */
import hourlyStats from "../../plugins/hourly_stats.ts";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import popularMovies from "../../plugins/popular_movies.ts";
import ratings from "../../plugins/ratings.ts";
import userStats from "../../plugins/user_stats.ts";
import { grainStarts } from "../../runtime/declaration/batch_sql.ts";
import type { Clock } from "../../runtime/std/clock.ts";
import { type Cut, reaches } from "../../runtime/model/frontier.ts";
import type { RecentRows } from "../../runtime/model/recent.ts";
import type { Plugin } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import type {
  FutureEvents,
  Serving,
  SpeedLayer,
  WholeWindows,
} from "../../runtime/ports/services.ts";
import { createServing } from "../../runtime/serving/serving.ts";
import type { ServedTopic, ServingOptions } from "../../runtime/serving/serving_options.ts";
import {
  BatchLevel,
  createBatchTable,
  createSpeedTable,
  mergedMeasures,
  type PluginTables,
  tablesOf,
} from "../../runtime/sql/tables.ts";

export const logId = "local-1";
export const blockSize = 256;
const blockOf = (offset: number) => Math.floor(offset / blockSize) * blockSize;

/** The events of each five minutes, in relations of all layers. */
const fineStats: Plugin = {
  ...hourlyStats,
  name: "fine_stats",
  stream: { ...hourlyStats.stream, relation: { name: "stream_fine_stats" } },
  batch: {
    ...hourlyStats.batch,
    grain: "5minute",
    relation: { name: "batch_fine_stats", by: { bucket: "bucket" } },
  },
  merged: { relation: { name: "merged_fine_stats", by: { bucket: "bucket" } } },
};

/** The four plugins, and one of a finer grain, with their tables. */
export const served: Readonly<Record<string, PluginTables>> = Object.fromEntries(
  [userStats, popularMovies, ratings, hourlyStats, fineStats].map((plugin) => [
    plugin.name,
    tablesOf(plugin, "v1_test"),
  ]),
);

/** A speed layer whose position the test sets. */
export class FakeSpeed implements SpeedLayer {
  at: Cut = { [logId]: [] };
  begin: Cut = { [logId]: [] };
  whole: WholeWindows = { fromMs: null, untilMs: null };
  #waiters: (() => void)[] = [];

  frontier = () => this.at;
  start = () => this.begin;
  wholeWindows = () => Promise.resolve(this.whole);
  recent: () => RecentRows | null = () => null;
  fresh = () => Promise.resolve();

  move(...offsets: number[]): void {
    this.at = { [logId]: offsets.map(BigInt) };
    this.#waiters.splice(0).forEach((wake) => wake());
  }

  async reached(_plugin: string, target: Cut, signal: AbortSignal): Promise<void> {
    while (!reaches(this.at, target) && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }
}

/** A clock whose sleeps end when the test says so. */
export class HandClock implements Clock {
  #sleepers = new Set<() => void>();
  now = () => 0;
  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(wake);
        resolve();
      };
      this.#sleepers.add(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
  /** Ends every sleep. */
  strike(): void {
    for (const wake of [...this.#sleepers]) wake();
  }
}

/** One event of the table `source`. */
export interface SourceEvent {
  readonly partition: number;
  readonly offset: number;
  readonly at: string;
  readonly user_id?: number;
  readonly movie_id?: number;
  readonly event_type?: string;
  readonly duration?: number | null;
  readonly rating?: number | null;
}

/** The world: a database, its events, and what the layers wrote of them. */
export class ServingWorld {
  readonly warehouse: Warehouse;
  readonly speed = new FakeSpeed();
  readonly clock = new HandClock();
  /** Append times below the cut, by partition. */
  appended: readonly (number | null)[] = [];
  watermarkMs = -1;
  /** The future events that the ledger knows. */
  future: FutureEvents | null = null;
  readonly serving: Serving;
  readonly #plugins: readonly PluginTables[];

  constructor(
    warehouse: Warehouse,
    options: Partial<ServingOptions> = {},
    plugins: readonly PluginTables[] = Object.values(served),
    { create = createServing, ...topic }: Pick<ServedTopic, "earlierLogs"> & {
      readonly create?: typeof createServing;
    } = {},
  ) {
    this.warehouse = warehouse;
    this.#plugins = plugins;
    const { speed, clock } = this;
    this.serving = create({
      topics: [{
        schema: movieViewing,
        logId,
        plugins,
        speed,
        ...topic,
        future: () => Promise.resolve(this.future),
        watermarkMs: () => Promise.resolve(this.watermarkMs),
        appended: () => Promise.resolve(this.appended),
      }],
      warehouse,
      clock,
      ...options,
    });
  }

  /** Makes all tables anew, empty. */
  async clear(): Promise<void> {
    const { warehouse } = this;
    await warehouse.command("DROP TABLE IF EXISTS source SYNC");
    await warehouse.command(`CREATE TABLE source (partition UInt32, offset UInt64,
      event_time DateTime64(9, 'UTC'), user_id UInt32, movie_id UInt32,
      event_type Enum8('view' = 1, 'pause' = 2, 'resume' = 3, 'complete' = 4, 'rating' = 5),
      duration Nullable(Decimal(18, 3)), rating Nullable(Decimal(18, 2)))
      ENGINE = MergeTree ORDER BY (partition, offset)`);
    for (const tables of this.#plugins) {
      await warehouse.command(`DROP TABLE IF EXISTS ${tables.batch} SYNC`);
      await warehouse.command(`DROP TABLE IF EXISTS ${tables.speed(logId)} SYNC`);
      await warehouse.command(createBatchTable(tables));
      await warehouse.command(createSpeedTable(tables, logId));
    }
    this.speed.begin = { [logId]: [] };
    this.speed.whole = { fromMs: null, untilMs: null };
    this.speed.move();
  }

  /** Takes events in, as given. */
  async events(events: readonly SourceEvent[]): Promise<void> {
    const rows = events.map((e) =>
      `(${e.partition}, ${e.offset}, '${e.at}', ${e.user_id ?? 1}, ${e.movie_id ?? 1}, ` +
      `'${e.event_type ?? "view"}', ${e.duration ?? "NULL"}, ${e.rating ?? "NULL"})`
    );
    await this.warehouse.command(`INSERT INTO source VALUES ${rows.join(", ")}`);
  }

  /** Takes `perPartition` generated events in for each of three partitions, some of them late. */
  async generate(perPartition: number): Promise<void> {
    await this.warehouse.command(`INSERT INTO source SELECT number % 3, intDiv(number, 3),
      toDateTime64('2024-03-01 00:00:00', 9, 'UTC') + toIntervalSecond(
        number * 40 - if(cityHash64(number, 1) % 20 = 0, least(number * 40, 90000), 0)),
      cityHash64(number, 2) % 40, cityHash64(number, 3) % 300, 1 + cityHash64(number, 4) % 5,
      if(cityHash64(number, 5) % 3 = 0, NULL, toDecimal64(cityHash64(number, 6) % 9999999, 3) / 1000),
      if(cityHash64(number, 7) % 4 = 0, toDecimal64((cityHash64(number, 8) % 1000) / 100, 2), NULL)
      FROM numbers(${perPartition * 3})`);
  }

  /** What a plugin's batch SQL gives over the events that `where` keeps. */
  async grainRows(
    plugin: Plugin,
    where: string,
    step = `${grainStarts[plugin.batch.grain]}(event_time)`,
  ) {
    const { sql: declared } = plugin.batch;
    const text = declared.endsWith(".sql")
      ? await Deno.readTextFile(new URL(`../../sql/${declared}`, import.meta.url))
      : declared;
    const sql = text.replace(/toStartOf\w+\(event_time\)/, step);
    return `WITH events AS (SELECT * FROM source WHERE ${where}) ${sql}`;
  }

  /** Writes a speed flush of one partition: every block of `[from, to)`, with its frontier row. */
  async flush(tables: PluginTables, partition: number, from: number, to: number): Promise<void> {
    const { plugin } = tables;
    for (let block = blockOf(from); block < to; block += blockSize) {
      const end = Math.min(block + blockSize, to);
      const rows = await this.grainRows(
        plugin,
        `partition = ${partition} AND intDiv(offset, ${blockSize}) = ${
          block / blockSize
        } AND offset < ${end}`,
        "toDateTime(toStartOfInterval(event_time, INTERVAL 10 SECOND), 'UTC')",
      );
      const list = [...plugin.keyColumns, ...plugin.measureColumns].map((c) => c.name).join(", ");
      const defaults = [...plugin.keyColumns, ...plugin.measureColumns].map((c) =>
        `defaultValueOfTypeName('${c.sqlType.replaceAll("'", "\\'")}') AS ${c.name}`
      );
      const open = end === block + blockSize ? end : block;
      await this.warehouse.command(`INSERT INTO ${tables.speed(logId)}
        (kind, partition, block, window_start, ${list}, version)
        SELECT 0 AS k, ${partition} AS p, toUInt64(${block}) AS b, bucket, ${list},
          toUInt64(${end}) AS v FROM (${rows})
        UNION ALL SELECT 1 AS k, ${partition} AS p, toUInt64(${open}) AS b, toDateTime(0, 'UTC'),
          ${defaults.join(", ")}, toUInt64(${end}) AS v`);
    }
  }

  /** Writes and publishes a run. Without `base` it is a full one. */
  async publish(
    tables: PluginTables,
    run: number,
    cut: readonly number[],
    options: { base?: readonly number[]; fullRun?: number; orphan?: boolean } = {},
  ): Promise<void> {
    const { plugin, batch } = tables;
    const keys = plugin.keyColumns.map((c) => c.name).join(", ");
    const names = [...plugin.keyColumns, ...plugin.measureColumns].map((c) => c.name).join(", ");
    const below = belowSql(cut);
    const days = options.base === undefined
      ? "1"
      : `toDate(event_time) IN (SELECT toDate(event_time) FROM source WHERE ${below} AND NOT (${
        belowSql(options.base)
      }))`;
    const grain = await this.grainRows(plugin, `${below} AND ${days}`);
    const whole = await this.grainRows(plugin, below);
    // A table partition for each month: a run writes fewer days at once.
    const into = `INSERT INTO ${batch} (level, run, bucket, ${names}, day_rows)
      SETTINGS max_partitions_per_insert_block = 0`;
    const write = (sql: string) => this.warehouse.command(sql);
    await write(`${into} SELECT ${BatchLevel.grain}, ${run}, bucket, ${names}, 0 FROM (${grain})`);
    await write(`${into} SELECT ${BatchLevel.day}, ${run}, toStartOfDay(bucket) AS day,
      ${keys}, ${mergedMeasures(plugin)}, 0 FROM (${grain}) GROUP BY day, ${keys}`);
    await write(`${into} SELECT ${BatchLevel.all}, ${run}, toDateTime(0, 'UTC'), ${keys},
      ${mergedMeasures(plugin)}, count() FROM (${whole})
      WHERE (${keys}) IN (SELECT ${keys} FROM (${grain})) GROUP BY ${keys}`);
    if (options.orphan) return;
    const fullRun = options.fullRun ?? run;
    await this.warehouse.command(
      `INSERT INTO ${batch} (level, run, bucket, full_run, cut)
      SELECT ${BatchLevel.marker} AS a, ${run} AS b, toDateTime(toStartOfDay(bucket), 'UTC') AS day,
      ${fullRun} AS c, map('', [])
      FROM (${grain}) GROUP BY day
      UNION ALL SELECT ${BatchLevel.pointer} AS a, ${run} AS b, toDateTime(0, 'UTC'), ${fullRun} AS c,
      map('${logId}', {cut:Array(UInt64)})`,
      { params: { cut } },
    );
  }

  /** The rows that an answer must have, straight from the events below `cut`. */
  truth(
    tables: PluginTables,
    cut: readonly number[],
    options: { group?: string; where?: string; order: string; limit?: number },
  ): Promise<Record<string, unknown>[]> {
    const { plugin } = tables;
    const { group = "", where = "1", order, limit = 100 } = options;
    const keys = plugin.keyColumns.map((c) => c.name);
    const by = [...(group === "" ? [] : ["slot"]), ...keys].join(", ");
    return this.grainRows(
      plugin,
      `${belowSql(cut)} AND (${where})`,
      group || undefined,
    ).then((rows) =>
      this.warehouse.query(
        `SELECT ${group === "" ? "" : "slot AS bucket, "}${
          [...keys, ...plugin.shownColumns.map((s) => `${s.sql} AS ${s.name}`)].join(", ")
        } FROM (SELECT ${group === "" ? "" : "bucket AS slot, "}${keys.join(", ")},
        ${mergedMeasures(plugin)} FROM (${rows}) GROUP BY ${by}) AS merged
        ORDER BY ${order} LIMIT ${limit}`,
      )
    );
  }
}

/** The events below a cut. */
export function belowSql(cut: readonly number[]): string {
  const parts = cut.map((at, partition) => `partition = ${partition} AND offset < ${at}`);
  return `(${parts.join(" OR ") || "0"})`;
}
