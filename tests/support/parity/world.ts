import { setImmediate } from "node:timers/promises";
import { openLocalStore } from "../../../runtime/archive/local_store.ts";
import type { Cut } from "../../../runtime/model/frontier.ts";
import { decodeFrontier } from "../../../runtime/model/frontier.ts";
import { grainSeconds, type Plugin } from "../../../runtime/plugin.ts";
import type { ArchiveReader, ObjectStore, Warehouse } from "../../../runtime/ports/ports.ts";
import type { BatchLayer, Serving } from "../../../runtime/ports/services.ts";
import { createBatchTable, type PluginTables, tablesOf } from "../../../runtime/sql/tables.ts";
import { ManualClock } from "../manual_clock.ts";
import { MemoryLog } from "../memory_log.ts";
import { damageOf } from "./damage.ts";
import { checkEdge, type EdgeQuestion } from "./edges.ts";
import type { EngineModules } from "./engine_modules.ts";
import { type Event, type Put, textOf } from "./events.ts";
import type { HeldInsert } from "./held_warehouse.ts";
import {
  BLOCK_SIZE,
  HORIZON,
  ledgerFacts,
  settle,
  speedLayerOf,
  type SpeedProcess,
  startProcess,
} from "./speed_process.ts";
import { answered, type Counted, difference, expected } from "./model.ts";
import { type Range, someRange, textsOf, told, wholeRange } from "./ranges.ts";
import { Removals } from "./removals.ts";

/** What an answer is compared by: all time, or the metric's grain. */
export type CheckedBucket = "all" | "grain";

/** What a world is made of. */
export interface WorldOptions {
  readonly engine: EngineModules;
  readonly plugin: Plugin;
  readonly batchSql: string;
  readonly warehouse: Warehouse;
  readonly dir: string;
  readonly partitions: number;
  /** Closed blocks that each process keeps in memory. */
  readonly recentBytes: number;
  /** Tells the tables of one case from another's. */
  readonly serial: number;
}

/**
 * One plugin with a log, two speed processes that both own every partition (so that each is the
 * other's zombie), an archive and a batch layer, moved step by step by a test.
 */
export class World {
  readonly log: MemoryLog;
  readonly tables: PluginTables;
  /** Every event in the log once, in the order of offsets per partition. */
  readonly counted: Counted[] = [];
  readonly #options: WorldOptions;
  readonly #clock = new ManualClock(1_709_200_000_000);
  readonly #store: ObjectStore;
  readonly #removals: Removals;
  /** Called once, before the next statement that scans speed rows for an answer. */
  #beforeScan: (() => Promise<void>) | null = null;
  readonly #events: { id: number; offset: bigint; event: Event }[][];
  #processes: SpeedProcess[] = [];
  #zombies: HeldInsert[] = [];
  #serial = 0;
  /** Of a process that knows what the tables say. */
  #serving!: Serving;
  #hasStray = false;
  /** Of each speed process, which has memory. */
  #remembering: Serving[] = [];

