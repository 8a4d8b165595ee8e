/**
 * Measures a scan and a full batch run over a day of many small block files, before and after compaction.
 *
 * ```sh
 * deno run -A bench/compaction.ts --blocks 5000 --events 200 --dir /tmp/twofold-compaction
 * ```
 *
 * The folder is made anew and removed.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openArchiveReader } from "../runtime/archive/archive_reader.ts";
import { Archiver } from "../runtime/archive/archiver.ts";
import { Compactor } from "../runtime/archive/compactor.ts";
import { openLocalStore } from "../runtime/archive/local_store.ts";
import { createBatchLayer } from "../runtime/batch/batch_layer.ts";
import { systemClock } from "../runtime/std/clock.ts";
import { createDecoder } from "../runtime/decode/decoder.ts";
import { generationOf } from "../runtime/model/generation.ts";
import { tablesOf } from "../runtime/sql/tables.ts";
import { openEmbeddedWarehouse } from "../runtime/warehouse/embedded_warehouse.ts";
import { migrate, readMigrations } from "../runtime/warehouse/migrations.ts";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import hourlyStats from "../plugins/hourly_stats.ts";
import popularMovies from "../plugins/popular_movies.ts";
import ratings from "../plugins/ratings.ts";
import userStats from "../plugins/user_stats.ts";
import { MemoryLog } from "../tests/support/memory_log.ts";

const { values } = parseArgs({
  options: {
    blocks: { type: "string", default: "5000" },
    events: { type: "string", default: "200" },
    dir: { type: "string", default: "/tmp/twofold-compaction" },
  },
});
const blocks = Number(values.blocks);
const blockSize = Number(values.events);
const PARTITIONS = 4;
const DAY_MS = Date.parse("2013-07-20T00:00:00Z");

const log = new MemoryLog({ topic: movieViewing.topic, id: "log-1", partitions: PARTITIONS });
const total = blocks * blockSize;
const types = ["view", "pause", "resume", "complete", "rating"];
for (let i = 0; i < total; i++) {
  const event = {
    event_id: crypto.randomUUID(),
    user_id: i * 7919 % 100_000,
    movie_id: i * 31 % 10_000,
    event_type: types[i % 5],
    timestamp: new Date(DAY_MS + Math.floor(i / total * 86_400_000)).toISOString(),
    duration: i % 3 === 0 ? null : i % 7200,
    rating: i % 5 === 4 ? i % 11 : null,
  };
  log.place(Math.floor(i / blockSize) % PARTITIONS, { value: JSON.stringify(event) });
}

await Deno.remove(values.dir, { recursive: true }).catch(() => {});
const store = await openLocalStore(`${values.dir}/archive`);
const warehouse = await openEmbeddedWarehouse({
  dir: `${values.dir}/warehouse`,
  database: "bench",
  memoryLimitBytes: 2e9,
});
await migrate(warehouse, await readMigrations(join(import.meta.dirname!, "../sql/migrations")));

async function timed<T>(what: string, action: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await action();
  console.log(`${what}: ${((performance.now() - startMs) / 1000).toFixed(2)} s`);
  return result;
}

const archiver = new Archiver({
  schema: movieViewing,
  log,
  store,
  clock: systemClock,
  blockSize,
  createDecoder: () => createDecoder(movieViewing),
});
await timed(`archiving ${total} events as ${blocks} blocks`, async () => {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await archiver.archiveClosed(partition);
  }
});

const plugins = await Promise.all(
  [userStats, popularMovies, ratings, hourlyStats].map(async (plugin) => {
    const path = new URL(`../sql/${plugin.batch.sql}`, import.meta.url);
    const batchSql = await Deno.readTextFile(path);
    const facts = { batchSql, decoderVersion: 1, blockSize, horizon: 1000 };
    return { batchSql, tables: tablesOf(plugin, generationOf(plugin, facts)) };
  }),
);

/** One scan of all rows, and one full run, which makes about ten such scans. */
async function batchRun(what: string): Promise<void> {
  const archive = openArchiveReader({ schema: movieViewing, store });
  await timed(`checking the files ${what}`, () => archive.check(null));
  const sql = `SELECT sum(cityHash64(event_id, event_time)) AS hash FROM ${archive.relation(null)}`;
  await timed(`one scan ${what}`, () => warehouse.query(sql));
  const layer = createBatchLayer({
    schema: movieViewing,
    plugins,
    store,
    warehouse,
    clock: systemClock,
    horizon: 1000,
    archive,
    settings: { memoryLimitBytes: 2e9 },
  });
  const run = await timed(`batch run ${what}`, () => layer.run({ full: true }));
  for (const { plugin, status, error } of run!.plugins) {
    if (status !== "published") throw new Error(`${plugin}: ${status} ${error}`);
  }
}

await batchRun("over the block files (cold)");
await batchRun("over the block files");
const compactor = new Compactor({
  schema: movieViewing,
  store,
  warehouse,
  clock: systemClock,
  graceMs: 0,
});
await timed("compacting", async () => {
  while (await compactor.compactOnce() > 0);
});
await batchRun("with replaced block files still there");
await timed("removing what was replaced", () => compactor.collectGarbage());
await batchRun("with replaced block files removed");
await warehouse.close();
await Deno.remove(values.dir, { recursive: true });
