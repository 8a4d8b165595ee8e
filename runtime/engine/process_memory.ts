/** What the memory of this process consists of. */
import { columnBytes } from "../model/columns.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { MemoryPart, ProcessMemory } from "../ports/services.ts";
import type { LogSpeedLayer } from "../speed/speed_layer.ts";
import { threadMemory, WorkerThread } from "../std/worker_thread.ts";
import type { LastKnown } from "./last_known.ts";

/** What the memory is read from. */
export interface MemoryParts {
  /** The engine in this process; null where ClickHouse is a server. */
  readonly engine: Pick<Warehouse, "query"> | null;
  readonly known: LastKnown;
  readonly topics: readonly { readonly speed: Pick<LogSpeedLayer, "memory"> }[];
}

/** In bytes. */
interface ResidentPages {
  readonly anonymous: number;
  readonly file: number;
  readonly shared: number;
  readonly engine: number;
}

/**
 * Deno reads files below `/proc` with all permissions only. The engine reads them with the one to be
 * loaded, and its allocator tells what it has resident.
 */
const RESIDENT_PAGES = `
  WITH (
    SELECT toUInt64(extract(stats, 'resident: (\\\\d+)')) FROM system.jemalloc_stats
  ) AS engine
  SELECT
    engine,
    sumIf(kib, line LIKE 'RssAnon:%') * 1024 AS anonymous,
    sumIf(kib, line LIKE 'RssFile:%') * 1024 AS file,
    sumIf(kib, line LIKE 'RssShmem:%') * 1024 AS shared
  FROM (
    SELECT line, toUInt64OrZero(extract(line, '(\\\\d+) kB')) AS kib
    FROM file('/proc/self/status', LineAsString, 'line String')
  )`;

/** Reads what the memory of this process consists of, as of now. */
export async function memoryOf({ engine, known, topics }: MemoryParts): Promise<ProcessMemory> {
  const pages = engine === null || Deno.build.os !== "linux"
    ? null
    : await known.ask<ResidentPages | null>("warehouse", "memory", async () => {
      const [row] = await engine.query<ResidentPages>(RESIDENT_PAGES);
      return row;
    }, null);
  const held = topics.map(({ speed }) => speed.memory());
  const repeats = held.reduce((sum, each) => sum + each.repeats, 0);
  const recentRows = held.reduce((sum, each) => sum + each.recentRows, 0);
  const main = threadMemory();
  const threads = [["main", main] as const, ...WorkerThread.memory()];
  const parts: MemoryPart[] = [
    ...threads.flatMap(([thread, { heapUsed, heapTotal, external }]) => [
      { part: "heap_used", thread, bytes: heapUsed },
      { part: "heap_free", thread, bytes: heapTotal - heapUsed },
      {
        part: "buffers",
        thread,
        // Both are array buffers of the main thread.
        bytes: Math.max(0, external - (thread === "main" ? repeats + recentRows : 0)),
      },
    ]),
    { part: "columns", thread: null, bytes: columnBytes() },
    { part: "repeats", thread: null, bytes: repeats },
    { part: "recent_rows", thread: null, bytes: recentRows },
  ];
  if (pages === null) {
    return { resident_bytes: Deno.memoryUsage().rss, anonymous_bytes: null, parts };
  }
  const { anonymous, file, shared } = pages;
  parts.push({ part: "engine", thread: null, bytes: pages.engine });
  const told = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  parts.push(
    { part: "other", thread: null, bytes: Math.max(0, anonymous - told) },
    { part: "files", thread: null, bytes: file },
    { part: "shared", thread: null, bytes: shared },
  );
  return { resident_bytes: anonymous + file + shared, anonymous_bytes: anonymous, parts };
}
