import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { allocateColumns, type Columns } from "../columns.ts";
import { retry } from "../errors.ts";
import type { EventSchema } from "../events.ts";
import { type Cut, reaches } from "../frontier.ts";
import type { Decoder, EventLog, Warehouse } from "../ports.ts";
import type { SpeedLayer } from "../services.ts";
import { type PluginTables } from "../tables.ts";
import { Flusher } from "./flusher.ts";
import { type LedgerFacts, LedgerPartition, ledgerTable, type LedgerTotals } from "./ledger.ts";
import { PartitionPipeline } from "./partition_pipeline.ts";
import { PluginPartition } from "./plugin_partition.ts";
import { checkAgainstLog, type PluginResume, resumeLedger, resumePlugin } from "./resume.ts";

/** What {@link openSpeedLayer} takes. */
export interface SpeedLayerOptions {
  readonly schema: EventSchema;
  readonly log: EventLog;
  readonly plugins: readonly PluginTables[];
  readonly warehouse: Warehouse;
  readonly createDecoder: (schema: EventSchema) => Decoder;
  readonly clock: Clock;
  readonly blockSize: number;
  /** Offsets in which repeats are known; a power of two. */
  readonly horizon: number;
  /** The longest that a change waits for its flush, in milliseconds. */
  readonly flushIntervalMs: number;
  /** The ledger's generation; `lateAfterMs` says from when on an event is late. */
  readonly ledger: LedgerFacts;
  /** Told of every fault that the layer survives, once per occurrence. */
  readonly onProblem: (message: string, error: unknown) => void;
}

/** A plugin of the layer: where its partitions stand. */
interface PluginState {
  readonly tables: PluginTables;
  resume: PluginResume[];
  partitions: PluginPartition[];
  error: string | null;
  restarts: number;
}

/** Blocks that a plugin may lie behind the furthest one and still share its pipeline. */
const SHARED_BLOCKS = 4;
const FIRST_RESTART_MS = 1_000;
const LAST_RESTART_MS = 60_000;

/** The speed layer of one topic on one log. */
export class LogSpeedLayer implements SpeedLayer {
  readonly #options: SpeedLayerOptions;
  readonly #plugins: Map<string, PluginState>;
  readonly #ledgers: LedgerPartition[];
  readonly #flusher: Flusher;
  readonly #stopped = new Map<number, string>();
  #waiters: { plugin: string; target: Cut; resolve: () => void }[] = [];

  /** Use {@link openSpeedLayer}. */
  constructor(options: SpeedLayerOptions, plugins: PluginState[], ledgers: LedgerPartition[]) {
    this.#options = options;
    this.#plugins = new Map(plugins.map((state) => [state.tables.plugin.name, state]));
    this.#ledgers = ledgers;
    this.#flusher = new Flusher({ ...options, onAcknowledged: () => this.#wake() });
  }

  /** Runs all partitions until `signal` aborts, then flushes what is left. */
  async run(signal: AbortSignal): Promise<void> {
    const partitions = this.#ledgers.map((ledger) => this.#runPartition(ledger, signal));
    await Promise.all(partitions);
  }

