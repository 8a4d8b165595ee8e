/** A prepared archive and log, of which copies are damaged. */
import { join, relative } from "node:path";
import { openArchiveReader } from "../../runtime/archive/archive_reader.ts";
import { Archiver } from "../../runtime/archive/archiver.ts";
import { holdBlockSize } from "../../runtime/archive/block_size.ts";
import { Compactor } from "../../runtime/archive/compactor.ts";
import { FileChecks } from "../../runtime/archive/file_checks.ts";
import { sha256 } from "../../runtime/archive/manifest.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";
import { createBatchLayer } from "../../runtime/batch/batch_layer.ts";
import type { BatchPlugin } from "../../runtime/batch/plugin_step.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { createVerification } from "../../runtime/engine/verification.ts";
import { AppendBuffer } from "../../runtime/log/append_buffer.ts";
import { openSqliteLog } from "../../runtime/log/sqlite_log.ts";
import type { EventLog, ObjectStore, Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import type { VerifyReport } from "../../runtime/ports/services.ts";
import { random } from "../../plugins/viewing/chance.ts";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { batchPlugin, type openWarehouse, readPublished } from "./batch_world.ts";
import { readAll } from "./log_reading.ts";
import { ManualClock } from "./manual_clock.ts";
import { movieEvents } from "./movie_events.ts";

const { topic } = movieViewing;
const BLOCK_SIZE = 32;
const PARTITIONS = 2;

/** A topic that is verified without the warehouse. */
export const withoutTables = {
  plugins: () => [],
  ledger: () => ({ table: "none", decoding: "", written: [] }),
  shared: false,
};

/** What a copy of the prepared folder gives. */
export interface Outcome {
  /** Why it could not even be opened; then nothing else is known. */
  readonly refused: string | null;
  readonly report: VerifyReport | null;
  /** What a batch run published, as a hash; null when it was refused. */
  readonly published: string | null;
  /** The identity and the records of the log as a hash; null when they cannot be read. */
  readonly records: string | null;
  /** The subjects of the problems that stand. */
  readonly problems: readonly string[];
}

/** How a file is damaged. */
export type Damage = "flip" | "cut" | "delete" | "add" | "swap";
export const damages: readonly Damage[] = ["flip", "flip", "flip", "cut", "delete", "add", "swap"];

type Parts = Awaited<ReturnType<typeof openWarehouse>>;

/** A folder of two partitions, some of whose blocks are compacted, with dead letters and runs. */
export class DamageWorld {
  #cases = 0;

  private constructor(
    readonly dir: string,
    readonly warehouse: Warehouse,
    readonly plugin: Parameters<typeof batchPlugin>[0],
    readonly batchSql: string,
  ) {}

  static async prepare(
    dir: string,
    warehouse: Parts,
    plugin: Parameters<typeof batchPlugin>[0],
    batchSql: string,
  ): Promise<DamageWorld> {
    const world = new DamageWorld(dir, warehouse, plugin, batchSql);
    const folder = world.#folder("prepared");
    const { store, log, clock } = await open(folder);
    const events = movieEvents({ seed: 1, firstUser: 0, aroundMs: Date.UTC(2013, 6, 20) });
    for (let batch = 0; batch < 12; batch++) {
      const buffer = new AppendBuffer();
      for (let i = 0; i < 20; i++) {
        const event = events.next().value;
        const text = i === 7 ? `no event ${batch}` : JSON.stringify(event);
        buffer.add(String(event.user_id), new TextEncoder().encode(text));
      }
      await log.append(buffer.take());
      if (batch % 4 === 3) { for (const p of [0, 1]) await log.appendTick(p); }
    }
    const schema = movieViewing;
    const archiver = new Archiver({
      schema,
      log,
      store,
      clock,
      blockSize: BLOCK_SIZE,
      createDecoder: () => createDecoder(schema),
    });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      await archiver.archiveClosed(partition);
    }
    const compacting = { schema, store, warehouse, clock, minManifests: 2, maxRows: 70 };
    await new Compactor(compacting).compactOnce();
    const prepared = batchPlugin(plugin, batchSql, 1);
    for (const full of [false, true]) {
      await batchOver(store, warehouse, prepared, clock).run({ full });
    }
    await log.close();
    return world;
  }

  /** A copy of the folder, damaged by chance. Returns what was damaged, and how. */
  async damaged(seed: number): Promise<{ folder: string; object: string; damage: Damage }> {
    const chance = random(seed);
    const below = (count: number) => Math.floor(chance() * count);
    const folder = this.#folder(`case${++this.#cases}`);
    await copy(this.#folder("prepared"), folder);
    const files = (await filesOf(folder)).filter((file) => !file.endsWith("-shm"));
    // A third of the damage is the log's: it is one file of many.
    const log = files.find((file) => file.endsWith(".sqlite"))!;
    const file = below(3) === 0 ? log : files[below(files.length)];
    const damage = damages[below(damages.length)];
    const bytes = await Deno.readFile(file);
    switch (damage) {
      case "flip":
        bytes[below(bytes.length)] ^= 1 << below(8);
        await Deno.writeFile(file, bytes);
        break;
      case "cut":
        await Deno.truncate(file, below(bytes.length));
        break;
      case "delete":
        await Deno.remove(file);
        break;
      case "add":
        // Its bytes under a name that another block, run or attempt could have.
        await Deno.writeFile(
          file.replace(/\d(?=\.\w+$)/, (digit) => String((Number(digit) + 1 + below(8)) % 10)),
          bytes,
        );
        break;
      case "swap": {
        const other = files[below(files.length)];
        await Deno.writeFile(file, await Deno.readFile(other));
        await Deno.writeFile(other, bytes);
      }
    }
    return { folder, object: relative(folder, file), damage };
  }

  /** What a process makes of a folder: it opens it, verifies it, and runs the batch in full. */
  async outcome(folder: string): Promise<Outcome> {
    const nothing = { report: null, published: null, records: null, problems: [] };
    let parts: Awaited<ReturnType<typeof open>>;
    try {
      parts = await open(folder);
    } catch (error) {
      return { ...nothing, refused: (error as Error).message };
    }
    const { store, log, clock } = parts;
    const problems = new Problems(clock);
    const checks = new FileChecks({ topic, store, problems });
    try {
      const verification = createVerification({
        topics: [{ topic, log, checks, ...withoutTables }],
        store,
        warehouse: none(this.warehouse),
        clock,
        problems,
        ownLogs: true,
        scrubBytesPerSecond: 0,
        isOurTurn: () => true,
      });
      const report = await verification.verify();
      const plugin = batchPlugin(this.plugin, this.batchSql, 2 + ++this.#cases);
      const layer = batchOver(store, this.warehouse, plugin, clock, checks);
      await layer.run({ full: true }).catch(() => null);
      const published = await readPublished(this.warehouse, plugin.tables);
      const records = await recordsOf(log).catch(() => null);
      return {
        refused: null,
        report,
        records,
        published: published &&
          `${published.all.length} keys ${hash([published.all, published.grain])}`,
        problems: problems.standing().map(({ subject }) => subject),
      };
    } finally {
      await log.close();
    }
  }

  get prepared(): string {
    return this.#folder("prepared");
  }

  #folder(name: string): string {
    return join(this.dir, name);
  }
}

async function open(folder: string) {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  await Deno.mkdir(join(folder, "log"), { recursive: true });
  const store = await openLocalStore(join(folder, "archive"));
  const path = join(folder, "log", `${topic}.sqlite`);
  const log = openSqliteLog({ path, topic, partitions: PARTITIONS, clock });
  try {
    await holdBlockSize(store, topic, log.id, BLOCK_SIZE);
  } catch (error) {
    await log.close();
    throw error;
  }
  return { store, log, clock };
}

function batchOver(
  store: ObjectStore,
  warehouse: Warehouse,
  plugin: BatchPlugin,
  clock: ManualClock,
  checks?: FileChecks,
) {
  return createBatchLayer({
    schema: movieViewing,
    plugins: [plugin],
    store,
    warehouse,
    clock,
    horizon: 100,
    archive: openArchiveReader({ schema: movieViewing, store, clock, checks }),
    settings: { memoryLimitBytes: 1e9 },
  });
}

/** A warehouse without tables of its own: other cases have theirs in it. */
function none(warehouse: Warehouse): Warehouse {
  return { ...warehouse, query: () => Promise.resolve([]) };
}

async function recordsOf(log: EventLog): Promise<string> {
  const all = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const { offset, value, kind, appendMs } of await readAll(log, partition)) {
      all.push([partition, String(offset), value, kind, appendMs]);
    }
  }
  return `${log.id} ${all.length} records ${hash(all)}`;
}

const hash = (value: unknown) => sha256(new TextEncoder().encode(JSON.stringify(value)));

async function copy(from: string, to: string): Promise<void> {
  for (const file of await filesOf(from)) {
    const path = join(to, relative(from, file));
    await Deno.mkdir(join(path, ".."), { recursive: true });
    await Deno.copyFile(file, path);
  }
}

async function filesOf(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) files.push(...await filesOf(path));
    else files.push(path);
  }
  return files.sort();
}
