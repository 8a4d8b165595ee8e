/**
 * Which generation of each metric answers. A metric whose code changed goes on to answer from the
 * tables of the generation before, until the new one has published a run, has no gap between the
 * run's cut and its speed rows, and has come as far as the old one in every partition.
 */
import type { Clock } from "../std/clock.ts";
import { UserError, wordsOf } from "../std/errors.ts";
import { furthest, reaches } from "../model/frontier.ts";
import { declarationText, declaredPlugin } from "../model/generation.ts";
import type { Plugin } from "../plugin.ts";
import type { ObjectStore, Warehouse } from "../ports/ports.ts";
import type { Problems } from "../model/problems.ts";
import type { PublishedRuns } from "../serving/published_runs.ts";
import type { ServedGeneration } from "../serving/serving.ts";
import { openTableSpeed, type TableSpeed } from "../speed/table_speed.ts";
import { createBatchTable, type PluginTables, tablesOf } from "../sql/tables.ts";
import { mergedRelation, refusingView, relationNames } from "../serving/relations.ts";
import { claimGeneration, newestClaim } from "./generation_claims.ts";
import { rebuildingProblem, removedProblem } from "./generation_problems.ts";
import { shownGeneration } from "./shown_generation.ts";
import { type LiveRow, readLiveRows, writeLiveRows } from "./live_rows.ts";
import { dropRelation, makeRelations } from "./make_relations.ts";
import { rebuiltShare, withinLog } from "./rebuilt_share.ts";
import type { TopicRuntime } from "./topic_runtime.ts";

/** What {@link Generations} need. */
export interface GenerationsOptions {
  readonly topics: readonly TopicRuntime[];
  /** Plugins that do not run and the topics that they are made of. Default: none. */
  readonly refused?: ReadonlyMap<string, TopicRuntime>;
  /** The files of the plugins that are loaded, by plugin. Default: unknown. */
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
}

/** How often it is looked whether another generation is to answer, in milliseconds. */
const LOOK_MS = 1000;
/** How often a process says that it has a generation's code, in milliseconds. */
export const SEEN_MS = 60_000;

/** A metric of this process. */
interface Metric {
  readonly topic: TopicRuntime;
  /** The generation of the code that is loaded; null where that code is refused. */
  readonly loaded: PluginTables | null;
  /** This process's claim, or the newest of all where it makes none; 0 before there is one. */
  claim: number;
  /** What answers; null while no generation ever was complete. */
  live: LiveRow | null;
  /** Where another generation than the loaded one answers. */
  other: OtherGeneration | null;
  /** The share of the records that the loaded generation has, while it does not answer. */
  rebuilding: number | null;
}

/** A generation whose code is not loaded. */
interface OtherGeneration {
  readonly tables: PluginTables;
  readonly speed: TableSpeed;
}

/** How far the loaded generation is on its way to answer. */
interface Standing {
  readonly share: number;
  /** Null when it may answer. */
  readonly waitsFor: string | null;
}

/** The generations of all metrics of a process. */
export class Generations {
  readonly #options: GenerationsOptions;
  readonly #claims: boolean;
  readonly #metrics: ReadonlyMap<string, Metric>;
  #seenMs = -Infinity;

