/**
 * Queries over 10 M events of history in the batch tables and the last hour in the speed
 * tables. Yardstick: `SELECT 1` in the same run. Aim: p99 below 30 ms.
 *
 * Run: `deno run -A bench/queries.ts [--quick]`
 */
import { systemClock } from "../runtime/std/clock.ts";
import type { Warehouse } from "../runtime/ports/ports.ts";
import type { MetricQuery, SpeedLayer } from "../runtime/ports/services.ts";
import { createServing } from "../runtime/serving/serving.ts";
import { createSpeedTable, type PluginTables } from "../runtime/sql/tables.ts";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import { line, quantile, quick, title } from "./figures.ts";
import * as made from "./made_archive.ts";
import { benchWarehouse, fourPlugins, pluginTables } from "./made_log.ts";

const ROUNDS = quick ? 100 : 300;
const HOUR_MS = 3_600_000;
/** The hour behind the history: what the speed layer alone has. */
const hourMs = Date.parse(`${made.dayOf(made.files - 1)}T00:00:00Z`) + 24 * HOUR_MS;
const BLOCK_SIZE = 65_536;
const BLOCKS = 4;
const KEYS_PER_WINDOW = 200;

/** SQL of the value that a measure or key has in row `number`. */
const sqlOf: Readonly<Record<string, string>> = {
  user_id: "toUInt32(cityHash64(number, 1) % 100000)",
  movie_id: "toUInt32(pow(cityHash64(number, 2) % 1000 / 1000, 2) * 10000)",
  event_type: "CAST(toInt8(number % 5 + 1) AS Enum8('view' = 1, 'pause' = 2, 'resume' = 3, " +
    "'complete' = 4, 'rating' = 5))",
  movies_watched: "[toUInt32(number % 10000), toUInt32(number % 7777)]",
};

/** Speed rows of the last hour: some blocks per partition, in parts as flushes leave them. */
async function fillSpeedTable(warehouse: Warehouse, tables: PluginTables, cut: readonly bigint[]) {
  await warehouse.command(createSpeedTable(tables, made.LOG));
  const { keyColumns, measureColumns, stream } = tables.plugin;
  const values = [...keyColumns, ...measureColumns].map(({ name }) => sqlOf[name] ?? "3");
  const windows = HOUR_MS / 1000 / stream.window.sizeSeconds / BLOCKS;
  for (let block = 0; block < BLOCKS; block++) {
    for (let partition = 0; partition < made.PARTITIONS; partition++) {
      const start = cut[partition] + BigInt(block * BLOCK_SIZE);
      const end = start + BigInt(BLOCK_SIZE);
      const at = (kind: number, window: string) =>
        `${kind}, ${partition}, ${start}, toDateTime(${window}, 'UTC')`;
      const window = `${hourMs / 1000} + (${block} * ${windows} + number % ${windows}) * ` +
        `${stream.window.sizeSeconds}`;
      const rows = windows * KEYS_PER_WINDOW;
      await warehouse.command(`INSERT INTO ${tables.speed(made.LOG)}
SELECT ${[at(0, window), ...values, end].join(", ")} FROM numbers(${rows})
UNION ALL SELECT ${[at(1, "0"), ...values, end].join(", ")} FROM numbers(1)`);
    }
  }
}

/** A speed layer that has read everything. */
const speed: SpeedLayer = {
  recent: () => null,
  frontier: () => ({}),
  start: () => ({ [made.LOG]: Array.from({ length: made.PARTITIONS }, () => 0n) }),
  wholeWindows: () => Promise.resolve({ fromMs: null, untilMs: null }),
  reached: () => Promise.resolve(),
  fresh: () => Promise.resolve(),
};

async function measure(what: string, ask: (round: number) => Promise<unknown>, baseMs?: number) {
  const took: number[] = [];
  for (let round = -10; round < ROUNDS; round++) {
    const start = performance.now();
    await ask(round + 10);
    if (round >= 0) took.push(performance.now() - start);
  }
  const [p50, p99] = [quantile(took, 0.5), quantile(took, 0.99)];
  const ratio = baseMs === undefined ? [] : [`${(p50 / baseMs).toFixed(0)} x SELECT 1`];
  line(what, `p50 ${p50.toFixed(1)} ms`, `p99 ${p99.toFixed(1)} ms`, ...ratio);
  return p50;
}

const folder = await Deno.makeTempDir({ prefix: "twofold-bench-" });
const warehouse = await benchWarehouse(folder, "bench");
await made.writeArchive(warehouse);
const archive = made.archiveOf(() => made.files);
const plugins = await pluginTables();
await made.batchLayerOver(archive, warehouse, await fourPlugins(), plugins).run({ full: true });
const cut = (await archive.frontier())[made.LOG];
for (const tables of plugins) await fillSpeedTable(warehouse, tables, cut);
const serving = createServing({
  topics: [{ schema: movieViewing, logId: made.LOG, plugins, speed }],
  warehouse,
  clock: systemClock,
});
title(`queries, ${made.events.toLocaleString("en")} events of history`);
const baseMs = await measure("SELECT 1", () => warehouse.query("SELECT 1"));
const ask = (metric: string, query: (round: number) => MetricQuery) => async (round: number) => {
  const { rows } = await serving.query(metric, query(round));
  if (rows.length === 0) throw new Error(`Cannot measure: ${metric} has no rows`);
};
const top = { layer: "merged", bucket: "all", order: "-view_count", limit: "20", keys: {} };
await measure("top 20 movies of all time", ask("popular_movies", () => top), baseMs);
const user = (round: number) => ({
  layer: "merged",
  bucket: "all",
  keys: { user_id: String(1 + (round * 7919) % 90_000) },
});
await measure("one user's statistics", ask("user_stats", user), baseMs);
// Finer than the grain: of the speed layer alone.
const hour = {
  layer: "speed",
  bucket: "minute",
  from: new Date(hourMs).toISOString(),
  to: new Date(hourMs + HOUR_MS).toISOString(),
  limit: "1000",
  keys: {},
};
await measure("the last hour by minute", ask("hourly_stats", () => hour), baseMs);
await warehouse.close();
await Deno.remove(folder, { recursive: true });
