import { OVER } from "../std/abortable.ts";
import { type Cut, reaches } from "../model/frontier.ts";
import type { Membership } from "../ports/ports.ts";
import type { RecentRows } from "../model/recent.ts";
import type { FutureEvents, SpeedLayer, WholeWindows } from "../ports/services.ts";
import { singleMember } from "../ports/single_member.ts";
import type { PluginTables } from "../sql/tables.ts";
import { expireBlocks } from "./expire_blocks.ts";
import { Flusher, type FlushFault } from "./flusher.ts";
import { FrontierWaiters } from "./frontier_waiters.ts";
import { LedgerPartition, type LedgerTotals } from "./ledger.ts";
import { PartitionRun } from "./partition_run.ts";
import { RecentBlocks } from "./recent_blocks.ts";
import { readRecent } from "./recent_rows.ts";
import { Semaphore } from "../std/semaphore.ts";
import { partitionsOf, resumeLedger, resumePlugin } from "./resume.ts";
import type { SpeedLayerOptions } from "./speed_options.ts";
import { TablePositions } from "./table_positions.ts";
import { EventsBelow, type TimesBelow, wholeWindows } from "./whole_windows.ts";

/** How often the tables are asked how far other processes are. */
const LOOK_MS = 1000;
/** The same while somebody waits for them. */
const AWAITED_LOOK_MS = 150;
/** How often somebody who waits for a frontier asks for a flush. */
const AWAITED_FLUSH_MS = 50;
const RETRY_MS = 1000;

/** What the ledger tells of a partition that nobody has counted. */
const NOTHING: LedgerTotals = {
  watermarkMs: -1,
  lastEventMs: -1,
  futureEvents: 0,
  events: 0,
  lateEvents: 0,
  repeats: 0,
  deadLetters: 0,
};

/**
 * The speed layer of one topic on one log. It runs the partitions that fall to this process; how far
 * the others are, the tables tell.
 */
export class LogSpeedLayer implements SpeedLayer {
  readonly #options: SpeedLayerOptions;
  readonly #membership: Membership;
  readonly #positions: TablePositions;
  readonly #flusher: Flusher;
  readonly #memory: RecentBlocks;
  readonly #below: EventsBelow;
  readonly #runs = new Map<number, PartitionRun>();
  /** Runs of all partitions, also of those that fall to others now, until they have flushed. */
  readonly #ending = new Set<Promise<void>>();
  readonly #started = new WeakSet<PartitionRun>();
  /** Taken by what reads tables to decide what runs. */
  readonly #changes = new Semaphore(1);
  readonly #waiters = new FrontierWaiters((plugin) => this.frontier(plugin));
  #awaited = new AbortController();

  /** Use {@link openSpeedLayer}. */
  constructor(options: SpeedLayerOptions, positions: TablePositions) {
    this.#options = options;
    this.#membership = options.membership ?? singleMember(options.log, options.clock);
    this.#positions = positions;
    this.#memory = new RecentBlocks(options.recentBytes ?? 0);
    this.#below = new EventsBelow(options);
    this.#flusher = new Flusher({ ...options, onAcknowledged: () => this.#waiters.wake() });
  }

