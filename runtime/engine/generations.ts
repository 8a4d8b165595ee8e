/**
 * Which generation of each metric answers. A metric whose code changed goes on to answer from the
 * tables of the generation before, until the new one has published a run, has no gap between the
 * run's cut and its speed rows, and has come as far as the old one in every partition.
 */
import type { Clock } from "../std/clock.ts";
import { messageOf, UserError } from "../std/errors.ts";
import type { BatchPlugin } from "../batch/plugin_step.ts";
import { declarationText, declaredPlugin } from "../model/generation.ts";
import type { Plugin } from "../plugin.ts";
import type { ObjectStore, Warehouse } from "../ports/ports.ts";
import { Semaphore } from "../std/semaphore.ts";
import type { Problems } from "../model/problems.ts";
import type { PublishedRuns } from "../serving/published_runs.ts";
import type { ServedGeneration } from "../serving/serving_options.ts";
import { openTableSpeed } from "../speed/table_speed.ts";
import { createBatchTable, type PluginTables, tablesOf } from "../sql/tables.ts";
import { relationNames } from "../serving/relations.ts";
import { claimGeneration, newestClaim } from "./generation_claims.ts";
import { rebuildingProblem, removedProblem, stoppedProblem } from "./generation_problems.ts";
import { shownGeneration } from "./shown_generation.ts";
import { type LiveRow, readLiveRows, writeLiveRows } from "./live_rows.ts";
import { dropRelation, makeRelations, refuseMerging, relationsOf } from "./make_relations.ts";
import { covered, endOf, type Metric, newMetric, standingOf } from "./metric_generation.ts";
import { rebuiltShare } from "./rebuilt_share.ts";
import type { TopicRuntime } from "./topic_runtime.ts";

/** What {@link Generations} need. */
export interface GenerationsOptions {
  /** The files of the plugins that are loaded, by plugin; they change. Default: unknown. */
  readonly files?: ReadonlyMap<string, string>;
  readonly warehouse: Warehouse;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly published: PublishedRuns;
  readonly problems: Problems;
  /**
   * Whether the process claims the generations that are loaded. Default true. One that only looks
   * claims none, writes no live row, and answers from the generations that are live.
   */
  readonly claims?: boolean;
  /** Whether no other process has the warehouse open. Default false. */
  readonly alone?: boolean;
}

/** What changes among the metrics of a process. */
export interface MetricChanges {
  readonly topics: ReadonlyMap<TopicRuntime, {
    /** Of the plugins that run, those that run no more. */
    readonly removed: readonly PluginTables[];
    readonly added: readonly BatchPlugin[];
  }>;
  /** All plugins that do not run, and the topics that they are made of. */
  readonly refused: ReadonlyMap<string, TopicRuntime>;
  /** Of these, the ones that are paused: no other process computes them. Default: none. */
  readonly paused?: ReadonlySet<string>;
}

/** How often it is looked whether another generation is to answer, in milliseconds. */
const LOOK_MS = 1000;
/** The same where nobody else can have made another one answer, and none is being built. */
const SETTLED_LOOK_MS = 60_000;
/** How often a process says that it has a generation's code, in milliseconds. */
export const SEEN_MS = 60_000;

/** The generations of all metrics of a process. */
export class Generations {
  readonly #options: GenerationsOptions;
  readonly #claims: boolean;
  readonly #metrics = new Map<string, Metric>();
  /** Metrics that are about to take their places. */
  #coming: ReadonlyMap<string, Metric> = new Map();
  /** Taken by what looks at the metrics or changes them. */
  readonly #turn = new Semaphore(1);
  #seenMs = -Infinity;
  #lookedMs = -Infinity;
  #paused: ReadonlySet<string> = new Set();

  constructor(options: GenerationsOptions) {
    this.#options = options;
    this.#claims = options.claims ?? true;
  }

  /**
   * Has the process run other plugins, all of them at its start. Claims their generations, unless the
   * process only looks, and finds those that answer meanwhile; a metric changes in one moment.
   *
   * @throws UserError when the warehouse refuses the SQL of a relation; ExternalError when it does not
   * answer. Topics that had not had their turn by then are as they were.
   */
  change(changes: MetricChanges): Promise<void> {
    return this.#inTurn(() => this.#change(changes));
  }

