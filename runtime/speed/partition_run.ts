import { abortable, OVER } from "../std/abortable.ts";
import { allocateColumns, type Columns } from "../model/columns.ts";
import { asError, retry, TwofoldError } from "../std/errors.ts";
import { loopTurn } from "../std/loop_turn.ts";
import type { PluginTables } from "../sql/tables.ts";
import type { Flusher } from "./flusher.ts";
import type { LedgerPartition } from "./ledger.ts";
import { PartitionPipeline } from "./partition_pipeline.ts";
import { PluginPartition } from "./plugin_partition.ts";
import { checkAgainstLog, type PluginResume, resumePlugin } from "./resume.ts";
import type { TrimmedRange } from "./record_source.ts";
import type { RecentBlocks } from "./recent_blocks.ts";
import type { SpeedLayerOptions } from "./speed_options.ts";

interface PluginState {
  readonly tables: PluginTables;
  resume: PluginResume;
  at: PluginPartition;
  error: Error | null;
  restarts: number;
}

/** How a pipeline that runs is told of what happened elsewhere. */
interface RunningPipeline {
  /** Aborts when another pipeline has taken it over. */
  readonly end: AbortController;
  /** Ends its wait for more, this one or the next. */
  idle: AbortController;
}

/** Blocks that a plugin may lie behind the furthest one and still share its pipeline. */
const SHARED_BLOCKS = 4;
const FIRST_RESTART_MS = 1_000;
const LAST_RESTART_MS = 60_000;
const LAST_STEPS_MS = 1_000;
/** How long records are gathered while nobody reads: a step costs much the same for few. */
const GATHER_MS = 200;

/** One partition on this process: its pipelines, from where the tables stand to the last flush. */
export class PartitionRun {
  readonly #options: SpeedLayerOptions;
  readonly #flusher: Flusher;
  readonly #memory: RecentBlocks;
  readonly #plugins: Map<string, PluginState>;
  readonly #stop = new AbortController();
  /** Those that run; a later one joins an earlier one that it meets. */
  readonly #pipelines = new Map<PartitionPipeline, RunningPipeline>();
  /** Pipelines of plugins that were added while it runs; null while it does not. */
  #added: Set<Promise<void>> | null = null;
  #signal: AbortSignal | null = null;
  readonly #told = new Set<string>();
  #error: Error | null = null;

