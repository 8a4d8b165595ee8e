import { asError, ExternalError, messageOf, NotFoundError } from "../std/errors.ts";
import type { Problem, ProblemReport } from "../model/problems.ts";
import type {
  BatchRun,
  DayRange,
  PluginDrift,
  RebuildAnswer,
  RunQuery,
} from "../ports/services.ts";
import { createBatchTable } from "../sql/tables.ts";
import { readingArchive } from "./archive_rows.ts";
import { BatchHealth, reportDrift } from "./batch_health.ts";
import { Claims } from "./claims.ts";
import { type SpeedFacts, speedReaches } from "./drift.ts";
import { answeringTables, forgetRetired, readPluginDrift, waitingDays } from "./drift_days.ts";
import type { BatchLayerOptions, LocalBatchLayer } from "./local_batch_layer.ts";
import { PluginRunner } from "./plugin_run.ts";
import { Publisher } from "./published_run.ts";
import { HistoryPurge } from "./purge_history.ts";
import { dropLeftovers, dropScratch, findRepeats } from "./repeats.ts";
import type { RunContext } from "./run_context.ts";
import type { BatchPlugin, PluginStep } from "./plugin_step.ts";
import {
  claimRun,
  cutBeyond,
  daysOf,
  isEverything,
  isWithin,
  planSteps,
  readingOf,
  type Standing,
  unpublished,
} from "./run_plan.ts";
import { RunProgress, runsUnderWay } from "./run_progress.ts";
import { type PluginRunRecord, readHistory, toBatchRun } from "./run_record.ts";
import { RunsUnderWay } from "./runs_under_way.ts";

/**
 * Creates the batch layer of one topic. Any number of them, in any number of processes, may run over
 * one store and warehouse.
 */
export function createBatchLayer(options: BatchLayerOptions): LocalBatchLayer {
  return new TopicBatchLayer(options);
}

/** A run of some plugins that no run of the others waits for: a backfill or a rebuild. */
interface RunApart {
  readonly plugins: readonly BatchPlugin[];
  readonly stop: AbortController;
  readonly run: Promise<BatchRun | null>;
}

const EVERYTHING: DayRange = { from: null, to: null };

class TopicBatchLayer implements LocalBatchLayer {
  readonly #options: BatchLayerOptions;
  readonly #claims: Claims;
  readonly #runners = new Map<BatchPlugin, PluginRunner>();
  readonly #apart = new Set<RunApart>();
  readonly #underWay: RunsUnderWay;
  readonly #history: HistoryPurge;
  readonly #health: BatchHealth;
  readonly #speed: () => SpeedFacts | null;
  /** Settles when the runs that were asked for so far have ended. */
  #queue: Promise<unknown> = Promise.resolve();
  #running = 0;
  #ended = 0;

