/** A world for the batch layer: a warehouse, a store in memory and an archive held in a table. */
import { join } from "node:path";
import { createBatchLayer } from "../../runtime/batch/batch_layer.ts";
import type { LocalBatchLayer } from "../../runtime/batch/local_batch_layer.ts";
import type { BatchPlugin } from "../../runtime/batch/plugin_step.ts";
import { decimal, defineSchema, instant, string, uint32 } from "../../runtime/events.ts";
import { type Cut, decodeCut } from "../../runtime/model/frontier.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { avg, count, max, min, type PluginDeclaration, sum, uniq } from "../../runtime/plugin.ts";
import type {
  ArchiveReader,
  Manifest,
  ObjectInfo,
  ObjectStore,
  Warehouse,
} from "../../runtime/ports/ports.ts";
import { generationOf } from "../../runtime/model/generation.ts";
import {
  allTimeRowsSql,
  BatchLevel,
  dayRowsWhere,
  mergedMeasures,
  type PluginTables,
  pointerSql,
  tablesOf,
} from "../../runtime/sql/tables.ts";
import type { ArchivedEvent } from "./batch_events.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { migrate, readMigrations } from "../../runtime/warehouse/migrations.ts";

export const plays = defineSchema({
  topic: "plays.of-movies",
  version: 1,
  summary: "Plays of movies",
  eventId: "id",
  eventTime: "at",
  partitionKey: "user_id",
  fields: {
    id: string(),
    at: instant(),
    user_id: uint32(),
    movie_id: uint32(),
    duration: decimal({ scale: 3, min: 0, max: 1000, nullable: true }),
  },
});

const stream = { relation: { name: "stream" } };

/** A measure of every basic kind, per user and hour. */
export const usersDeclaration: PluginDeclaration<typeof plays> = {
  name: "users",
  summary: "",
  stream,
  key: ({ user_id }) => ({ user_id }),
  measures: ({ duration, movie_id }) => ({
    plays: count(),
    watched: sum(duration),
    shortest: min(duration),
    longest: max(duration),
    mean: avg(duration),
    movies: uniq(movie_id),
  }),
  batch: { sql: "users.sql" },
};
export const usersPlugin = definePlugin(plays, usersDeclaration);

/** A comment, a WITH and columns in another order: all of it is plain SQL. */
export const usersSql = `-- per user; and hour
WITH 1 AS one
SELECT user_id, groupUniqArray(movie_id) AS movies, count() * one AS plays,
  toStartOfHour(event_time) AS bucket, sum(duration) AS watched, min(duration) AS shortest,
  max(duration) AS longest, sum(duration) AS mean_sum, count(duration) AS mean_count
FROM events GROUP BY bucket, user_id; -- done`.replace("; -- done", ";\n");

/** A day's grain and no key at all. */
export const totalsPlugin = definePlugin(plays, {
  name: "totals",
  summary: "",
  stream,
  measures: ({ duration }) => ({ plays: count(), longest: max(duration) }),
  batch: { sql: "totals.sql", grain: "day" },
});

export const totalsSql = `SELECT toDate(event_time) AS bucket, count() AS plays,
  max(duration) AS longest FROM events GROUP BY bucket`;

/** Tables of a plugin; `variant` keeps two of one world apart. */
export function batchPlugin(
  plugin: typeof usersPlugin,
  batchSql: string,
  variant = 0,
): BatchPlugin {
  const facts = { batchSql, decoderVersion: 1, blockSize: 100, horizon: variant };
  return { tables: tablesOf(plugin, generationOf(plugin, facts)), batchSql };
}

/** An object store in memory. */
export function memoryStore(): ObjectStore & { readonly objects: Map<string, Uint8Array> } {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    put(name, bytes, options) {
      if (options?.ifAbsent && objects.has(name)) return Promise.resolve(false);
      objects.set(name, bytes);
      return Promise.resolve(true);
    },
    get: (name) => Promise.resolve(objects.get(name) ?? null),
    stream: () => {
      throw new Error("unexpected");
    },
    async *list(prefix, after = ""): AsyncIterable<ObjectInfo> {
      const names = [...objects.keys()].filter((name) => name.startsWith(prefix) && name > after);
      for (const name of names.sort()) {
        const bytes = objects.get(name);
        if (bytes !== undefined) yield { name, sizeBytes: bytes.length };
      }
    },
    remove(name) {
      objects.delete(name);
      return Promise.resolve();
    },
    tableFunction: () => {
      throw new Error("unexpected");
    },
  };
}

