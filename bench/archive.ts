/**
 * How fast the archive encodes: one full block of the movie example, ids random, times ascending.
 *
 * `deno run -A bench/archive.ts [rows] [days]`
 */
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import { Archiver } from "../runtime/archive/archiver.ts";
import { openLocalStore } from "../runtime/archive/local_store.ts";
import { systemClock } from "../runtime/std/clock.ts";
import { BlockRows, rowsByDay } from "../runtime/archive/block_rows.ts";
import { encodeEvents } from "../runtime/archive/parquet_block.ts";
import { ThreadedEncoder } from "../runtime/archive/threaded_encoder.ts";
import { createDecoder } from "../runtime/decode/decoder.ts";
import { allocateColumns } from "../runtime/model/columns.ts";
import { MemoryLog } from "../tests/support/memory_log.ts";

const rows = Number(Deno.args[0] ?? 65_536);
const days = Number(Deno.args[1] ?? 1);
const types = movieViewing.fields.event_type.values!;
const log = new MemoryLog({ topic: movieViewing.topic, partitions: 1 });
for (let i = 0; i < rows; i++) {
  const ms = Date.UTC(2013, 6, 20) + (i % days) * 86_400_000 + i * 3;
  const event = {
    event_id: crypto.randomUUID(),
    user_id: Math.floor(Math.random() * 100_000),
    movie_id: Math.floor(Math.random() * 5000),
    event_type: types[i % types.length],
    timestamp: new Date(ms).toISOString(),
    duration: i % 3 === 0 ? null : Math.floor(Math.random() * 7.2e6) / 1000,
    rating: i % 5 === 0 ? Math.floor(Math.random() * 1000) / 100 : null,
  };
  log.place(0, { value: JSON.stringify(event), appendMs: ms });
}

const decoder = createDecoder(movieViewing);
const columns = allocateColumns(movieViewing);
for (let round = 0; round < 8; round++) {
  const block = new BlockRows(movieViewing, 0n);
  let [decodeMs, collectMs, bytes] = [0, 0, 0];
  for (let at = 0n;;) {
    const chunk = await log.read(0, at);
    if (chunk.count === 0) break;
    const before = performance.now();
    decoder.decode(chunk, columns);
    const decoded = performance.now();
    block.add(columns, 0, chunk.count);
    decodeMs += decoded - before;
    collectMs += performance.now() - decoded;
    at = chunk.to;
  }
  const before = performance.now();
  const byDay = [...rowsByDay(block)];
  const sorted = performance.now();
  for (const [, order] of byDay) {
    bytes += encodeEvents(block, order, { log: "bench-1", partition: 0 }).length;
  }
  const encodeMs = performance.now() - sorted;
  const total = collectMs + sorted - before + encodeMs;
  console.log(
    `decode ${decodeMs.toFixed(1)} ms, collect ${collectMs.toFixed(1)} ms, ` +
      `sort ${(sorted - before).toFixed(1)} ms, encode ${encodeMs.toFixed(1)} ms: ` +
      `${(rows / total / 1000).toFixed(2)} M rows/s, ${(bytes / rows).toFixed(1)} bytes/row`,
  );
}

// The whole way: log, decoding, files in a folder, made durable.
const folder = await Deno.makeTempDir();
const long = new MemoryLog({ topic: movieViewing.topic, partitions: 1 });
const block = await log.read(0, 0n, { maxRecords: rows, maxBytes: 2 ** 30 });
for (let i = 0; i < 8 * rows; i++) {
  const row = i % block.count;
  const value = block.bytes.subarray(block.valueStart[row], block.valueEnd[row]);
  long.place(0, { value, appendMs: block.appendMs[row] });
}
const encoder = new ThreadedEncoder(systemClock);
const archiver = new Archiver({
  schema: movieViewing,
  log: long,
  store: await openLocalStore(folder),
  createDecoder: () => createDecoder(movieViewing),
  encodePart: (topic, part) => encoder.encode(topic, part),
  clock: systemClock,
});
let longestMs = 0;
let beat = performance.now();
const timer = setInterval(() => {
  longestMs = Math.max(longestMs, performance.now() - beat);
  beat = performance.now();
}, 1);
const start = performance.now();
const archived = Number(await archiver.archiveClosed(0));
const seconds = (performance.now() - start) / 1000;
clearInterval(timer);
encoder.close();
await Deno.remove(folder, { recursive: true });
console.log(
  `archived ${archived} records at ${(archived / seconds / 1e6).toFixed(2)} M records/s, ` +
    `the event loop was held for at most ${longestMs.toFixed(0)} ms`,
);
