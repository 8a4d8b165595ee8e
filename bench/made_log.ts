/** Logs and worlds of made-up events: the same events in every run. */
import { join } from "node:path";
import { systemClock } from "../runtime/std/clock.ts";
import { createDecoder, DECODER_VERSION } from "../runtime/decode/decoder.ts";
import { createIngest } from "../runtime/engine/ingest.ts";
import { loadDeclarations, type LoadedPlugin } from "../runtime/engine/load_plugins.ts";
import { pluginFolders } from "../runtime/engine/plugin_folders.ts";
import { openSqliteLog } from "../runtime/log/sqlite_log.ts";
import type { Plugin } from "../runtime/plugin.ts";
import type { EventLog, Warehouse } from "../runtime/ports/ports.ts";
import { simulate } from "../plugins/viewing/simulator.ts";
import type { SpeedLayerOptions } from "../runtime/speed/speed_options.ts";
import { type LogSpeedLayer, openSpeedLayer } from "../runtime/speed/speed_layer.ts";
import { generationOf } from "../runtime/model/generation.ts";
import { type PluginTables, tablesOf } from "../runtime/sql/tables.ts";
import { openEmbeddedWarehouse } from "../runtime/warehouse/embedded_warehouse.ts";
import { migrate, readMigrations } from "../runtime/warehouse/migrations.ts";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";

/** The folder that holds `plugins/` and `sql/`. */
export const root = new URL("..", import.meta.url).pathname;

const START_MS = Date.UTC(2026, 0, 1);
const AUDIENCE = { users: 20_000, movies: 2_000 };
const PARTITIONS = 4;
const BLOCK_SIZE = 65_536;
const HORIZON = 2 ** 20;
const BODY_BYTES = 8 << 20;

/** NDJSON bodies of about 8 MiB; `rate` is in events per second of event time. */
export function* bodies(events: number, rate: number): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let parts: string[] = [];
  let [made, sizeBytes] = [0, 0];
  for (const chunk of simulate({ rate, startMs: START_MS, ...AUDIENCE })) {
    parts.push(chunk.ndjson);
    made += chunk.events;
    sizeBytes += chunk.ndjson.length;
    if (made < events && sizeBytes < BODY_BYTES) continue;
    yield encoder.encode(parts.join(""));
    if (made >= events) return;
    [parts, sizeBytes] = [[], 0];
  }
}

/** A log in `dir` with made-up events. @returns the log and how many records it has. */
export async function madeLog(
  dir: string,
  events: number,
  rate: number,
): Promise<{ log: EventLog; records: number }> {
  const { topic } = movieViewing;
  const path = join(dir, "log.sqlite");
  const log = openSqliteLog({ path, topic, partitions: PARTITIONS, clock: systemClock });
  const ingest = createIngest([{ schema: movieViewing, log }]);
  let records = 0;
  for (const body of bodies(events, rate)) {
    records += (await ingest.ingest(ReadableStream.from([body]), "ndjson")).accepted;
  }
  return { log, records };
}

const measured = new Set(["hourly_stats", "popular_movies", "ratings", "user_stats"]);

/** The four plugins that all figures are of, whatever else is in the folder. */
export async function fourPlugins(): Promise<LoadedPlugin[]> {
  return (await loadDeclarations(pluginFolders(root))).plugins.filter(({ plugin }) =>
    measured.has(plugin.name)
  );
}

/** The same with the names of their tables. */
export async function pluginTables(): Promise<PluginTables[]> {
  return (await fourPlugins()).map(({ plugin, batchSql }) => withTables(plugin, batchSql));
}

/** A plugin with the names of its tables. */
export function withTables(plugin: Plugin, batchSql: string): PluginTables {
  const facts = { batchSql, decoderVersion: DECODER_VERSION, blockSize: BLOCK_SIZE };
  return tablesOf(plugin, generationOf(plugin, { ...facts, horizon: HORIZON }));
}

/** A warehouse in `dir`, migrated. */
export async function benchWarehouse(dir: string, database: string) {
  const memoryLimitBytes = 4 * 2 ** 30;
  const warehouse = await openEmbeddedWarehouse({ dir, database, memoryLimitBytes });
  await migrate(warehouse, await readMigrations(join(root, "sql/migrations")));
  return warehouse;
}

/** A speed layer with the settings that `start` has. */
export async function speedLayer(
  log: EventLog,
  warehouse: Warehouse,
  plugins: readonly PluginTables[],
  options: Partial<SpeedLayerOptions> = {},
): Promise<LogSpeedLayer> {
  return await openSpeedLayer({
    schema: movieViewing,
    log,
    plugins,
    warehouse,
    createDecoder,
    clock: systemClock,
    blockSize: BLOCK_SIZE,
    horizon: HORIZON,
    flushIntervalMs: 500,
    ledger: {
      topic: movieViewing.topic,
      schemaVersion: movieViewing.version,
      decoderVersion: DECODER_VERSION,
      blockSize: BLOCK_SIZE,
      horizon: HORIZON,
      lateAfterMs: 10_000,
      futureAfterMs: 3_600_000,
    },
    onProblem: (message, error) => console.error(message, error),
    ...options,
  });
}

/** The end of every partition, as a frontier to reach. */
export async function endOf(log: EventLog): Promise<Record<string, bigint[]>> {
  const ends: bigint[] = [];
  for (let partition = 0; partition < log.partitionCount(); partition++) {
    ends.push((await log.bounds(partition)).end);
  }
  return { [log.id]: ends };
}
