/** A pipeline of two partitions and its flusher, over a warehouse that remembers what it was given. */
import { setImmediate } from "node:timers/promises";
import { vi } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import popularMovies from "../../plugins/popular_movies.ts";
import userStats from "../../plugins/user_stats.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { Flusher } from "../../runtime/speed/flusher.ts";
import { LedgerPartition } from "../../runtime/speed/ledger.ts";
import { PartitionPipeline } from "../../runtime/speed/partition_pipeline.ts";
import { PluginPartition } from "../../runtime/speed/plugin_partition.ts";
import { tablesOf } from "../../runtime/sql/tables.ts";
import { ManualClock } from "./manual_clock.ts";
import { MemoryLog } from "./memory_log.ts";

/** Between two flushes. */
export const INTERVAL_MS = 500;
const START_MS = Date.UTC(2024, 2, 1);
const NOTHING = {
  first: 0n,
  isRecorded: true,
  watermarkMs: -1,
  lastEventMs: -1,
  futureEvents: 0,
  events: 0,
  lateEvents: 0,
  repeats: 0,
  deadLetters: 0,
};
const resume = { block: 0n, frontier: 0n };
/** What is flushed. */
export const plugins = [popularMovies, userStats];

const view = (id: number) =>
  JSON.stringify({
    event_id: `e${id}`,
    user_id: 1,
    movie_id: 2,
    event_type: "view",
    timestamp: "2024-03-01T00:00:00Z",
  });

/** A pipeline and its flusher over a warehouse that only remembers what it was given. */
export function flusherWorld({ withLedger = false, idleFlushIntervalMs = INTERVAL_MS } = {}) {
  const clock = new ManualClock(START_MS);
  const log = new MemoryLog({ topic: movieViewing.topic, partitions: 2 });
  const facts = {
    topic: log.topic,
    schemaVersion: 1,
    decoderVersion: 1,
    lateAfterMs: 10_000,
    futureAfterMs: 3_600_000,
    blockSize: 4096,
    horizon: 4096,
  };
  const history = { ...NOTHING, resume, written: NOTHING };
  const pipelineOf = (partition: number) =>
    new PartitionPipeline({
      log,
      schema: movieViewing,
      partition,
      decoder: createDecoder(movieViewing),
      blockSize: facts.blockSize,
      horizon: facts.horizon,
      start: 0n,
      plugins: (columns) =>
        plugins.map((each) => new PluginPartition(each, partition, resume, columns)),
      ledger: withLedger ? new LedgerPartition(partition, log, facts, history) : undefined,
      onPluginFault: (_plugin, error) => {
        throw error;
      },
    });
  const [pipeline, other] = [pipelineOf(0), pipelineOf(1)];
  const insert = vi.fn(async (_into: string, _rows: Uint8Array): Promise<void> => {});
  const writes: { table: string; atMs: number }[] = [];
  const warehouse = {
    insert: (into: string, rows: Uint8Array) => {
      writes.push({ table: into.split(" ")[0], atMs: clock.now() - START_MS });
      return insert(into, rows);
    },
  } as unknown as Warehouse;
  const flusher = new Flusher({
    warehouse,
    log,
    clock,
    ledger: facts,
    flushIntervalMs: INTERVAL_MS,
    idleFlushIntervalMs,
    plugins: plugins.map((plugin) => tablesOf(plugin, "v1")),
    onAcknowledged: () => {},
  });
  let id = 0;
  return {
    clock,
    flusher,
    pipeline,
    other,
    insert,
    writes,
    /** Reads one more record, appended so long ago. */
    async read(value = view(id++), ageMs = 0, from = pipeline) {
      log.place(from.partition, { value, appendMs: clock.now() - ageMs });
      await from.step();
    },
    /** When the first plugin was written, in milliseconds since the start. */
    times: () =>
      writes.filter(({ table }) => table.includes(popularMovies.name)).map(({ atMs }) => atMs),
    acknowledged: () => pipeline.plugins.map((plugin) => plugin.acknowledged),
  };
}

/** A record every 20 ms for a while, each followed by what the layer asks of the flusher. */
export async function load(world: ReturnType<typeof flusherWorld>, forMs: number, ageMs = 0) {
  for (let ms = 0; ms < forMs; ms += 20) {
    await world.read(undefined, ageMs);
    await world.flusher.flushIfDue(world.pipeline, false);
    await setImmediate();
    world.clock.advance(20);
  }
}