  frontier(plugin: string): Cut {
    const state = this.#plugins.get(plugin)!;
    return { [this.#options.log.id]: state.partitions.map((at) => at.acknowledged) };
  }

  start(plugin: string): Cut {
    const { resume } = this.#plugins.get(plugin)!;
    return { [this.#options.log.id]: resume.map(({ first }) => first) };
  }

  async reached(plugin: string, target: Cut, signal: AbortSignal): Promise<void> {
    if (reaches(this.frontier(plugin), target) || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const waiter = { plugin, target, resolve };
      this.#waiters.push(waiter);
      signal.addEventListener("abort", () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve();
      }, { once: true });
    });
  }

  async wholeFrom(plugin: string): Promise<string | null> {
    const ms = await this.wholeFromMs(plugin);
    return ms === null ? null : new Date(ms).toISOString();
  }

  /** {@link wholeFrom} in milliseconds since 1970 UTC. */
  async wholeFromMs(plugin: string): Promise<number | null> {
    const { warehouse, log, ledger } = this.#options;
    const first = this.#plugins.get(plugin)!.resume.map((at) => at.first);
    if (first.every((block) => block === 0n)) return null;
    const [row] = await warehouse.query<{ last: number }>(
      `SELECT max(last_event_ms) AS last FROM ${ledgerTable(ledger, log.id)} FINAL
       WHERE block < arrayElement({first:Array(UInt64)}, partition + 1)`,
      { params: { first } },
    );
    const sizeMs = this.#plugins.get(plugin)!.tables.plugin.stream.window.sizeSeconds * 1000;
    return row.last < 0 ? null : (Math.floor(row.last / sizeMs) + 1) * sizeMs;
  }

  /** Totals of one partition since the log's beginning, and why it stopped, if it did. */
  partition(partition: number): LedgerTotals & { position: bigint; error: string | null } {
    const ledger = this.#ledgers[partition];
    return {
      ...ledger.totals(),
      position: ledger.acknowledged,
      error: this.#stopped.get(partition) ?? null,
    };
  }

  /** A plugin's fault, if it has one, and the rows that it flushed since the start. */
  plugin(name: string): { error: string | null; rows: number; lagRecords: number } {
    const state = this.#plugins.get(name)!;
    const lagRecords = state.partitions.reduce((lag, at, partition) => {
      const behind = this.#ledgers[partition].acknowledged - at.acknowledged;
      return lag + (behind > 0n ? Number(behind) : 0);
    }, 0);
    return { error: state.error, rows: this.#flusher.rows(name), lagRecords };
  }

  /** What cannot be flushed at the moment, in words. */
  flushFaults(): string[] {
    return this.#flusher.faults();
  }

  /**
   * The offset below which nothing needs to be read from a partition again: the lowest open block's
   * start less the horizon. The log may be trimmed below it.
   */
  neededFrom(partition: number): bigint {
    const at = [...this.#plugins.values()].map((state) => state.partitions[partition].openBlock);
    const lowest = [...at, this.#ledgers[partition].openBlock].reduce((a, b) => a < b ? a : b);
    const needed = lowest - BigInt(this.#options.horizon);
    return needed > 0n ? needed : 0n;
  }

  /**
   * Removes speed rows by whole blocks: those below `cut` (the cut before the published one, per
   * plugin) whose records the log took before `beforeMs`.
   */
  async expire(cuts: ReadonlyMap<string, Cut>, beforeMs: number): Promise<void> {
    const { warehouse, log, ledger } = this.#options;
    for (const [name, state] of this.#plugins) {
      const cut = cuts.get(name)?.[log.id];
      if (cut === undefined) continue;
      const rows = await warehouse.query<{ partition: number; kept: number | null }>(
        `SELECT partition, minIf(block, last_append_ms >= {before:Int64}) AS young,
           countIf(last_append_ms >= {before:Int64}) AS young_count,
           max(block) AS newest, if(young_count > 0, least(young, newest), newest) AS kept
         FROM ${ledgerTable(ledger, log.id)} FINAL
         WHERE block <= arrayElement({cut:Array(UInt64)}, partition + 1) GROUP BY partition`,
        { params: { cut, before: beforeMs } },
      );
      for (const { partition, kept } of rows) {
        const block = BigInt(kept ?? 0);
        if (block <= state.resume[partition].first) continue;
        // First tell readers, then remove: an answer never claims windows that are going.
        state.resume[partition] = { ...state.resume[partition], first: block };
        await warehouse.command(
          `DELETE FROM ${state.tables.speed(log.id)}
           WHERE partition = {partition:UInt32} AND block < {block:UInt64}`,
          { params: { partition, block } },
        );
      }
    }
  }

  async #runPartition(ledger: LedgerPartition, signal: AbortSignal): Promise<void> {
    const states = [...this.#plugins.values()];
    const { partition } = ledger;
    const starts = states.map((state) => state.resume[partition].block);
    const furthest = [...starts, ledger.resume.block].reduce((a, b) => a > b ? a : b);
    const shared = furthest - BigInt(SHARED_BLOCKS * this.#options.blockSize);
    const together = states.filter((_, i) => starts[i] >= shared);
    const apart = states.filter((_, i) => starts[i] < shared);
    const ledgerApart = ledger.resume.block < shared;
    await Promise.all([
      this.#runPipeline(partition, together, ledgerApart ? undefined : ledger, signal),
      ...apart.map((state) => this.#runPipeline(partition, [state], undefined, signal)),
      ...(ledgerApart ? [this.#runPipeline(partition, [], ledger, signal)] : []),
    ]);
  }

  /**
   * Runs one pipeline to the end of the process. A plugin that throws leaves it and runs apart.
   */
  async #runPipeline(
    partition: number,
    states: PluginState[],
    ledger: LedgerPartition | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const points = [...states.map((s) => s.resume[partition]), ...(ledger ? [ledger.resume] : [])];
    if (points.length === 0) return;
    const { log } = this.#options;
    const restarts: Promise<void>[] = [];
    try {
      for (const point of points) await checkAgainstLog(log, partition, point);
      const pipeline = new PartitionPipeline({
        ...this.#options,
        partition,
        ledger,
        decoder: this.#options.createDecoder(this.#options.schema),
        start: points.map((point) => point.block).reduce((a, b) => a < b ? a : b),
        plugins: (columns) => states.map((state) => this.#adopt(state, partition, columns)),
        onPluginFault: (at, error) => {
          const state = this.#plugins.get(at.plugin.name)!;
          restarts.push(this.#restart(state, partition, error, signal));
        },
      });
      await this.#drive(pipeline, signal);
    } catch (error) {
      // A fault of the partition itself: the others go on, readers see it.
      this.#stopped.set(partition, error instanceof Error ? error.message : String(error));
      this.#options.onProblem(`partition ${partition} of ${log.topic} stopped`, error);
    }
    await Promise.all(restarts);
  }

  #adopt(state: PluginState, partition: number, columns: Columns): PluginPartition {
    const { plugin } = state.tables;
    const at = new PluginPartition(plugin, partition, state.resume[partition], columns);
    state.partitions[partition] = at;
    state.error = null;
    return at;
  }

  async #restart(state: PluginState, partition: number, error: unknown, signal: AbortSignal) {
    const { clock, log, warehouse } = this.#options;
    const { name } = state.tables.plugin;
    state.error = error instanceof Error ? error.message : String(error);
    this.#options.onProblem(`plugin ${name} failed on partition ${partition}`, error);
    const delayMs = Math.min(FIRST_RESTART_MS * 2 ** state.restarts++, LAST_RESTART_MS);
    await clock.sleep(delayMs, signal);
    if (signal.aborted) return;
    const points = await resumePlugin(warehouse, state.tables, log, this.#options);
    state.resume[partition] = points[partition];
    await this.#runPipeline(partition, [state], undefined, signal);
  }

  async #drive(pipeline: PartitionPipeline, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const moved = await retry(() => pipeline.step(), {
        attempts: Infinity,
        signal,
        sleep: (ms) => clock.sleep(ms, signal),
      });
      const waitMs = await this.#flusher.flushIfDue(pipeline, !moved);
      if (moved) {
        await setImmediate();
        continue;
      }
      await this.#idle(pipeline, waitMs, signal);
    }
    await this.#flusher.flushAll(pipeline);
  }

  /** Waits at the end of the log until there is more, or until what changed is due. */
  async #idle(pipeline: PartitionPipeline, waitMs: number | null, signal: AbortSignal) {
    const { log, clock } = this.#options;
    const idle = new AbortController();
    const stop = () => idle.abort();
    signal.addEventListener("abort", stop, { once: true });
    await Promise.race([
      log.changed(pipeline.partition, pipeline.position, idle.signal),
      ...(waitMs === null ? [] : [clock.sleep(waitMs, idle.signal)]),
    ]);
    signal.removeEventListener("abort", stop);
    idle.abort();
  }

  #wake(): void {
    this.#waiters = this.#waiters.filter(({ plugin, target, resolve }) => {
      if (!reaches(this.frontier(plugin), target)) return true;
      resolve();
      return false;
    });
  }
}

/**
 * Opens the speed layer of a topic: makes its tables and reads where each plugin resumes.
 *
 * @throws TwofoldError when the warehouse cannot be read.
 */
export async function openSpeedLayer(options: SpeedLayerOptions): Promise<LogSpeedLayer> {
  const { warehouse, log, schema } = options;
  const plugins: PluginState[] = [];
  for (const tables of options.plugins) {
    const resume = await resumePlugin(warehouse, tables, log, options);
    // They tell the frontier until the pipelines adopt the partitions.
    const none = allocateColumns(schema, 1);
    const partitions = resume.map((point, i) => new PluginPartition(tables.plugin, i, point, none));
    plugins.push({ tables, resume, partitions, error: null, restarts: 0 });
  }
  const histories = await resumeLedger(warehouse, options.ledger, log);
  const ledgers = histories.map((history, partition) =>
    new LedgerPartition(partition, log, options.ledger.lateAfterMs, history)
  );
  return new LogSpeedLayer(options, plugins, ledgers);
}