  private constructor(options: WorldOptions, store: ObjectStore) {
    this.#options = options;
    this.#store = store;
    this.log = new MemoryLog({
      topic: options.plugin.source.topic,
      id: `memory-${options.serial}`,
      partitions: options.partitions,
      nowMs: this.#clock.now(),
    });
    this.tables = tablesOf(options.plugin, `case${options.serial}`);
    this.#removals = new Removals({
      ...options,
      log: this.log,
      tables: this.tables,
      clock: this.#clock,
    });
    this.#events = Array.from({ length: options.partitions }, () => []);
  }

  static async open(options: WorldOptions): Promise<World> {
    const dir = `${options.dir}/case${options.serial}`;
    const world = new World(options, await openLocalStore(dir));
    await options.warehouse.command(createBatchTable(world.tables));
    await world.#removals.open();
    world.#processes = [await world.#start(), await world.#start()];
    world.#serving = world.#serve();
    world.#remembering = world.#processes.map((_, i) => world.#serve(i));
    return world;
  }

  #serve(process?: number): Serving {
    const { engine, plugin, warehouse } = this.#options;
    const at = process === undefined ? null : () => this.#processes[process];
    const whole = () => this.#removals.wholeWindows();
    const speed = speedLayerOf({ engine, plugin, log: this.log }, at, whole);
    const watched: Pick<Warehouse, "query"> = {
      query: async (sql, options) => {
        if (sql.includes(" FINAL")) await this.#nextScan();
        return await warehouse.query(sql, options);
      },
    };
    return engine.createServing({
      topics: [{
        schema: plugin.source,
        logId: this.log.id,
        plugins: [this.tables],
        speed,
      }],
      warehouse: watched as Warehouse,
      clock: this.#clock,
      queryTimeoutMs: 30_000,
    });
  }

  async #nextScan(): Promise<void> {
    const action = this.#beforeScan;
    this.#beforeScan = null;
    await action?.();
  }

  /** Drops the case's tables and files. */
  async close(): Promise<void> {
    for (const { warehouse } of this.#processes) for (const held of warehouse.held) held.refuse();
    await setImmediate();
    for (const table of [this.tables.batch, this.tables.speed(this.log.id), this.#ledgerTable()]) {
      await this.#options.warehouse.command(`DROP TABLE IF EXISTS ${table} SYNC`);
    }
    await Deno.remove(`${this.#options.dir}/case${this.#options.serial}`, { recursive: true });
  }

  /** Puts something into the log. */
  put(partition: number, put: Put): void {
    const at = this.#end(partition) + BigInt(put.gap);
    switch (put.kind) {
      case "event":
        return this.#putEvent(partition, at, ++this.#serial, put.event, put.shape);
      case "repeat": {
        const events = this.#events[partition];
        const earlier = events[events.length - 1 - put.back];
        // Beyond the horizon it would be a repeat that only the batch layer can see.
        if (earlier === undefined || this.#lastSeen(partition, earlier.id) < at - BigInt(HORIZON)) {
          return;
        }
        return this.#putEvent(partition, at, earlier.id, earlier.event, put.shape);
      }
      case "malformed":
        return void this.log.place(partition, { offset: at, value: put.text });
      case "tick":
        return void this.log.place(partition, { offset: at, kind: 1 });
      case "gap":
        return this.log.skipTo(partition, at);
    }
  }

  #putEvent(partition: number, offset: bigint, id: number, event: Event, shape: number): void {
    this.log.place(partition, { offset, value: textOf(id, event, shape) });
    const events = this.#events[partition];
    if (!events.some((other) => other.id === id)) this.counted.push({ partition, offset, event });
    events.push({ id, offset, event });
  }

  #lastSeen(partition: number, id: number): bigint {
    return this.#events[partition].filter((event) => event.id === id).at(-1)!.offset;
  }

  #end(partition: number): bigint {
    return this.log.endOf(partition);
  }

  /** Lets a process read one chunk of a partition. */
  async step(process: number, partition: number): Promise<void> {
    await this.#processes[process].pipelines[partition].step();
  }

  /** Lets a process send what changed in a partition, and others with it; the inserts are held. */
  flush(process: number, partition: number): void {
    const { flusher, flusherClock, pipelines } = this.#processes[process];
    flusherClock.advance(10_000); // It is due, whatever failed before.
    void flusher.flushIfDue(pipelines[partition]);
  }

  /** Lets one of a process's held inserts arrive, with or without its knowing, or fail. */
  async deliver(
    process: number,
    which: number,
    how: "known" | "unknown" | "refused",
  ): Promise<void> {
    await settle(this.#processes[process].warehouse.held, which, how);
  }

  /** Lets a process write: all that it has sent and sends now arrives, or is refused. */
  async write(process: number, partition: number, how: "known" | "refused"): Promise<void> {
    const { held } = this.#processes[process].warehouse;
    while (await settle(held, 0, how));
    this.flush(process, partition);
    await setImmediate();
    while (await settle(held, 0, how));
  }

  /** A process dies and another takes its place; what it has sent may still arrive, late. */
  async crash(process: number): Promise<void> {
    this.#zombies.push(...this.#processes[process].warehouse.held);
    this.#processes[process] = await this.#start();
  }

  /** Lets a dead process's insert arrive. */
  async wake(which: number): Promise<void> {
    await settle(this.#zombies, which, "known");
  }

  /** Archives every closed block. */
  async archive(): Promise<void> {
    const { engine, plugin } = this.#options;
    const archiver = new engine.Archiver({
      schema: plugin.source,
      log: this.log,
      store: this.#store,
      createDecoder: () => engine.createDecoder(plugin.source),
      blockSize: BLOCK_SIZE,
      clock: this.#clock,
    });
    for (let partition = 0; partition < this.#options.partitions; partition++) {
      await archiver.archiveClosed(partition);
    }
    await this.#leaveStray();
  }

  /** Leaves a file that no manifest lists, as a process with other bounds would: it never counts. */
  async #leaveStray(): Promise<void> {
    if (this.#hasStray) return;
    for await (const { name } of this.#store.list(`${this.#options.plugin.source.topic}/events/`)) {
      const bytes = (await this.#store.get(name))!;
      await this.#store.put(name.replace(/\d{4}\.parquet$/, "9999.parquet"), bytes);
      this.#hasStray = true;
      return;
    }
  }

  /**
   * Retention runs past readers: of what is archived the log keeps a few offsets of each
   * partition, none of them or more than a horizon, wherever blocks end.
   */
  async trim(): Promise<void> {
    const archived = (await this.#archiveReader().frontier())[this.log.id] ?? [];
    for (const [partition, end] of archived.entries()) {
      await this.log.trim(partition, end - this.#end(partition) % BigInt(HORIZON + 5));
    }
  }

  /** Compacts what it can, a few blocks at a time, and removes what that has replaced. */
  async compact(): Promise<void> {
    const { engine, plugin, warehouse } = this.#options;
    const compactor = new engine.Compactor({
      schema: plugin.source,
      store: this.#store,
      warehouse,
      clock: this.#clock,
      minManifests: 2,
      maxRows: 4 * BLOCK_SIZE,
      graceMs: 0,
    });
    await compactor.compactOnce();
    await compactor.collectGarbage();
  }

  /**
   * Two processes run the batch at once, and their runs cross: the first has looked at the archive
   * when more is archived and the second one runs from end to end; then the first goes on with what
   * it saw. It may fail, say that it was superseded, or publish: answers have to stay right.
   *
   * @param partition where both find something new.
   */
  async cross(partition: number, before: readonly Put[], between: readonly Put[]): Promise<void> {
    await this.#archiveNow(partition, before);
    const looked = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const reader = this.#archiveReader();
    let seen: Cut | null = null;
    const lagging: ArchiveReader = {
      ...reader,
      async frontier() {
        seen ??= await reader.frontier();
        looked.resolve();
        await released.promise;
        return seen;
      },
    };
    const first = this.batch(lagging).run().catch((error: Error) => {
      if (error.name !== "ExternalError") throw error;
    });
    await looked.promise;
    await this.#archiveNow(partition, between);
    await this.batch().run();
    released.resolve();
    await first;
  }

  async #archiveNow(partition: number, puts: readonly Put[]): Promise<void> {
    for (const put of puts) this.put(partition, put);
    this.put(partition, { kind: "tick", gap: 0 });
    await this.archive();
  }

  #archiveReader(): ArchiveReader {
    const { engine, plugin } = this.#options;
    return engine.openArchiveReader({ schema: plugin.source, store: this.#store });
  }

  /** A batch layer of its own, as another process would have it. */
  batch(archive = this.#archiveReader()): BatchLayer {
    const { engine, plugin, batchSql, warehouse } = this.#options;
    return engine.createBatchLayer({
      schema: plugin.source,
      plugins: [{ tables: this.tables, batchSql }],
      archive,
      store: this.#store,
      warehouse,
      clock: this.#clock,
      horizon: HORIZON,
      currentLogId: () => this.log.id,
      wholeWindows: () => this.#removals.wholeWindows(),
      settings: { memoryLimitBytes: 1 << 30 },
    });
  }

  /** Compares an answer with the model; null when it agrees. Merged by the answer's own frontier. */
  async check(
    layer: "merged" | "batch" | "speed",
    of: CheckedBucket,
    range = someRange(this.counted, this.#options.plugin.batch.grain),
  ): Promise<string | null> {
    const { plugin } = this.#options;
    const { grain } = plugin.batch;
    const bucket = of === "all" ? of : grain;
    const answer = await this.#serving.query(plugin.name, {
      layer,
      bucket,
      ...textsOf(plugin, range),
      limit: "10000",
      keys: {},
    });
    const frontier = decodeFrontier(answer.frontier)[this.log.id] ?? [];
    const bucketMs = of === "all" ? 0 : 1000 * grainSeconds[grain];
    const wanted = expected(plugin.name, this.counted, frontier, bucketMs, range);
    const fault = difference(answered(plugin.name, answer.rows), wanted);
    if (fault !== null) return `${layer} by ${bucket} ${told(range)}up to ${frontier}: ${fault}`;
    if (of !== "all") return null;
    const damage = layer === "merged" ? await this.#damage() : null;
    return damage ?? await this.#checkKeys(layer, answer.rows, range);
  }

  /** Removes speed rows that no merged answer of whole grains reads. */
  async remove(share: number): Promise<void> {
    await this.#removals.remove(share);
  }

  /** See {@link checkEdge}; rows may be removed while the answer is read. */
  async checkEdge(question: EdgeQuestion): Promise<string | null> {
    const { removed } = question;
    if (removed !== null) this.#beforeScan = () => this.remove(removed);
    const fault = await checkEdge({
      serving: this.#serving,
      plugin: this.#options.plugin,
      counted: this.counted,
      logId: this.log.id,
      removals: this.#removals,
    }, question);
    this.#beforeScan = null;
    return fault;
  }

  /** The same for single keys, whose rows are merged another way. */
  async #checkKeys(
    layer: string,
    rows: readonly Readonly<Record<string, unknown>>[],
    range: Range,
  ): Promise<string | null> {
    const { plugin } = this.#options;
    for (const row of [rows[0], rows.at(-1)]) {
      if (row === undefined) continue;
      const keys = Object.fromEntries(
        plugin.keyColumns.map(({ name }) => [name, String(row[name])]),
      );
      for (const serving of [this.#serving, ...layer === "merged" ? this.#remembering : []]) {
        const answer = await serving.query(plugin.name, { layer, ...textsOf(plugin, range), keys });
        const frontier = decodeFrontier(answer.frontier)[this.log.id] ?? [];
        const wanted = [...expected(plugin.name, this.counted, frontier, 0, range)]
          .filter(([, of]) => Object.entries(keys).every(([k, v]) => String(of[k]) === v));
        const fault = difference(answered(plugin.name, answer.rows), new Map(wanted));
        const what = `${layer} of ${JSON.stringify(keys)} ${told(range)}up to ${frontier}`;
        if (fault !== null) return `${what}: ${fault}`;
      }
    }
    return null;
  }

  /** Lets everything arrive, be archived and be computed, and compares all three layers. */
  async settleAll(): Promise<string | null> {
    for (let partition = 0; partition < this.#options.partitions; partition++) {
      this.log.place(partition, { kind: 1 });
    }
    for (const { warehouse } of this.#processes) this.#zombies.push(...warehouse.held.splice(0));
    const last = await this.#start();
    for (const pipeline of last.pipelines) {
      while (await pipeline.step());
      const done = last.flusher.flushAll(pipeline);
      while (await settle(last.warehouse.held, 0, "known"));
      await done;
    }
    while (this.#zombies.length > 0) await this.wake(0);
    await this.archive();
    const run = await this.batch().run();
    for (const plugin of run?.plugins ?? []) {
      if (plugin.status === "failed") return `the last batch run failed: ${plugin.error}`;
      if (plugin.drift !== null && plugin.drift !== 0) return `drift is ${plugin.drift}`;
    }
    for (const layer of ["merged", "batch", "speed"] as const) {
      for (const bucket of ["all", "grain"] as const) {
        const range = layer === "speed" ? await this.#wholeRange() : wholeRange;
        if (range === null) continue;
        const fault = await this.check(layer, bucket, range) ?? await this.#covers(layer);
        if (fault !== null) return fault;
      }
    }
    return null;
  }

  /** The times of which the speed layer keeps everything; null without any. */
  async #wholeRange(): Promise<Range | null> {
    const { fromMs, untilMs } = await this.#removals.wholeWindows();
    if (fromMs === null && untilMs === null) return wholeRange;
    const range = { fromMs: fromMs ?? 0, toMs: untilMs ?? Infinity };
    return range.fromMs < range.toMs ? range : null;
  }

  /** At the end no layer may lag: each has to have come to the log's end. */
  async #covers(layer: string): Promise<string | null> {
    const answer = await this.#serving.query(this.#options.plugin.name, {
      layer,
      ...textsOf(this.#options.plugin, wholeRange),
      keys: {},
    });
    const frontier = decodeFrontier(answer.frontier)[this.log.id] ?? [];
    for (let partition = 0; partition < this.#options.partitions; partition++) {
      if ((frontier[partition] ?? 0n) !== this.#end(partition)) {
        return `${layer} ends at ${frontier} before the log's end`;
      }
    }
    return null;
  }

  async #start(): Promise<SpeedProcess> {
    const { tables, log } = this;
    return await startProcess({ ...this.#options, tables, log, store: this.#store });
  }

  async #damage(): Promise<string | null> {
    // A stalled process may write a removed block again, which looks like blocks that are missing.
    if (this.#removals.first().some((block) => block > 0n)) return null;
    const { warehouse } = this.#options;
    const { tables, log } = this;
    return await damageOf(this.#processes, { warehouse, tables, log, table: this.#ledgerTable() });
  }

  #ledgerTable(): string {
    return this.#options.engine.ledgerTable(ledgerFacts(this.log), this.log.id);
  }
}