const engine = await Deno.makeTempDir();
let databases = 0;

/** A clock that a test moves; sleeps that can be ended last until they are. */
export class ManualClock {
  ms = Date.parse("2026-01-01T00:00:00Z");
  now = () => this.ms;
  sleep = async (ms: number, signal?: AbortSignal) => {
    if (signal === undefined) this.ms += ms;
    else if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
  };
}

/** A warehouse whose commands that `isHeld` names wait until `go` is called. */
export function heldWarehouse(warehouse: Warehouse, isHeld: (sql: string) => boolean) {
  const reached = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const proxy = new Proxy(warehouse, {
    get: (target, name) => {
      if (name !== "command") return Reflect.get(target, name).bind(target);
      return async (sql: string, ...rest: []) => {
        if (isHeld(sql)) {
          reached.resolve();
          await held.promise;
        }
        return await target.command(sql, ...rest);
      };
    },
  });
  return { warehouse: proxy, reached: reached.promise, go: () => held.resolve() };
}

/** Opens a warehouse with a database of its own in the process's one engine. */
export async function openWarehouse(): Promise<Warehouse> {
  const warehouse = await openEmbeddedWarehouse({
    dir: engine,
    database: `batch_${++databases}`,
    memoryLimitBytes: 2e9,
  });
  await migrate(
    warehouse,
    await readMigrations(join(import.meta.dirname!, "../../sql/migrations")),
  );
  return warehouse;
}

/** One topic's world. */
export class BatchWorld {
  readonly store = memoryStore();
  readonly clock = new ManualClock();
  readonly manifests: Manifest[] = [];
  readonly topic = plays.topic;
  readonly #archiveTable: string;

  private constructor(readonly warehouse: Warehouse, table: string) {
    this.#archiveTable = table;
  }

  static async open(warehouse: Warehouse): Promise<BatchWorld> {
    const table = `archive_${crypto.randomUUID().replaceAll("-", "")}`;
    await warehouse.command(`CREATE TABLE ${table} (
      event_time DateTime64(9, 'UTC'), id String, user_id UInt32, movie_id UInt32,
      duration Nullable(Decimal(18, 3)), log String, partition UInt32, offset UInt64,
      append_time DateTime64(3, 'UTC'), raw String
    ) ENGINE = Memory`);
    return new BatchWorld(warehouse, table);
  }

  /** Archives one block at the end of a partition; `padding` offsets hold no event. */
  async append(
    log: string,
    partition: number,
    events: readonly ArchivedEvent[],
    padding = 0,
  ): Promise<void> {
    const start = this.cut()[log]?.[partition] ?? 0n;
    const rows = events.map((e, i) =>
      `(fromUnixTimestamp64Milli(${e.ms}, 'UTC'), '${e.id}', ${e.user}, ${e.movie}, ` +
      `${e.duration ?? "NULL"}, '${log}', ${partition}, ${start + BigInt(padding + i)}, 0, '')`
    );
    if (rows.length > 0) {
      await this.warehouse.command(`INSERT INTO ${this.#archiveTable} VALUES ${rows.join(", ")}`);
    }
    const days = Map.groupBy(events, (e) => new Date(e.ms).toISOString().slice(0, 10));
    this.manifests.push({
      log,
      partition,
      start,
      end: start + BigInt(padding + Math.max(1, events.length)),
      records: events.length,
      events: events.length,
      deadLetters: 0,
      eventMs: null,
      appendMs: null,
      files: [...days].map(([day, { length: rows }]) => ({
        name: "",
        day,
        rows,
        sizeBytes: 1,
        sha256: "",
      })),
    });
  }

  cut(): Cut {
    const cut: Record<string, bigint[]> = {};
    for (const { log, partition, end } of this.manifests) {
      const offsets = cut[log] ??= [];
      while (offsets.length <= partition) offsets.push(0n);
      if (end > offsets[partition]) offsets[partition] = end;
    }
    return cut;
  }

