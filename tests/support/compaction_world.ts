import { join } from "node:path";
import { openArchiveReader } from "../../runtime/archive/archive_reader.ts";
import { Compactor, type CompactorOptions } from "../../runtime/archive/compactor.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";
import { ExternalError } from "../../runtime/std/errors.ts";
import type { ObjectStore, Warehouse } from "../../runtime/ports/ports.ts";
import { migrate, readMigrations } from "../../runtime/warehouse/migrations.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { fc } from "testing";
import { openArchiver, readings } from "./archive_world.ts";
import { ManualClock } from "./manual_clock.ts";
import { MemoryLog } from "./memory_log.ts";
import { root } from "./running_engine.ts";

export const BLOCK_SIZE = 4;
const GRACE_MS = 1000;

/** A warehouse and a folder for all cases of one test file. */
export async function openCompactionLab(): Promise<
  { warehouse: Warehouse; dir: string; close: () => Promise<void> }
> {
  const dir = await Deno.makeTempDir({ prefix: "twofold-compaction-" });
  const warehouse = await openEmbeddedWarehouse({
    dir: join(dir, "warehouse"),
    database: "compaction",
    memoryLimitBytes: 2 ** 31,
  });
  return {
    warehouse,
    dir,
    close: async () => {
      await warehouse.close();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** The same with the table of dead letters, which a redecoding changes. */
export async function openRedecodingLab(): ReturnType<typeof openCompactionLab> {
  const lab = await openCompactionLab();
  await migrate(lab.warehouse, await readMigrations(`${root}/sql/migrations`));
  return lab;
}

/** Sizes with which blocks are of one part or of many, and days of one compacted file or of many. */
export const sizes = fc.record({
  partBytes: fc.constantFrom(100, 1000, 1_000_000),
  maxFileBytes: fc.constantFrom(4000, 1_000_000),
});

/** A log of two partitions, its archive, and compactors that may die at any put or removal. */
export class CompactionWorld {
  readonly clock = new ManualClock(1e12);
  readonly log = new MemoryLog({ topic: readings.topic, id: "log-a", partitions: 2 });
  /** Puts and removals that still succeed. */
  allowed = Infinity;
  readonly store: ObjectStore;
  #compactors: Compactor[] = [];

  private constructor(readonly inner: ObjectStore, readonly warehouse: Warehouse) {
    const use = () => {
      if (--this.allowed < 0) {
        throw new ExternalError("Cannot reach the store: the process is dead");
      }
    };
    this.store = {
      // deno-lint-ignore require-await -- errors are rejections, as in every adapter
      put: async (...args) => (use(), inner.put(...args)),
      // deno-lint-ignore require-await -- as above
      remove: async (name) => (use(), inner.remove(name)),
      get: (name) => inner.get(name),
      stream: (name) => inner.stream(name),
      list: (...args) => inner.list(...args),
      tableFunction: (...args) => inner.tableFunction(...args),
    };
  }

  static async open(warehouse: Warehouse, dir: string): Promise<CompactionWorld> {
    return new CompactionWorld(await openLocalStore(dir), warehouse);
  }

  /** How large parts of blocks and compacted files may be; small ones make several of each. */
  sizes: { readonly partBytes?: number; readonly maxFileBytes?: number } = {};

  async archive(): Promise<void> {
    const { partBytes } = this.sizes;
    const archiver = openArchiver(this.log, this.inner, { blockSize: BLOCK_SIZE, partBytes });
    for (let partition = 0; partition < 2; partition++) await archiver.archiveClosed(partition);
  }

  compactor(options: Partial<CompactorOptions> = {}): Compactor {
    const { store, warehouse, clock } = this;
    return new Compactor({
      schema: readings,
      store,
      warehouse,
      clock,
      minManifests: 2,
      maxRows: 12,
      graceMs: GRACE_MS,
      maxFileBytes: this.sizes.maxFileBytes,
      ...options,
    });
  }

  /** One of two compactors that live on from step to step, with settings of their own. */
  living(which: 0 | 1): Compactor {
    return this.#compactors[which] ??= this.compactor(
      which === 0 ? {} : { minManifests: 1, maxRows: 5 },
    );
  }

  /** Lets a compactor die at its `after`-th write; another takes its place. */
  async crash(which: 0 | 1, after: number, what: "compactOnce" | "collectGarbage"): Promise<void> {
    this.allowed = after;
    try {
      await this.living(which)[what]();
    } catch (error) {
      if (!(error instanceof ExternalError)) throw error;
    } finally {
      this.allowed = Infinity;
    }
    delete this.#compactors[which];
  }

  /** Lets pass what readers and compactors wait before something is removed. */
  passGrace(): void {
    this.clock.advance(GRACE_MS);
  }

  reader() {
    return openArchiveReader({ schema: readings, store: this.inner, clock: this.clock });
  }

  /** All rows that a reader takes below the frontier, as texts in order, and where that lies. */
  async rows(reader = this.reader(), days: string[] | null = null): Promise<string[]> {
    await reader.check(days);
    const cut = await reader.frontier();
    return await this.rowsBelow(reader.relation(days), cut["log-a"] ?? []);
  }

  async rowsBelow(relation: string, ends: readonly bigint[]): Promise<string[]> {
    const below = ends.map((end, partition) => `partition = ${partition} AND offset < ${end}`);
    const rows = await this.warehouse.query<{ row: string }>(
      `SELECT toJSONString(tuple(*)) AS row FROM ${relation}
WHERE ${below.length === 0 ? 0 : below.join(" OR ")} ORDER BY log, partition, offset`,
    );
    return rows.map(({ row }) => row);
  }

  async names(prefix: string): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of this.inner.list(`${readings.topic}/${prefix}/`)) names.push(name);
    return names;
  }
}