  /** @param resume by plugin, in the order of the layer's plugins, where the tables stand. */
  constructor(
    readonly partition: number,
    readonly ledger: LedgerPartition,
    resume: readonly PluginResume[],
    options: SpeedLayerOptions,
    flusher: Flusher,
    memory: RecentBlocks,
  ) {
    this.#options = options;
    this.#flusher = flusher;
    this.#memory = memory;
    this.#plugins = new Map(
      options.plugins.map((tables, i) => [tables.plugin.name, this.#stateOf(tables, resume[i])]),
    );
  }

  #stateOf(tables: PluginTables, resume: PluginResume): PluginState {
    // It tells the frontier until a pipeline adopts the plugin.
    const none = allocateColumns(this.#options.schema, 1);
    const at = new PluginPartition(tables.plugin, this.partition, resume, none);
    return { tables, resume, at, error: null, restarts: 0 };
  }

  /** Writes what is left of a plugin, as far as the warehouse takes it. */
  async flush(plugin: string): Promise<void> {
    const { at } = this.#plugins.get(plugin)!;
    const pipeline = [...this.#pipelines.keys()].find(({ plugins }) => plugins.includes(at));
    if (pipeline !== undefined) await this.#flusher.flushAll(pipeline);
  }

  /** Runs a plugin no more: what it has left is not written. */
  remove(plugin: string): void {
    const { at } = this.#plugins.get(plugin)!;
    this.#plugins.delete(plugin);
    for (const [pipeline, { end }] of this.#pipelines) {
      pipeline.remove(at);
      if (!pipeline.isEmpty) continue;
      this.#pipelines.delete(pipeline);
      end.abort(OVER);
    }
    at.leave();
  }

  /** Runs another plugin, too, in a pipeline of its own until it meets the others. */
  add(tables: PluginTables, resume: PluginResume): void {
    const state = this.#stateOf(tables, resume);
    this.#plugins.set(tables.plugin.name, state);
    if (this.#added === null) return; // it starts with the others
    const added = this.#runPipeline([state], undefined, this.#signal!)
      .finally(() => this.#added?.delete(added));
    this.#added.add(added);
  }

  /** How far a plugin's acknowledged flushes reach. */
  acknowledged(plugin: string): bigint {
    return this.#plugins.get(plugin)!.at.acknowledged;
  }

  /** A plugin's state, for readers: none where it failed. */
  recent(plugin: string): PluginPartition | null {
    const { at, error } = this.#plugins.get(plugin)!;
    return error === null ? at : null;
  }

  /** Forgets what was kept for readers of a plugin's blocks below a cut. */
  forgetBelow(plugin: string, cut: bigint): void {
    this.#plugins.get(plugin)!.at.forgetBelow(cut);
  }

  /** A plugin's fault, if it has one. */
  pluginError(plugin: string): Error | null {
    return this.#plugins.get(plugin)!.error;
  }

  /** Why the partition stopped; null while it runs. */
  get error(): Error | null {
    return this.#error;
  }

  /** Bytes by which its pipelines tell repeats. */
  get repeatBytes(): number {
    return [...this.#pipelines.keys()].reduce((sum, { repeatBytes }) => sum + repeatBytes, 0);
  }

  /** The lowest block that is open for the ledger or a plugin. */
  get openBlock(): bigint {
    const at = [...this.#plugins.values()].map((state) => state.at.openBlock);
    return at.reduce((a, b) => a < b ? a : b, this.ledger.openBlock);
  }

  /** Ends {@link run}: it flushes what is left. */
  stop(): void {
    this.#stop.abort();
  }

  /** Runs until {@link stop} or until `layer` aborts, then flushes what is left. */
  async run(layer: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([layer, this.#stop.signal]);
    this.#signal = signal;
    this.#added = new Set();
    const states = [...this.#plugins.values()];
    const starts = states.map((state) => state.resume.block);
    const furthest = [...starts, this.ledger.resume.block].reduce((a, b) => a > b ? a : b);
    const shared = furthest - BigInt(SHARED_BLOCKS * this.#options.blockSize);
    const together = states.filter((_, i) => starts[i] >= shared);
    const apart = states.filter((_, i) => starts[i] < shared);
    const ledgerApart = this.ledger.resume.block < shared;
    await Promise.all([
      this.#runPipeline(together, ledgerApart ? undefined : this.ledger, signal),
      ...apart.map((state) => this.#runPipeline([state], undefined, signal)),
      ...(ledgerApart ? [this.#runPipeline([], this.ledger, signal)] : []),
    ]);
    while (this.#added.size > 0) await Promise.all(this.#added);
    this.#added = null;
    for (const { at } of this.#plugins.values()) at.leave();
  }

  #runs(state: PluginState): boolean {
    return this.#plugins.get(state.tables.plugin.name) === state;
  }

  /**
   * Runs one pipeline to its end, or until another has taken it over. A plugin that throws leaves it
   * and runs apart until it has caught up.
   */
  async #runPipeline(
    states: PluginState[],
    ledger: LedgerPartition | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const points = [...states.map((state) => state.resume), ...(ledger ? [ledger.resume] : [])];
    if (points.length === 0) return;
    const { partition } = this;
    const { log, archived } = this.#options;
    const restarts: Promise<void>[] = [];
    try {
      for (const point of points) {
        await this.#retry(() => checkAgainstLog(log, partition, point, archived), signal);
      }
      if (states.length > 0 && !states.some((state) => this.#runs(state)) && !ledger) return;
      const pipeline = new PartitionPipeline({
        ...this.#options,
        partition,
        ledger,
        decoder: this.#options.createDecoder(this.#options.schema),
        start: points.map((point) => point.block).reduce((a, b) => a < b ? a : b),
        plugins: (columns) =>
          states.filter((state) => this.#runs(state)).map((state) => this.#adopt(state, columns)),
        onTrimmed: (range) => this.#tell(range),
        onPluginFault: (at, error) => {
          const state = this.#plugins.get(at.plugin.name);
          if (state?.at === at) restarts.push(this.#restart(state, error, signal));
        },
      });
      const end = new AbortController();
      this.#pipelines.set(pipeline, { end, idle: new AbortController() });
      try {
        await this.#drive(pipeline, AbortSignal.any([signal, end.signal]));
      } finally {
        this.#pipelines.delete(pipeline);
        this.#flusher.leave(pipeline);
      }
    } catch (error) {
      // A retry that was told to stop gives its last error back: that is no fault.
      if (!signal.aborted || !isRetriable(error)) this.#fail(error);
    }
    await Promise.all(restarts);
  }

  /** A fault of the partition itself: the others go on, readers see it. */
  #fail(error: unknown): void {
    const { log, onProblem } = this.#options;
    this.#error = asError(error);
    onProblem(`partition ${this.partition} of ${log.topic} stopped`, error);
  }

  /** Tells that retention ran past what has to be read; its pipelines ask for the same ranges. */
  #tell({ from, to, archived }: TrimmedRange): void {
    const { log, onProblem } = this.#options;
    const range = `offsets [${from}, ${to}) of partition ${this.partition} of ${log.topic}`;
    const message = archived
      ? `The log no longer holds ${range}: they are read from the archive`
      : `Neither the log nor the archive holds ${range}: an event that repeats one of them counts ` +
        `until the next batch run`;
    if (this.#told.has(message)) return;
    this.#told.add(message);
    onProblem(message, undefined);
  }

  #adopt(state: PluginState, columns: Columns): PluginPartition {
    const { tables: { plugin }, resume } = state;
    state.at.leave();
    const { openPicker } = this.#options;
    state.at = new PluginPartition(
      plugin,
      this.partition,
      resume,
      columns,
      this.#memory,
      openPicker,
    );
    state.error = null;
    return state.at;
  }

  async #restart(state: PluginState, error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, log, warehouse, onProblem } = this.#options;
    const { partition } = this;
    const { name } = state.tables.plugin;
    if (signal.aborted) return;
    state.error = asError(error);
    onProblem(`plugin ${name} failed on partition ${partition}`, error);
    const delayMs = Math.min(FIRST_RESTART_MS * 2 ** state.restarts++, LAST_RESTART_MS);
    await clock.sleep(delayMs, signal);
    if (signal.aborted || !this.#runs(state)) return;
    try {
      [state.resume] = await this.#retry(
        () => resumePlugin(warehouse, state.tables, log, this.#options, [partition]),
        signal,
      );
    } catch (error) {
      if (!signal.aborted && this.#runs(state)) this.#fail(error);
      return;
    }
    await this.#runPipeline([state], undefined, signal);
  }

  async #drive(pipeline: PartitionPipeline, signal: AbortSignal): Promise<void> {
    let step = Promise.resolve(false);
    while (!signal.aborted) {
      await loopTurn();
      step = this.#retry(() => pipeline.step(this.#nextMeeting(pipeline)), signal);
      const moved = await abortable(step, signal).catch((error) => {
        // What was read before is still to be flushed, though the log may not answer.
        if (signal.aborted && (error === signal.reason || isRetriable(error))) return false;
        throw error;
      });
      if (signal.aborted) break;
      this.#meet(pipeline);
      if (signal.aborted) break;
      const waitMs = await this.#flusher.flushIfDue(pipeline, !moved);
      if (!moved) await this.#idle(pipeline, waitMs, signal);
    }
    if (!this.#pipelines.has(pipeline)) return; // another one has all that it had
    await this.#lastSteps(pipeline, step);
    await this.#flusher.flushAll(pipeline);
  }

  /** Where the next pipeline stands that is ahead of this one: it stops there, to join it. */
  #nextMeeting({ position }: PartitionPipeline): bigint | undefined {
    const ahead = [...this.#pipelines.keys()].map((other) => other.position)
      .filter((other) => other > position);
    return ahead.length === 0 ? undefined : ahead.reduce((a, b) => a < b ? a : b);
  }

  /** Makes one pipeline of this one and another that stands where it does. */
  #meet(pipeline: PartitionPipeline): void {
    const order = [...this.#pipelines.keys()];
    for (const other of order) {
      if (other === pipeline) continue;
      const [into, from] = order.indexOf(other) < order.indexOf(pipeline)
        ? [other, pipeline]
        : [pipeline, other];
      const joining = from.plugins;
      if (!into.absorb(from)) continue;
      for (const { plugin } of joining) this.#plugins.get(plugin.name)!.restarts = 0;
      this.#pipelines.get(from)!.end.abort(OVER);
      this.#pipelines.delete(from);
      // What has joined may have something to flush.
      return this.#pipelines.get(into)!.idle.abort(OVER);
    }
  }

  /** Counts what was taken in before the stop, for a moment: what is left a restart counts. */
  async #lastSteps(pipeline: PartitionPipeline, step: Promise<boolean>): Promise<void> {
    const enough = new AbortController();
    const { clock } = this.#options;
    const timer = clock.sleep(LAST_STEPS_MS, enough.signal).then(() => enough.abort(OVER));
    try {
      while (await abortable(step, enough.signal)) {
        await loopTurn();
        step = pipeline.step();
      }
    } catch {
      // The log does not answer, or a plugin takes its time.
    }
    enough.abort(OVER);
    await timer;
  }

  /** Waits at the end of the log until there is more, or until what changed is due. */
  async #idle(pipeline: PartitionPipeline, waitMs: number | null, signal: AbortSignal) {
    const { log, clock } = this.#options;
    const running = this.#pipelines.get(pipeline);
    if (running === undefined) return; // another one has taken it over
    const { idle } = running;
    const stop = () => idle.abort(OVER);
    signal.addEventListener("abort", stop, { once: true });
    // A flush that was waited for may have taken the stop in.
    if (signal.aborted) stop();
    await Promise.race([
      log.changed(pipeline.partition, pipeline.position, idle.signal),
      ...(waitMs === null ? [] : [clock.sleep(waitMs, idle.signal)]),
    ]);
    if (this.#flusher.isIdle) await clock.sleep(GATHER_MS, idle.signal);
    signal.removeEventListener("abort", stop);
    stop();
    running.idle = new AbortController();
  }

  #retry<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock } = this.#options;
    return retry(action, {
      attempts: Infinity,
      signal,
      sleep: (ms) => clock.sleep(ms, signal),
    });
  }
}

function isRetriable(error: unknown): boolean {
  return error instanceof TwofoldError && error.retriable;
}