  async #change({ topics, refused, paused = new Set() }: MetricChanges): Promise<void> {
    const { warehouse } = this.#options;
    // What answers from tables alone from now on is as of now.
    await this.#tellSeen();
    const metrics = new Map<string, Metric>();
    for (const [topic, { added }] of topics) {
      for (const { tables } of added) {
        metrics.set(tables.plugin.name, newMetric(topic, tables));
      }
    }
    for (const [name, topic] of refused) {
      if (this.#metrics.get(name)?.loaded !== null) metrics.set(name, newMetric(topic, null));
    }
    this.#coming = metrics;
    this.#paused = paused;
    await this.#claim(metrics);
    const relations = await relationsOf(warehouse);
    await this.#takeRows(metrics);
    for (const [topic, { removed, added }] of topics) {
      await topic.replace(removed, added, () => {
        for (const { plugin: { name } } of removed) {
          const next = metrics.get(name);
          if (next === undefined) this.#metrics.delete(name);
          else this.#metrics.set(name, next);
        }
        for (const { tables: { plugin: { name } } } of added) {
          this.#metrics.set(name, metrics.get(name)!);
        }
      });
      for (const { plugin } of removed) {
        if (this.#metrics.has(plugin.name)) await this.#dropUnused(plugin);
      }
    }
    for (const [name, { loaded }] of this.#metrics) {
      if (loaded === null && !refused.has(name)) this.#metrics.delete(name);
    }
    for (const name of refused.keys()) {
      if (!this.#metrics.has(name)) this.#metrics.set(name, metrics.get(name)!);
    }
    this.#coming = new Map();
    await this.#look();
    for (const { topic, loaded, live } of metrics.values()) {
      if (live === null && loaded !== null) {
        await refuseMerging(warehouse, loaded, topic.log.id, relations);
      }
    }
  }

  async #claim(metrics: ReadonlyMap<string, Metric>): Promise<void> {
    const { store } = this.#options;
    await Promise.all([...metrics].map(async ([name, metric]) => {
      const { loaded, topic: { schema: { topic } } } = metric;
      metric.claim = this.#claims && loaded !== null
        ? await claimGeneration(store, topic, name, loaded.generation)
        : (await newestClaim(store, topic, name))?.number ?? 0;
    }));
  }

  /** Finds what answers, for metrics that nobody asks yet. */
  async #takeRows(metrics: ReadonlyMap<string, Metric>): Promise<void> {
    const { store, warehouse } = this.#options;
    const rows = await readLiveRows(warehouse);
    for (const [name, metric] of metrics) {
      const known = rows.get(name);
      // A row that retired tables of an earlier build names no generation.
      const row = known?.generation ? known : await this.#adopted(metric.loaded);
      if (row === undefined) {
        metric.target = await endOf(metric.topic.log);
        continue;
      }
      // A refused plugin is there again: no generation of its own says so.
      if (metric.loaded === null && row.retired !== null && this.#claims) {
        metric.claim = await claimGeneration(store, row.topic, name, row.generation);
      }
      await this.#take(metric, row);
      this.#tellBegun(name, metric);
    }
  }