  constructor(options: BatchLayerOptions) {
    const { schema, warehouse, store, clock } = options;
    this.#options = options;
    this.#underWay = new RunsUnderWay({ warehouse, topic: schema.topic, clock });
    this.#claims = new Claims(store, schema.topic);
    const nowhere = { set: () => {}, clear: () => {} };
    this.#health = new BatchHealth(schema.topic, options.problems ?? nowhere);
    this.#speed = speedFacts(options);
    this.#history = new HistoryPurge({
      warehouse,
      topic: schema.topic,
      claims: this.#claims,
      publishers: () => this.#current().map(({ publisher }) => publisher),
      runsKept: options.settings.runsKept,
    });
  }

  /** The runners of the plugins as they are now. */
  #current(): PluginRunner[] {
    return this.#options.plugins.map((plugin) => this.#runnerOf(plugin));
  }

  #runnerOf(plugin: BatchPlugin): PluginRunner {
    const { warehouse, store, clock, plugins } = this.#options;
    let runner = this.#runners.get(plugin);
    if (runner === undefined) {
      const publisher = new Publisher(warehouse, store, plugin.tables, clock);
      // The speed layer computes other plugins once this one is replaced.
      const speed = () => plugins.includes(plugin) ? this.#speed() : null;
      runner = new PluginRunner(plugin, publisher, clock, speed);
      this.#runners.set(plugin, runner);
    }
    return runner;
  }

  get running(): boolean {
    return this.#running > 0;
  }

  get ended(): number {
    return this.#ended;
  }

  run({ full = false, signal }: { full?: boolean; signal?: AbortSignal } = {}) {
    const again = full ? EVERYTHING : null;
    return this.#inTurn(again, signal, async () => {
      // An explicit request means every plugin.
      await this.#endOf([...this.#apart]);
      const runners = this.#current();
      if (runners.length === 0) return null;
      return await this.#runPlugins(await this.#standings(full, runners), again, signal);
    });
  }

  async rebuild(name: string, days: DayRange, signal: AbortSignal): Promise<BatchRun> {
    for (;;) {
      const plugin = this.#plugin(name);
      await this.#endOf([...this.#apart].filter(({ plugins }) => plugins.includes(plugin)));
      const started = await this.#inTurn(days, signal, async () => {
        const runners = this.#idleRunners().filter((runner) => runner.plugin === plugin);
        if (runners.length === 0) return null;
        const standings = await this.#standings(isEverything(days), runners);
        return this.#startApart(standings, days, signal);
      });
      // A run is never null where days are to be recomputed again.
      if (started !== null) return (await started.run)!;
    }
  }

  async rebuildReading(
    name: string,
    range: DayRange,
  ): Promise<Pick<RebuildAnswer, "reads" | "days_outside">> {
    const { archive } = this.#options;
    const { plugin, publisher } = this.#runnerOf(this.#plugin(name));
    const standing = { plugin, pointer: await publisher.pointer(), waiting: [] };
    const cut = await cutBeyond(archive, [standing], await this.#claims.last());
    const [{ days }] = await planSteps(archive, [standing], cut, range);
    return {
      reads: await readingOf(archive, days),
      days_outside: days.filter((day) => !isWithin(range, day)),
    };
  }

  #plugin(name: string): BatchPlugin {
    const plugin = this.#options.plugins.find(({ tables }) => tables.plugin.name === name);
    if (plugin !== undefined) return plugin;
    throw new NotFoundError(`Cannot rebuild metric "${name}": it does not run any more`);
  }

  runScheduled(signal: AbortSignal): Promise<BatchRun | null> {
    return this.#inTurn(null, signal, async () => {
      const runners = this.#idleRunners();
      if (runners.length === 0) return null;
      const standings = await this.#standings(false, runners);
      const fresh = unpublished(standings);
      const others = standings.filter((standing) => !fresh.includes(standing));
      if (others.length === 0) return await this.#runPlugins(fresh, null, signal);
      // Reading all of history takes its time: the others do not wait for it.
      this.#backfill(fresh, signal);
      return await this.#runPlugins(others, null, signal);
    });
  }

  #inTurn<Result>(
    again: DayRange | null,
    signal: AbortSignal | undefined,
    action: () => Promise<Result>,
  ): Promise<Result> {
    const run = this.#queue.then(async () => {
      signal?.throwIfAborted();
      this.#running++;
      try {
        return await action();
      } catch (error) {
        this.#runFailed(again, error, signal);
        throw error;
      } finally {
        this.#running--;
        this.#ended++;
      }
    });
    this.#queue = run.catch(() => {});
    return run;
  }

  /** A request for some days fails alone; what is published stays as it was. */
  #runFailed(again: DayRange | null, error: unknown, signal?: AbortSignal): void {
    if (signal?.aborted || isRange(again)) return;
    this.#health.runFailed(again !== null, error);
  }

  replaced(signal: AbortSignal): void {
    const { plugins } = this.#options;
    for (const plugin of this.#runners.keys()) {
      if (plugins.includes(plugin)) continue;
      this.#runners.delete(plugin);
      const { tables } = plugin;
      const stays = plugins.some((other) => other.tables.batch === tables.batch);
      if (!stays) this.#health.generationGone(tables.plugin.name);
    }
    for (const apart of this.#apart) {
      const gone = !apart.plugins.some((plugin) => plugins.includes(plugin));
      if (gone) apart.stop.abort(new ExternalError("Cannot go on: its plugins were replaced"));
    }
    const looked = this.#standings(false, this.#idleRunners()).then(
      (standings) => this.#backfill(unpublished(standings), signal),
    );
    // The next scheduled run looks again, and tells what fails.
    looked.catch(() => {});
  }

  cancel(run: number, by: string, signal?: AbortSignal): Promise<BatchRun> {
    return this.#underWay.cancel(run, by, signal);
  }

  follow(): Promise<void> {
    return this.#underWay.follow();
  }

  async idle(): Promise<void> {
    await this.#queue;
    await this.#endOf([...this.#apart]);
  }

  async #endOf(runs: readonly RunApart[]): Promise<void> {
    await Promise.allSettled(runs.map(({ run }) => run));
  }

  published(plugin: string, run: number, fullRun: number): void {
    this.#health.seen(plugin, run, fullRun);
  }

  recall(problems: readonly Problem[]): void {
    const { schema: { topic }, plugins } = this.#options;
    const isOurs = (failed: ProblemReport) =>
      failed.plugin === undefined
        ? failed.topic === topic
        : plugins.some(({ tables }) => tables.plugin.name === failed.plugin);
    for (const problem of problems) {
      const { affects = [], since: _, ...own } = problem;
      if (isOurs(own)) this.#health.recall(own);
      for (const failed of affects) {
        const report = { ...failed, message: problem.message };
        if (isOurs(report)) this.#health.recall(report, problem);
      }
    }
  }

  async history(query: RunQuery): Promise<BatchRun[]> {
    const { warehouse, schema: { topic }, clock } = this.#options;
    return await readHistory(warehouse, topic, query, clock.now());
  }

  async drift(): Promise<PluginDrift[]> {
    const { warehouse, schema, plugins, problems } = this.#options;
    const tables = await answeringTables(warehouse, plugins.map((plugin) => plugin.tables));
    const known = await readPluginDrift(warehouse, schema.topic, tables);
    if (problems !== undefined) { for (const each of known) reportDrift(problems, each); }
    return known;
  }

  /** The runners of plugins that have no run apart. */
  #idleRunners(): PluginRunner[] {
    const busy = [...this.#apart].flatMap(({ plugins }) => plugins);
    return this.#current().filter(({ plugin }) => !busy.includes(plugin));
  }

  /** Starts a run of its own for plugins that are still idle. */
  #backfill(standings: readonly Standing[], signal?: AbortSignal): void {
    const idle = this.#idleRunners().map(({ plugin }) => plugin);
    const these = standings.filter(({ plugin }) => idle.includes(plugin));
    if (these.length > 0) this.#startApart(these, null, signal);
  }

  #startApart(
    standings: readonly Standing[],
    again: DayRange | null,
    signal?: AbortSignal,
  ): RunApart {
    const stop = new AbortController();
    const until = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    this.#running++;
    const run = this.#runPlugins(standings, again, until).catch((error) => {
      this.#runFailed(again, error, until);
      throw error;
    }).finally(() => {
      this.#running--;
      this.#ended++;
      this.#apart.delete(apart);
    });
    // Nobody may wait for it.
    run.catch(() => {});
    const apart = { plugins: standings.map(({ plugin }) => plugin), stop, run };
    this.#apart.add(apart);
    return apart;
  }

  async #runPlugins(
    standings: readonly Standing[],
    again: DayRange | null,
    signal?: AbortSignal,
  ): Promise<BatchRun | null> {
    const { schema, archive, warehouse, clock, settings, horizon } = this.#options;
    const claim = await claimRun(this.#claims, archive, standings, again !== null, clock.now());
    if (claim === null) {
      this.#health.foundNothingNew(standings.map(({ plugin }) => plugin.tables.plugin.name));
      return null;
    }
    const { run, cut } = claim;
    using underWay = this.#underWay.begin(run);
    const steps = await planSteps(archive, standings, cut, again);
    this.#tellBackfill(steps);
    const progress = new RunProgress({ warehouse, schema, run, cut }, clock, steps);
    const fixed = { warehouse, archive, schema, settings, horizon };
    const until = signal ? AbortSignal.any([signal, underWay.signal]) : underWay.signal;
    const context = { ...fixed, run, cut, progress, signal: until, stop: signal };
    const parts = await this.#runSteps(context, steps, again);
    // The run stands as it is; the status looks again.
    await this.drift().catch(() => {});
    signal?.throwIfAborted();
    await this.#purgeHistory(run);
    return toBatchRun(schema.topic, run, cut, parts);
  }

  /** What is new reads all days: of one run, all new plugins read the same. */
  #tellBackfill(steps: readonly PluginStep[]): void {
    const fresh = steps.filter(({ base }) => base === 0);
    const reads = fresh[0]?.reads;
    if (!reads || reads.days === 0) return;
    this.#options.onBackfill?.(fresh.map(({ plugin }) => plugin.tables.plugin.name), reads);
  }

  /** The run stands whatever becomes of this. */
  async #purgeHistory(run: number): Promise<void> {
    const { problems, schema: { topic } } = this.#options;
    try {
      await this.#history.purge(run);
      problems?.clear("history_purge_failing", topic);
    } catch (error) {
      const message = `Cannot remove the history of old batch runs; the next run tries again: ` +
        messageOf(error);
      problems?.set({ code: "history_purge_failing", subject: topic, message, error });
    }
  }

  /**
   * What readers see of each plugin, read before a run is claimed: every published run then has a
   * lower number. A plugin for which that cannot be found takes no part in the run; the others do.
   *
   * @throws what failed, when it failed for every plugin.
   */
  async #standings(full: boolean, runners: readonly PluginRunner[]): Promise<Standing[]> {
    const standings: Standing[] = [];
    const failed: { readonly plugin: string; readonly error: unknown }[] = [];
    for (const { plugin, publisher } of runners) {
      try {
        await this.#options.warehouse.command(createBatchTable(plugin.tables));
        standings.push({ plugin, pointer: await publisher.recover(), waiting: [] });
      } catch (error) {
        failed.push({ plugin: plugin.tables.plugin.name, error });
      }
    }
    if (standings.length === 0 && failed.length > 0) throw failed[0].error;
    for (const { plugin, error } of failed) this.#health.partFailed(null, full, plugin, error);
    return await this.#withWaiting(standings);
  }

  /** Days wait until the speed layer has written what the published run covers. */
  async #withWaiting(standings: readonly Standing[]): Promise<Standing[]> {
    const { warehouse, schema, plugins } = this.#options;
    await forgetRetired(warehouse, schema.topic);
    const speed = this.#speed();
    if (speed === null) return [...standings];
    const waiting = await waitingDays(warehouse, schema.topic, plugins.map((p) => p.tables));
    return await Promise.all(standings.map(async (standing) => {
      const { plugin: { tables }, pointer } = standing;
      const days = waiting.get(tables.batch) ?? [];
      const ready = days.length > 0 &&
        await speedReaches(warehouse, tables, speed, pointer.cut);
      return ready ? { ...standing, waiting: days } : standing;
    }));
  }

  async #runSteps(
    context: RunContext,
    steps: readonly PluginStep[],
    again: DayRange | null,
  ): Promise<PluginRunRecord[]> {
    const parts: PluginRunRecord[] = [];
    await context.progress.begin();
    let fault: unknown = null;
    try {
      await this.#dropLeftovers(context);
      const days = daysOf(steps);
      const repeats = await readingArchive(context, days, () => findRepeats(context, days))
        .catch(asError);
      for (const step of steps) {
        parts.push(await this.#runnerOf(step.plugin).run(context, step, repeats));
      }
      const told = parts.filter(({ status }, at) =>
        this.#options.plugins.includes(steps[at].plugin) && status !== "cancelled" &&
        !(isRange(again) && status === "failed")
      );
      if (!context.stop?.aborted && told.length > 0) {
        this.#health.partsEnded(context.run, again !== null, told);
      }
    } catch (error) {
      fault = error;
      throw error;
    } finally {
      await context.progress.end(fault);
      await dropScratch(context);
    }
    return parts;
  }

  async #dropLeftovers(context: RunContext): Promise<void> {
    const { alone = false, clock } = this.#options;
    await dropLeftovers(context, async () => {
      const others = alone ? [] : await runsUnderWay(context, clock.now());
      return new Set([...this.#underWay.numbers, ...others]);
    });
  }
}

const isRange = (again: DayRange | null) => again !== null && !isEverything(again);

function speedFacts(options: BatchLayerOptions): () => SpeedFacts | null {
  const { currentLogId, wholeWindows, freshSpeed: fresh = async () => {} } = options;
  return () => currentLogId && wholeWindows ? { logId: currentLogId(), wholeWindows, fresh } : null;
}
