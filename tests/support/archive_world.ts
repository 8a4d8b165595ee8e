import { zstdDecompressSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import { Archiver, type ArchiverOptions } from "../../runtime/archive/archiver.ts";
import type { Clock } from "../../runtime/std/clock.ts";
import { decodeManifest } from "../../runtime/archive/manifest.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { ExternalError } from "../../runtime/std/errors.ts";
import type { EventLog, ObjectInfo, ObjectStore } from "../../runtime/ports/ports.ts";
import { MemoryLog } from "./memory_log.ts";
import { readings } from "./readings.schema.ts";

export { readings };

/** An event of {@link readings} as an object, with what the test does not care about filled in. */
export function reading(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: "r-1",
    at: "2013-07-20T10:00:00Z",
    meter: 7,
    count: 1,
    level: 1.5,
    state: "off",
    good: true,
    ...fields,
  };
}

/** A clock that stands until the test moves it. */
export class StandingClock implements Clock {
  #sleepers: { atMs: number; wake: () => void }[] = [];

  constructor(public nowMs = 0) {}

  now(): number {
    return this.nowMs;
  }

  /** Whether sleeping takes no time, for the test and for the clock. */
  hurries = false;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.hurries) return void setTimeout(resolve);
      if (signal?.aborted) return resolve();
      this.#sleepers.push({ atMs: this.nowMs + ms, wake: resolve });
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Moves on, and wakes who slept so long. */
  advance(ms: number): void {
    this.nowMs += ms;
    const due = this.#sleepers.filter(({ atMs }) => atMs <= this.nowMs);
    this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { wake } of due) wake();
  }
}

/** Objects in memory; keeps what was called, and fails where the test says so. */
export class MemoryStore implements ObjectStore {
  readonly objects = new Map<string, Uint8Array>();
  /** Names in the order in which they were put. */
  readonly puts: string[] = [];
  /** How many listings were asked for, and how many names they gave. */
  readonly listed = { calls: 0, names: 0 };
  /** Whether a put of this name fails. */
  failsPut: (name: string) => boolean = () => false;
  readonly #waiting = new Set<() => void>();

  // deno-lint-ignore require-await -- errors are rejections, as in every adapter
  async put(name: string, bytes: Uint8Array, options: { ifAbsent?: boolean } = {}) {
    if (this.failsPut(name)) throw new ExternalError(`Cannot put object "${name}"`);
    if (options.ifAbsent && this.objects.has(name)) return false;
    this.objects.set(name, bytes.slice());
    this.puts.push(name);
    for (const waiting of this.#waiting) waiting();
    return true;
  }

  /** Resolves when `condition` holds; looked at after every put. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    this.#waiting.clear();
  }

  get(name: string): Promise<Uint8Array | null> {
    return Promise.resolve(this.objects.get(name) ?? null);
  }

  stream(name: string): Promise<ReadableStream<Uint8Array> | null> {
    const bytes = this.objects.get(name);
    return Promise.resolve(bytes === undefined ? null : ReadableStream.from([bytes]));
  }

  async *list(prefix: string, after = ""): AsyncIterable<ObjectInfo> {
    this.listed.calls++;
    for (const name of this.names(prefix)) {
      if (name <= after) continue;
      this.listed.names++;
      yield { name, sizeBytes: this.objects.get(name)!.length };
    }
  }

  remove(name: string): Promise<void> {
    this.objects.delete(name);
    return Promise.resolve();
  }

  tableFunction(glob: string, structure: string): string {
    return `objects('${glob}', '${structure}')`;
  }

  /** Names that start with `prefix`, in byte order. */
  names(prefix = ""): string[] {
    return [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort();
  }
}

/** An archiver of {@link readings} with small blocks. */
export function openArchiver(
  log: EventLog,
  store: ObjectStore,
  options: Partial<ArchiverOptions> = {},
): Archiver {
  return new Archiver({
    schema: readings,
    log,
    store,
    createDecoder: () => createDecoder(readings),
    clock: new StandingClock(),
    blockSize: 10,
    ...options,
  });
}

/** The rows of a Parquet file as objects; `utf8: false` leaves undeclared bytes as bytes. */
export async function parquetRows(
  bytes: Uint8Array,
  options: { utf8?: boolean } = {},
): Promise<Record<string, unknown>[]> {
  const file = bytes.slice().buffer;
  return await parquetReadObjects({
    ...options,
    file,
    compressors: { ZSTD: (input: Uint8Array) => new Uint8Array(zstdDecompressSync(input)) },
    parsers: {
      timestampFromMilliseconds: (ms: bigint) => Number(ms),
      timestampFromNanoseconds: (ns: bigint) => ns,
    },
  });
}

/** The file of the first ten offsets. */
export const block0 = "memory-1_00000_00000000000000000000_00000000000000000010.parquet";
/** The manifest of the first ten offsets. */
export const manifest0 =
  "readings/manifests/memory-1/00000/00000000000000000000_00000000000000000010.json";

/** An empty log of readings. */
export function newLog(partitions = 1): MemoryLog {
  return new MemoryLog({ topic: "readings", partitions, nowMs: 5000 });
}

/** Appends a reading; returns its offset. */
export function place(log: MemoryLog, fields: Record<string, unknown> = {}, partition = 0): bigint {
  return log.place(partition, { value: JSON.stringify(reading(fields)) });
}

/** A manifest of a store. */
export async function manifestOf(store: MemoryStore, name: string) {
  return decodeManifest((await store.get(name))!, name);
}