  archive(): ArchiveReader {
    const { manifests } = this;
    const files = (days: readonly string[] | null) =>
      Promise.resolve(
        manifests.flatMap(({ files }) => files).filter(({ day }) => days?.includes(day) ?? true),
      );
    return {
      files,
      frontier: () => Promise.resolve(this.cut()),
      async *manifests(base, cut) {
        for (const manifest of [...manifests]) {
          const { log, partition, start, end } = manifest;
          const from = base[log]?.[partition] ?? 0n;
          if (start >= from && end <= (cut[log]?.[partition] ?? 0n)) yield manifest;
        }
      },
      check: files,
      relation: (days) =>
        `(SELECT * FROM ${this.#archiveTable} WHERE ${
          days === null ? "1" : `toDate(event_time) IN (${days.map((d) => `'${d}'`).join(", ")})`
        })`,
    };
  }

  layer(
    plugins: readonly BatchPlugin[],
    more: Partial<Parameters<typeof createBatchLayer>[0]> = {},
    create: typeof createBatchLayer = createBatchLayer,
  ): LocalBatchLayer {
    return create({
      schema: plays,
      plugins,
      archive: this.archive(),
      store: this.store,
      warehouse: this.warehouse,
      clock: this.clock,
      horizon: 100,
      settings: { memoryLimitBytes: 1e9 },
      ...more,
    });
  }
}

/** What a reader of a published run sees, rows in order: grain, day and all-time. */
export interface Readable {
  readonly run: number;
  readonly cut: Cut;
  readonly grain: Record<string, unknown>[];
  readonly day: Record<string, unknown>[];
  readonly all: Record<string, unknown>[];
}

/** A published run as a reader holds it. */
export interface HeldPointer {
  readonly run: number;
  readonly full_run: number;
  readonly skipped: readonly number[];
  readonly cut: Record<string, number[]>;
}

export async function readPointer(
  warehouse: Warehouse,
  tables: PluginTables,
): Promise<HeldPointer | null> {
  return (await warehouse.query<HeldPointer>(pointerSql(tables)))[0] ?? null;
}

/** Reads what a pointer selects. */
export async function readRun(
  warehouse: Warehouse,
  tables: PluginTables,
  pointer: HeldPointer,
): Promise<Readable> {
  const { run, full_run, skipped } = pointer;
  const params = { run, full_run, skipped };
  const keys = tables.plugin.keyColumns.map((key) => key.name);
  const sets = tables.plugin.measureColumns.filter((m) => m.sqlType.startsWith("Array("));
  const sorted = sets.map((m) => `arraySort(${m.name}) AS ${m.name}`).join(", ");
  const replace = sorted === "" ? "" : `REPLACE (${sorted})`;
  const level = (name: "grain" | "day") =>
    warehouse.query(
      `SELECT * ${replace} FROM (
        SELECT ${["bucket", ...keys].join(", ")}, ${mergedMeasures(tables.plugin)}
        FROM ${tables.batch} AS t WHERE ${dayRowsWhere(tables, BatchLevel[name])}
        GROUP BY ${["bucket", ...keys].join(", ")}
      ) ORDER BY ${["bucket", ...keys].join(", ")}`,
      { params },
    );
  return {
    run: pointer.run,
    cut: decodeCut(pointer.cut),
    grain: await level("grain"),
    day: await level("day"),
    all: await warehouse.query(
      `SELECT * ${replace} FROM (${allTimeRowsSql(tables)}) ORDER BY ALL`,
      { params },
    ),
  };
}

/** What a reader sees now. */
export async function readPublished(
  warehouse: Warehouse,
  tables: PluginTables,
): Promise<Readable | null> {
  const pointer = await readPointer(warehouse, tables);
  return pointer && await readRun(warehouse, tables, pointer);
}

/** Waits until the engine has removed what it was asked to remove. */
export async function removalsDone(warehouse: Warehouse): Promise<void> {
  const pending =
    "SELECT 1 FROM system.mutations WHERE database = currentDatabase() AND NOT is_done";
  while ((await warehouse.query(pending)).length > 0);
}