  constructor(options: GenerationsOptions) {
    this.#options = options;
    this.#claims = options.claims ?? true;
    const nothing = { claim: 0, live: null, other: null, rebuilding: null };
    this.#metrics = new Map<string, Metric>([
      ...options.topics.flatMap((topic) =>
        topic.plugins.map((loaded) => [loaded.plugin.name, { topic, loaded, ...nothing }] as const)
      ),
      ...[...options.refused ?? []].map(([name, topic]) =>
        [name, { topic, loaded: null, ...nothing }] as const
      ),
    ]);
  }

  /**
   * Claims the generations that are loaded, unless the process only looks, and finds those that
   * answer meanwhile. Called once, before anything is asked.
   *
   * @throws UserError when the warehouse refuses the SQL of a relation.
   */
  async open(): Promise<void> {
    const { store, warehouse } = this.#options;
    await Promise.all([...this.#metrics].map(async ([name, metric]) => {
      const { loaded, topic: { schema: { topic } } } = metric;
      metric.claim = this.#claims && loaded !== null
        ? await claimGeneration(store, topic, name, loaded.generation)
        : (await newestClaim(store, topic, name))?.number ?? 0;
    }));
    const rows = await readLiveRows(warehouse);
    const relations = await tableNames(warehouse);
    for (const [name, metric] of this.#metrics) {
      const known = rows.get(name);
      // A row that retired tables of an earlier build names no generation.
      const row = known?.generation ? known : await this.#adopted(metric.loaded);
      if (row === undefined) continue;
      // A refused plugin is there again: no generation of its own says so.
      if (metric.loaded === null && row.retired !== null && this.#claims) {
        metric.claim = await claimGeneration(store, row.topic, name, row.generation);
      }
      await this.#take(metric, row);
    }
    await this.look();
    for (const { topic, loaded, live } of this.#metrics.values()) {
      if (live === null && loaded !== null) await this.#refuseMerging(topic, loaded, relations);
    }
  }

  /** Looks once a second until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, problems } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal);
      try {
        if (!signal.aborted) await this.look();
        if (signal.aborted || clock.now() - this.#seenMs >= SEEN_MS) await this.#tellSeen();
        problems.clear("generations_unknown", "generations");
      } catch (error) {
        problems.set({
          code: "generations_unknown",
          subject: "generations",
          message: `Cannot find out which generation of each metric answers, and try again in a ` +
            `second: ${wordsOf(error)}`,
          error,
        });
      }
    }
  }

  /** The generation of a metric that answers now; null where its code is refused and none did. */
  served(name: string): ServedGeneration | null {
    const metric = this.#metrics.get(name);
    if (metric === undefined) return null;
    const { topic, loaded, other, rebuilding } = metric;
    if (other !== null) return { ...other, frozenAt: this.#frozenAt(metric), rebuilding };
    return loaded && { tables: loaded, speed: topic.speed, frozenAt: null, rebuilding };
  }

  /** The generations of a topic's metrics: of the code that is loaded, and those that answer. */
  of(topic: TopicRuntime): Pick<ServedGeneration, "tables" | "speed">[] {
    return [...this.#metrics.values()].filter((metric) => metric.topic === topic)
      .flatMap(({ loaded, other }) => [loaded && { tables: loaded, speed: topic.speed }, other])
      .filter((generation) => generation !== null);
  }

  /** Takes over what other processes made answer, and makes answer what is complete here. */
  async look(): Promise<void> {
    const rows = await readLiveRows(this.#options.warehouse);
    const failures: unknown[] = [];
    for (const [name, metric] of this.#metrics) {
      // A metric that cannot go on holds up no other.
      await this.#lookAt(name, metric, rows.get(name)).catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  async #lookAt(name: string, metric: Metric, row: LiveRow | undefined): Promise<void> {
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

  /** Since when nobody computes what answers; null while somebody does. */
  #frozenAt({ topic, loaded, live, claim }: Metric): string | null {
    // Another process computes what a newer claim than ours made answer.
    if (live === null || (loaded !== null && live.claim > claim)) return null;
    const sinceMs = this.#options.clock.now() - live.seen;
    return topic.membership.shared && sinceMs < 2 * SEEN_MS
      ? null
      : new Date(live.seen).toISOString();
  }

  /** Makes the loaded generation answer when it is complete, unless a newer one is wanted. */
  async #advance(metric: Metric): Promise<void> {
    const { store, clock } = this.#options;
    const { loaded, topic, live, claim } = metric;
    if (loaded === null) return await metric.other?.speed.look();
    const { name } = loaded.plugin;
    if (live?.generation === loaded.generation) return this.#settle(metric, name);
    await metric.other?.speed.look();
    if (live !== null && live.claim > claim) return this.#settle(metric, name);
    const wanted = () => newestClaim(store, topic.schema.topic, name);
    // No process builds a generation that nobody claimed.
    if (!this.#claims && (await wanted())?.generation !== loaded.generation) return;
    // A group gives a new process its partitions after a while: that is a start and no problem.
    if (live === null && !topic.speed.begun(name)) return;
    const { share, waitsFor } = await this.#standing(metric, loaded);
    metric.rebuilding = Math.min(share, 0.99);
    if (waitsFor !== null) return this.#tellRebuilding(live, loaded, waitsFor);
    if (!this.#claims) return this.#tellRebuilding(live, loaded, "a process that runs");
    if ((await wanted())?.number !== claim) {
      const other = "the generation that another process claimed since";
      return this.#tellRebuilding(live, loaded, other);
    }
    await this.#take(metric, this.#loadedRow(loaded, claim, clock.now()));
    this.#settle(metric, name);
  }

  #settle(metric: Metric, name: string): void {
    metric.rebuilding = null;
    this.#options.problems.clear("rebuilding", `plugin ${name}`);
  }

  async #standing({ topic, other }: Metric, loaded: PluginTables): Promise<Standing> {
    const { published } = this.#options;
    const { speed, log, batch } = topic;
    const { name } = loaded.plugin;
    const { run, cut } = await published.of(loaded, batch.ended);
    const has = { cut, start: speed.start(name), frontier: speed.frontier(name) };
    const gap = speed.begun(name) && reaches(cut, has.start)
      ? null
      : "a batch run up to the beginning of its speed rows";
    if (other === null) return { share: 0, waitsFor: gap };
    const old = await published.of(other.tables, batch.ended);
    const target = await withinLog(log, furthest(old.cut, other.speed.frontier(name)));
    const share = rebuiltShare(log.id, has, target);
    // Where the other has no run either, nothing that it shows would be missed.
    if (run === null && old.run !== null) return { share, waitsFor: "its first batch run" };
    if (gap !== null) return { share, waitsFor: gap };
    const there = reaches(furthest(cut, has.frontier), target);
    return { share, waitsFor: there ? null : "its speed rows to reach the others" };
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
      ...{ tables, warehouse, log: topic.log, ledger: topic.ledger, clock: this.#options.clock },
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

  /** The row by which the loaded generation answers. */
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
      [...this.#metrics.values()].map(({ loaded, other }) => other?.tables ?? loaded)
        .flatMap((tables) => tables === null ? [] : relationNames(tables.plugin)),
    );
    for (const name of relationNames(before)) {
      if (!used.has(name)) await dropRelation(this.#options.warehouse, name);
    }
  }

  /** No generation is complete: the merged relation says so, unless one shows older tables. */
  async #refuseMerging(
    topic: TopicRuntime,
    loaded: PluginTables,
    relations: ReadonlySet<string>,
  ): Promise<void> {
    const { plugin: { name }, generation } = loaded;
    const merged = mergedRelation(loaded.plugin).name;
    if (relations.has(merged)) return;
    await makeRelations(
      this.#options.warehouse,
      loaded,
      topic.log.id,
      (view) =>
        view.name !== merged ? view : refusingView(
          view.name,
          view.select,
          {
            code: "rebuilding",
            message:
              `relation ${merged} waits for generation ${generation} of plugin ${name}: a batch ` +
              "run must cover the events below its speed rows",
          },
        ),
    );
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

async function tableNames(warehouse: Pick<Warehouse, "query">): Promise<Set<string>> {
  const rows = await warehouse.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase()",
  );
  return new Set(rows.map(({ name }) => name));
}