  async #inTurn(action: () => Promise<void>): Promise<void> {
    using _turn = await this.#turn.take();
    await action();
  }

  /** Looks once a second until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, problems } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal);
      try {
        if (!signal.aborted && this.#mayHaveNews()) await this.look();
        if (signal.aborted || clock.now() - this.#seenMs >= SEEN_MS) {
          await this.#inTurn(() => this.#tellSeen());
        }
        problems.clear("generations_unknown", "generations");
      } catch (error) {
        problems.set({
          code: "generations_unknown",
          subject: "generations",
          message: `Cannot find out which generation of each metric answers, and try again in a ` +
            `second: ${messageOf(error)}`,
          error,
        });
      }
    }
  }

  #mayHaveNews(): boolean {
    const { alone = false, clock } = this.#options;
    return !alone || clock.now() - this.#lookedMs >= SETTLED_LOOK_MS ||
      ![...this.#metrics.values()].every(isSettled);
  }

  /** The generation of a metric that answers now; null where its code is refused and none did. */
  served(name: string): ServedGeneration | null {
    const metric = this.#metrics.get(name);
    if (metric === undefined) return null;
    const { speed, loaded, other, frozenAt, rebuilding, lacksEarlierLogs } = metric;
    if (other !== null) {
      return { ...other, frozenAt, rebuilding, lacksEarlierLogs: false };
    }
    return loaded && { tables: loaded, speed, frozenAt: null, rebuilding, lacksEarlierLogs };
  }

  /** The generations of a topic's metrics: of the code that is loaded, and those that answer. */
  of(topic: TopicRuntime): Pick<ServedGeneration, "tables" | "speed">[] {
    return [...this.#metrics.values()].filter((metric) => metric.topic === topic)
      .flatMap(({ loaded, speed, other }) => [loaded && { tables: loaded, speed }, other])
      .filter((generation) => generation !== null);
  }

  /** Takes over what other processes made answer, and makes answer what is complete here. */
  look(): Promise<void> {
    return this.#inTurn(() => this.#look());
  }

  async #look(): Promise<void> {
    this.#lookedMs = this.#options.clock.now();
    const rows = await readLiveRows(this.#options.warehouse);
    const failures: unknown[] = [];
    for (const [name, metric] of this.#metrics) {
      // A metric that cannot go on holds up no other.
      await this.#lookAt(name, metric, rows.get(name)).catch((error) => failures.push(error));
      this.#tellFrozen(name, metric);
    }
    if (failures.length > 0) throw failures[0];
  }

  async #lookAt(name: string, metric: Metric, row: LiveRow | undefined): Promise<void> {
    // Its tables were dropped while it was paused or refused.
    if (row === undefined && metric.loaded === null) metric.live = metric.other = null;
    // A process that started later has no such plugin: it is in force, and this one only computes.
    if (row !== undefined && row.retired !== null && row.claim > metric.claim) {
      metric.live = row;
      return this.#options.problems.set(removedProblem(name));
    }
    this.#options.problems.clear("plugin_removed", `plugin ${name}`);
    if (row !== undefined && (row.claim !== metric.live?.claim || row.retired !== null)) {
      await this.#take(metric, row);
    } else metric.live = row ?? metric.live;
    await this.#advance(metric);
  }

  /** Where a changed metric is about to take its place, what answers meanwhile says so. */
  #tellBegun(name: string, metric: Metric): void {
    const { live, loaded, other } = metric;
    if (this.#claims && loaded !== null && other !== null) {
      metric.rebuilding = 0;
      this.#tellRebuilding(live, loaded, "its first speed rows");
    }
    this.#tellFrozen(name, metric);
  }

  /**
   * Finds out whether another generation than the loaded one answers and stands still, and sets a
   * problem that says why. A paused or refused metric has one already.
   */
  #tellFrozen(name: string, metric: Metric): void {
    const { problems } = this.#options;
    const { live, loaded, other, rebuilding } = metric;
    metric.frozenAt = live === null || other === null ? null : this.#frozenAt(name, metric, live);
    const frozen = live !== null && metric.frozenAt !== null;
    if (frozen && loaded !== null && rebuilding === null) {
      problems.set(stoppedProblem(live, loaded, metric.frozenAt!));
    } else problems.clear("generation_stopped", `plugin ${name}`);
  }

  /** Since when nobody computes what answers; null while another process does. */
  #frozenAt(name: string, { topic }: Metric, { seen }: LiveRow): string | null {
    const sinceMs = this.#options.clock.now() - seen;
    return topic.membership.shared && sinceMs < 2 * SEEN_MS && !this.#paused.has(name)
      ? null
      : new Date(seen).toISOString();
  }

  /** Makes the loaded generation answer when it is complete, unless a newer one is wanted. */
  async #advance(metric: Metric): Promise<void> {
    const { store, clock } = this.#options;
    const { loaded, topic, live, claim } = metric;
    if (loaded === null) return await metric.other?.speed.look();
    const { name } = loaded.plugin;
    if (live?.generation === loaded.generation) return await this.#settle(metric, loaded);
    await metric.other?.speed.look();
    if (live !== null && live.claim > claim) return await this.#settle(metric, loaded);
    const wanted = () => newestClaim(store, topic.schema.topic, name);
    // No process builds a generation that nobody claimed.
    if (!this.#claims && (await wanted())?.generation !== loaded.generation) return;
    // A group gives a new process its partitions after a while: that is a start and no problem.
    if (live === null && !topic.speed.begun(name)) return;
    await topic.speed.fresh();
    const { share, waitsFor } = await standingOf(this.#options.published, metric, loaded);
    metric.rebuilding = Math.min(share, 0.99);
    if (waitsFor !== null) return this.#tellRebuilding(live, loaded, waitsFor);
    if (!this.#claims) return this.#tellRebuilding(live, loaded, "a process that runs");
    if ((await wanted())?.number !== claim) {
      const other = "the generation that another process claimed since";
      return this.#tellRebuilding(live, loaded, other);
    }
    await this.#take(metric, this.#loadedRow(loaded, claim, clock.now()));
    await this.#settle(metric, loaded);
  }

  /** The loaded generation answers; a new one may still have older events to read. */
  async #settle(metric: Metric, loaded: PluginTables): Promise<void> {
    this.#options.problems.clear("rebuilding", `plugin ${loaded.plugin.name}`);
    if (metric.target !== null) {
      const { has } = await covered(this.#options.published, metric, loaded);
      const share = rebuiltShare(metric.topic.log.id, has, metric.target);
      if (share === 1) metric.target = null;
      metric.rebuilding = Math.min(share, 0.99);
    }
    if (metric.target === null) metric.rebuilding = null;
  }

  #tellRebuilding(live: LiveRow | null, loaded: PluginTables, waitsFor: string): void {
    this.#options.problems.set(rebuildingProblem(live, loaded, waitsFor));
  }

  /** Takes a row as what answers: its tables, and the relations over them. */
  async #take(metric: Metric, row: LiveRow): Promise<void> {
    const { warehouse } = this.#options;
    const { loaded, topic } = metric;
    const declared = declaredPlugin(row.declaration);
    if (loaded !== null && row.generation === loaded.generation) {
      metric.claim = Math.max(metric.claim, row.claim);
      const mine = this.#claims ? this.#loadedRow(loaded, metric.claim, row.since) : row;
      if (metric.live?.claim !== mine.claim || row.retired !== null) {
        await this.#write([mine]);
        await makeRelations(warehouse, loaded, topic.log.id);
      }
      const before = metric.other?.tables.plugin ?? declared;
      metric.live = mine;
      metric.other = null;
      if (before !== null) await this.#dropUnused(before);
      return;
    }
    // Another form of the declaration: its relations stay, and nothing else is known of it.
    if (declared === null) return;
    const tables = tablesOf(declared, row.generation);
    await warehouse.command(createBatchTable(tables));
    const speed = await openTableSpeed({
      tables,
      warehouse,
      log: topic.log,
      ledger: topic.ledger,
      clock: this.#options.clock,
      below: (first) => topic.speed.below(first),
    });
    try {
      await makeRelations(warehouse, tables, topic.log.id);
    } catch (error) {
      // Code that is gone cannot be mended: the start does not fail for it, and its views stay.
      if (!(error instanceof UserError)) throw error;
    }
    // The plugin is there again; a later look of this process would else take the row anew.
    const taken = row.retired === null ? row : { ...row, retired: null, seen: row.seen + 1 };
    if (taken !== row) await this.#write([taken]);
    const before = metric.other?.tables.plugin ?? (metric.live && loaded?.plugin) ?? null;
    metric.live = taken;
    metric.other = { tables, speed };
    if (before !== null) await this.#dropUnused(before);
  }

  #loadedRow({ plugin, generation }: PluginTables, claim: number, since: number): LiveRow {
    return {
      topic: plugin.source.topic,
      plugin: plugin.name,
      claim,
      generation,
      declaration: declarationText(plugin, this.#options.files?.get(plugin.name)),
      since,
      seen: this.#options.clock.now(),
      retired: null,
    };
  }

  /** The row of what answered in a build that wrote none. */
  async #adopted(loaded: PluginTables | null): Promise<LiveRow | undefined> {
    const { warehouse, clock } = this.#options;
    const generation = loaded && await shownGeneration(warehouse, loaded.plugin);
    if (loaded === null || generation === null) return undefined;
    const row = { ...this.#loadedRow(loaded, 0, clock.now()), generation };
    await this.#write([row]);
    return row;
  }

  /** Removes relations that no metric declares any more. */
  async #dropUnused(before: Plugin): Promise<void> {
    const used = new Set(
      [...this.#metrics.values(), ...this.#coming.values()]
        .map(({ loaded, other }) => other?.tables ?? loaded)
        .flatMap((tables) => tables === null ? [] : relationNames(tables.plugin)),
    );
    for (const name of relationNames(before)) {
      if (!used.has(name)) await dropRelation(this.#options.warehouse, name);
    }
  }

  /** Says that the code of what answers is still there. */
  async #tellSeen(): Promise<void> {
    const seen = this.#options.clock.now();
    const rows = [...this.#metrics.values()].flatMap(({ live, loaded }) =>
      live !== null && live.retired === null && live.generation === loaded?.generation
        ? [{ ...live, seen }]
        : []
    );
    await this.#write(rows);
    this.#seenMs = seen;
  }

  async #write(rows: readonly LiveRow[]): Promise<void> {
    if (this.#claims) await writeLiveRows(this.#options.warehouse, rows);
  }
}

/** Whether the loaded generation of a metric answers, and has all that it is to have. */
const isSettled = ({ loaded, live, other, rebuilding, target }: Metric) =>
  live !== null && live.retired === null && live.generation === loaded?.generation &&
  other === null && rebuilding === null && target === null;