  /**
   * Runs other plugins. Those that are removed write what they have left; those that are added start
   * where their tables stand, in pipelines of their own, and nothing else waits for them.
   *
   * @param swapped changes the list of plugins; called at the moment in which they change places.
   * @throws TwofoldError when the tables cannot be made or read: then nothing has changed.
   */
  replace(
    removed: readonly PluginTables[],
    added: readonly PluginTables[],
    swapped: () => void,
  ): Promise<void> {
    return this.#changing(async () => {
      const runs = [...this.#runs];
      const names = removed.map(({ plugin }) => plugin.name);
      await Promise.all(names.flatMap((name) => runs.map(([, run]) => run.flush(name))));
      const { warehouse, log } = this.#options;
      const partitions = runs.map(([partition]) => partition);
      const points = await Promise.all(
        added.map((tables) => resumePlugin(warehouse, tables, log, this.#options, partitions)),
      );
      for (const name of names) {
        for (const run of this.#runs.values()) run.remove(name);
        this.#positions.remove(name);
        this.#flusher.forget(name);
      }
      swapped();
      for (const [i, tables] of added.entries()) {
        const { name } = tables.plugin;
        this.#positions.add(name);
        for (const [p, [partition, run]] of runs.entries()) {
          this.#positions.note(name, partition, points[i][p]);
          if (this.#runs.get(partition) === run) run.add(tables, points[i][p]);
        }
      }
      this.#waiters.leave(names);
    });
  }

  /** Runs what falls to this process until `signal` aborts, then flushes what is left. */
  async run(signal: AbortSignal): Promise<void> {
    const looking = this.#membership.shared ? this.#followOthers(signal) : undefined;
    while (!signal.aborted) {
      const assignment = this.#membership.assignment();
      for (const partition of this.#runs.keys()) {
        if (!assignment.speed.has(partition)) this.#drop(partition);
      }
      const gained = [...assignment.speed].filter((partition) => !this.#runs.has(partition));
      const taken = await this.#tryTake(gained);
      for (const run of this.#runs.values()) this.#start(run, signal);
      if (taken) await this.#membership.changed(assignment, signal);
      else await this.#options.clock.sleep(RETRY_MS, signal);
    }
    await Promise.all([...this.#ending, looking]);
  }

  frontier(plugin: string): Cut {
    const at = (partition: number) =>
      this.#runs.get(partition)?.acknowledged(plugin) ??
        this.#positions.of(plugin, partition).frontier;
    return { [this.#options.log.id]: partitionsOf(this.#options.log).map(at) };
  }

  start(plugin: string): Cut {
    return { [this.#options.log.id]: this.#firstBlocks(plugin) };
  }

  async reached(plugin: string, target: Cut, signal: AbortSignal): Promise<void> {
    if (reaches(this.frontier(plugin), target) || signal.aborted) return;
    const over = new AbortController();
    const reached = this.#waiters.wait(plugin, target, signal).finally(() => over.abort(OVER));
    this.#awaited.abort();
    while (!over.signal.aborted) {
      await this.fresh();
      await this.#options.clock.sleep(AWAITED_FLUSH_MS, over.signal);
    }
    await reached;
  }

  async fresh(): Promise<void> {
    await this.#flusher.fresh();
  }

  recent(plugin: string, cut: Cut): RecentRows | null {
    const { log } = this.#options;
    const { plugin: of } = this.#tablesOf(plugin);
    const partitions = partitionsOf(log).map((partition) =>
      this.#runs.get(partition)?.recent(plugin) ?? null
    );
    return readRecent(of, log.id, cut[log.id] ?? [], partitions);
  }

  async wholeWindows(plugin: string): Promise<WholeWindows> {
    if (this.#membership.shared) await this.#positions.fetchFirstBlocks();
    const { plugin: of } = this.#tablesOf(plugin);
    return await wholeWindows(of, this.#firstBlocks(plugin), (first) => this.below(first));
  }

  #tablesOf(plugin: string): PluginTables {
    return this.#options.plugins.find((tables) => tables.plugin.name === plugin)!;
  }

  /** The times of the events below blocks, by partition. */
  async below(first: readonly bigint[]): Promise<TimesBelow> {
    return await this.#below.times(first);
  }

  /** See `ServedTopic.appended`. */
  async appended(cut: readonly bigint[]): Promise<readonly (number | null)[]> {
    return await this.#below.appended(cut);
  }

  /** Whether it is known from where on a plugin's rows go, in every partition. */
  begun(plugin: string): boolean {
    return partitionsOf(this.#options.log).every((partition) =>
      this.#runs.has(partition) || this.#positions.knows(plugin, partition)
    );
  }

  /** Looks how far the partitions of other processes are, for {@link partition}. */
  async refresh(): Promise<void> {
    if (partitionsOf(this.#options.log).every((partition) => this.#runs.has(partition))) return;
    await this.#positions.refreshLedger();
  }

  #partitions() {
    return partitionsOf(this.#options.log).map((partition) => this.partition(partition));
  }

  /** The time of the newest event that does not lie in the future, in milliseconds; -1 for none. */
  async watermarkMs(): Promise<number> {
    await this.refresh();
    return Math.max(-1, ...this.#partitions().map((of) => of.watermarkMs));
  }

  /** The future events that lie beyond the watermarks; null where there are none. */
  async future(): Promise<FutureEvents | null> {
    const watermarkMs = await this.watermarkMs();
    const partitions = this.#partitions();
    const events = partitions.reduce((sum, of) => sum + of.futureEvents, 0);
    const isBeyond = partitions.some(({ lastEventMs }) => lastEventMs > watermarkMs);
    return events > 0 && isBeyond ? { watermarkMs, events } : null;
  }

  /** Totals of one partition since the log's beginning, and why it stopped, if it did. */
  partition(partition: number): LedgerTotals & {
    /** How far the ledger is written. */
    position: bigint;
    error: Error | null;
    /** Whether it falls to this process. */
    own: boolean;
  } {
    const run = this.#runs.get(partition);
    if (run !== undefined) {
      const { ledger, error } = run;
      return { ...ledger.totals(), position: ledger.acknowledged, error, own: true };
    }
    const history = this.#positions.ledger(partition);
    const position = history?.resume.frontier ?? 0n;
    return { ...history?.written ?? NOTHING, position, error: null, own: false };
  }

  /** A plugin's fault, if it has one, and the rows that it flushed since the start. */
  plugin(name: string): { error: Error | null; rows: number; lagRecords: number } {
    const frontier = this.frontier(name)[this.#options.log.id];
    const lagRecords = frontier.reduce((lag, at, partition) => {
      const behind = this.partition(partition).position - at;
      return lag + (behind > 0n ? Number(behind) : 0);
    }, 0);
    const errors = [...this.#runs.values()].map((run) => run.pluginError(name));
    const error = errors.find((each) => each !== null) ?? null;
    return { error, rows: this.#flusher.rows(name), lagRecords };
  }

  /** Bytes by which it tells repeats, and of the closed blocks that it keeps for readers. */
  memory(): { repeats: number; recentRows: number } {
    const runs = [...this.#runs.values()];
    return {
      repeats: runs.reduce((sum, { repeatBytes }) => sum + repeatBytes, 0),
      recentRows: this.#memory.bytes,
    };
  }

  /** What cannot be flushed at the moment, and why. */
  flushFaults(): FlushFault[] {
    return this.#flusher.faults();
  }

  /** How far every partition that runs here is written for all plugins and the ledger. */
  progress(): ReadonlyMap<number, bigint> {
    const names = this.#options.plugins.map(({ plugin }) => plugin.name);
    return new Map([...this.#runs].map(([partition, run]) => {
      const at = names.map((name) => run.acknowledged(name));
      return [partition, at.reduce((a, b) => a < b ? a : b, run.ledger.acknowledged)];
    }));
  }

  /**
   * The offset below which nothing needs to be read from a partition again: the lowest open block's
   * start less the horizon. The log may be trimmed below it. 0 for a partition that does not run here.
   */
  neededFrom(partition: number): bigint {
    const needed = (this.#runs.get(partition)?.openBlock ?? 0n) - BigInt(this.#options.horizon);
    return needed > 0n ? needed : 0n;
  }

  /** {@link expireBlocks} of all plugins, from memory and from the tables. */
  expire(cuts: ReadonlyMap<string, Cut>, beforeMs: number): Promise<void> {
    const { log, plugins } = this.#options;
    return this.#changing(async () => {
      for (const tables of plugins) {
        const cut = cuts.get(tables.batch)?.[log.id] ?? [];
        for (const [partition, run] of this.#runs) {
          run.forgetBelow(tables.plugin.name, cut[partition] ?? 0n);
        }
      }
      const { shared } = this.#membership;
      await expireBlocks({ ...this.#options, positions: this.#positions, shared }, cuts, beforeMs);
    });
  }

  /** What runs stays the same during `action`, or is changed by it alone. */
  async #changing(action: () => Promise<void>): Promise<void> {
    using _turn = await this.#changes.take();
    await action();
  }

  #firstBlocks(plugin: string): bigint[] {
    return partitionsOf(this.#options.log).map((partition) =>
      this.#positions.of(plugin, partition).first
    );
  }

  /**
   * Takes partitions on where their tables stand; {@link run} starts them.
   *
   * @throws TwofoldError when the tables or the log cannot be read.
   */
  async take(partitions: readonly number[]): Promise<void> {
    if (partitions.length > 0) await this.#changing(() => this.#take(partitions));
  }

  async #take(partitions: readonly number[]): Promise<void> {
    const { warehouse, log, archived, ledger: facts, plugins } = this.#options;
    const resume = await Promise.all(
      plugins.map((tables) => resumePlugin(warehouse, tables, log, this.#options, partitions)),
    );
    const histories = await resumeLedger(warehouse, facts, log, archived, partitions);
    for (const [i, partition] of partitions.entries()) {
      const points = resume.map((of) => of[i]);
      points.forEach((point, p) => this.#positions.note(plugins[p].plugin.name, partition, point));
      const ledger = new LedgerPartition(partition, log, facts, histories[partition]);
      const run = new PartitionRun(
        partition,
        ledger,
        points,
        this.#options,
        this.#flusher,
        this.#memory,
      );
      this.#runs.set(partition, run);
    }
  }

  async #tryTake(partitions: readonly number[]): Promise<boolean> {
    try {
      await this.take(partitions);
      return true;
    } catch (error) {
      const { log, onProblem } = this.#options;
      onProblem(`Cannot start partitions ${partitions.join(", ")} of ${log.topic}`, error);
      return false;
    }
  }

  #start(run: PartitionRun, signal: AbortSignal): void {
    if (this.#started.has(run)) return;
    this.#started.add(run);
    const ending = run.run(signal).finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /** Leaves a partition to others; it flushes what it has, which does no harm. */
  #drop(partition: number): void {
    const run = this.#runs.get(partition)!;
    this.#runs.delete(partition);
    for (const { plugin: { name } } of this.#options.plugins) {
      const known = this.#positions.of(name, partition);
      this.#positions.note(name, partition, { ...known, frontier: run.acknowledged(name) });
    }
    run.stop();
  }

  /** Follows the partitions of other processes in the tables. */
  async #followOthers(signal: AbortSignal): Promise<void> {
    const { clock, log, onProblem } = this.#options;
    let fails = false;
    while (!signal.aborted) {
      this.#awaited = new AbortController();
      if (partitionsOf(log).some((partition) => !this.#runs.has(partition))) {
        try {
          await this.#positions.look();
          fails = false;
          this.#waiters.wake();
        } catch (error) {
          if (!fails) onProblem("Cannot see how far other processes are; it is tried again", error);
          fails = true;
        }
      }
      const waits = this.#waiters.any;
      const woken = waits ? signal : AbortSignal.any([signal, this.#awaited.signal]);
      await clock.sleep(waits ? AWAITED_LOOK_MS : LOOK_MS, woken);
    }
  }
}

/**
 * Opens the speed layer of a topic: makes its tables and reads how far they are written.
 *
 * @throws TwofoldError when the warehouse cannot be read.
 */
export async function openSpeedLayer(options: SpeedLayerOptions): Promise<LogSpeedLayer> {
  const positions = new TablePositions(options);
  await positions.open();
  const layer = new LogSpeedLayer(options, positions);
  // What falls to this process whatever others do is at work as soon as the layer runs.
  const { membership, takesAtOnce = true } = options;
  if (!membership?.shared && takesAtOnce) await layer.take(partitionsOf(options.log));
  return layer;
}
