/**
 * What becomes of tables that no metric answers from: those of plugins that were removed, and of
 * generations that others replaced. Relations of a removed plugin raise an error at once; tables and
 * relations go after a while, when nothing was written to them either.
 */
import type { Clock } from "../std/clock.ts";
import { Semaphore } from "../std/semaphore.ts";
import { UserError } from "../std/errors.ts";
import type { ObjectStore, Warehouse } from "../ports/ports.ts";
import { type Problem, type ProblemSink, repeated } from "../model/problems.ts";
import { refusingView } from "../serving/relations.ts";
import { claimGeneration, newestClaim } from "./generation_claims.ts";
import { SEEN_MS } from "./generations.ts";
import { forgetLiveRow, type LiveRow, readLiveRows, writeLiveRows } from "./live_rows.ts";
import { dropRelation } from "./make_relations.ts";
import { ledgerPrefix, ledgerTable } from "../speed/ledger.ts";
import {
  type LedgerTable,
  readStateTables,
  type StateTable,
  type StateView,
} from "./state_tables.ts";
import type { TopicRuntime } from "./topic_runtime.ts";

/** What {@link Retirement} needs. */
export interface RetirementOptions {
  /** The list may change, and so may the plugins of each. */
  readonly topics: readonly TopicRuntime[];
  /** By plugin that does not run, the problem that keeps it from running: its tables stay. */
  readonly refused: () => ReadonlyMap<string, Pick<Problem, "code" | "message">>;
  /** Whether a generation of a refused plugin answers. */
  readonly answers: (plugin: string) => boolean;
  /**
   * Whether a file does not load and may declare a plugin of any name: then none counts as removed.
   */
  readonly unknown: () => boolean;
  readonly warehouse: Warehouse;
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** How long tables are kept that nothing answers from, in milliseconds. */
  readonly keepMs: number;
  /** Where a removal that fails stands until one works. */
  readonly problems: ProblemSink;
}

const LOOK_MS = 60_000;

/** Retires what no metric of this process answers from. */
export class Retirement {
  readonly #options: RetirementOptions;
  /** Whether the process has looked since it loaded its plugins. */
  #looked = false;
  readonly #turn = new Semaphore(1);

  constructor(options: RetirementOptions) {
    this.#options = options;
  }

  /** Looks once a minute until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, topics, problems } = this.#options;
    const report = { code: "removal_failing", subject: "retired tables" } as const;
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      if (!topics.some((topic) => topic.membership.assignment().batch)) {
        // The process whose turn it is has the problem, if it still stands.
        problems.clear(report.code, report.subject);
        continue;
      }
      const action = "remove tables that nothing answers from";
      await repeated(problems, report, action, () => this.look(), signal);
    }
  }

  /**
   * Has relations of removed plugins raise an error, and removes what was kept for long enough. The
   * first look claims that the plugins which the process lacks are removed; so does the first one
   * after {@link reloaded}.
   */
  async look(): Promise<void> {
    const starts = !this.#looked;
    this.#looked = true;
    await this.#retire(this.#options.keepMs, starts);
  }

  /** The process has loaded its plugins again. */
  reloaded(): void {
    this.#looked = false;
  }

  /**
   * Removes at once what no metric answers from.
   *
   * @returns the names of the tables and relations that were removed, sorted.
   */
  async prune(): Promise<string[]> {
    return (await this.#retire(0, false)).sort();
  }

  /**
   * Removes at once the tables and relations of one plugin that does not run.
   *
   * @param isDeclared whether its file is there, and it is paused.
   * @returns the names of what was removed, sorted; null where nothing is known of the plugin.
   * @throws {UserError} where another process runs it, or a file that does not load may declare it.
   */
  async drop(plugin: string, isDeclared: boolean): Promise<string[] | null> {
    using _turn = await this.#turn.take();
    const { warehouse, store, unknown } = this.#options;
    const row = (await readLiveRows(warehouse)).get(plugin);
    const { tables, views } = await readStateTables(warehouse);
    const own = tables.filter((table) => table.plugin === plugin);
    if (row === undefined && own.length === 0) return isDeclared ? [] : null;
    if (!isDeclared && (unknown() || (row !== undefined && this.#hasOther(row)))) {
      throw new UserError(
        `Cannot drop metric "${plugin}": ${
          unknown()
            ? "a file that does not load may declare it; correct or remove that file"
            : "another process runs it; pause it there, or stop that process"
        }`,
      );
    }
    if (!isDeclared && row !== undefined && row.topic !== "") {
      await claimGeneration(store, row.topic, plugin, null);
    }
    const shown = views.filter((view) => own.some((table) => view.tables.has(table.name)));
    const dropped = await this.#drop([...shown, ...own]);
    await forgetLiveRow(warehouse, plugin);
    return dropped.sort();
  }

  async #retire(keepMs: number, starts: boolean): Promise<string[]> {
    using _turn = await this.#turn.take();
    return await this.#retireAll(keepMs, starts);
  }

  async #retireAll(keepMs: number, starts: boolean): Promise<string[]> {
    const { warehouse, clock, answers } = this.#options;
    const [refused, unknown] = [this.#options.refused(), this.#options.unknown()];
    const nowMs = clock.now();
    const before = nowMs - keepMs;
    const rows = await readLiveRows(warehouse);
    const { tables, views, ledgers } = await readStateTables(warehouse);
    const loaded = new Map(
      this.#options.topics.flatMap((topic) =>
        topic.plugins.map((of) => [of.plugin.name, { topic, generation: of.generation }] as const)
      ),
    );
    const removed: string[] = [];
    for (const name of new Set([...rows.keys(), ...tables.map(({ plugin }) => plugin)])) {
      const own = tables.filter(({ plugin }) => plugin === name);
      const row = rows.get(name);
      const of = loaded.get(name);
      if (of !== undefined) {
        removed.push(...await this.#dropReplaced(own, row, of, before));
        continue;
      }
      const shown = views.filter((view) => own.some((table) => view.tables.has(table.name)));
      const problem = refused.get(name);
      if (problem !== undefined) {
        if (!answers(name)) await this.#refuse(shown, problem.code, problem.message);
        continue;
      }
      if (unknown) continue;
      const retiring = row ?? { ...UNKNOWN, plugin: name, since: nowMs };
      const claim = await this.#removal(retiring, starts);
      if (claim === null) continue;
      removed.push(...await this.#retirePlugin(retiring, claim, own, shown, { nowMs, before }));
    }
    if (!unknown) removed.push(...await this.#dropLedgers(ledgers, rows, before));
    return removed;
  }

  /** Removes ledgers of other settings, logs and topics that no process writes. */
  async #dropLedgers(
    ledgers: readonly LedgerTable[],
    rows: ReadonlyMap<string, LiveRow>,
    before: number,
  ): Promise<string[]> {
    const { clock, topics } = this.#options;
    const own = new Set(topics.map(({ ledger, log }) => ledgerTable(ledger, log.id)));
    const idle = this.#shared ? Math.min(before, clock.now() - 2 * SEEN_MS) : before;
    const ours = new Set(topics.map(({ schema }) => schema.topic));
    const others = [...rows.values()].filter((row) => !ours.has(row.topic) && this.#hasOther(row))
      .map(({ topic }) => ledgerPrefix(topic));
    return await this.#drop(
      ledgers.filter(({ name, writtenMs }) =>
        !own.has(name) && writtenMs <= idle && !others.some((prefix) => name.startsWith(prefix))
      ),
    );
  }

  /** Removes tables of generations that are neither loaded, nor answer, nor are wanted. */
  async #dropReplaced(
    tables: readonly StateTable[],
    row: LiveRow | undefined,
    { topic, generation }: { readonly topic: TopicRuntime; readonly generation: string },
    before: number,
  ): Promise<string[]> {
    const used = [generation, row?.generation];
    const others = tables.filter((table) => !used.includes(table.generation));
    // Without a row nobody knows yet what answers.
    if (others.length === 0 || row === undefined || row.since > before) return [];
    const { store } = this.#options;
    const wanted = await newestClaim(store, topic.schema.topic, row.plugin);
    return await this.#drop(
      others.filter((table) =>
        table.generation !== wanted?.generation && table.writtenMs <= before
      ),
    );
  }

  /**
   * The claim by which a plugin counts as removed; null where another process wants it. The newest
   * claim decides, so processes with the plugin and without it do not take turns.
   *
   * @param starts whether this process starts: then it makes the claim.
   */
  async #removal(row: LiveRow, starts: boolean): Promise<number | null> {
    const { topic, plugin, generation } = row;
    const { store } = this.#options;
    // Builds that made no claims left tables behind, and no topic.
    if (topic === "") return 0;
    const newest = await newestClaim(store, topic, plugin);
    if (newest?.generation === null) return newest.number;
    // A process that builds another generation is not seen before that answers.
    const abandoned = newest?.generation === generation && !this.#hasOther(row);
    return starts || !this.#shared || abandoned
      ? await claimGeneration(store, topic, plugin, null)
      : null;
  }

  get #shared(): boolean {
    return this.#options.topics.some(({ membership }) => membership.shared);
  }

  /** Whether another process runs the plugin. */
  #hasOther({ seen }: LiveRow): boolean {
    return this.#shared && this.#options.clock.now() - seen < 2 * SEEN_MS;
  }

  async #retirePlugin(
    row: LiveRow,
    claim: number,
    tables: readonly StateTable[],
    views: readonly StateView[],
    { nowMs, before }: { readonly nowMs: number; readonly before: number },
  ): Promise<string[]> {
    const { warehouse } = this.#options;
    const { plugin } = row;
    const retired = row.retired ?? nowMs;
    if (row.retired === null || row.claim < claim) {
      await writeLiveRows(warehouse, [{ ...row, claim, seen: nowMs, retired }]);
    }
    if (retired > before || tables.some(({ writtenMs }) => writtenMs > before)) {
      const message =
        `plugin ${plugin} was removed; its tables are kept for a while in case it comes back; to ` +
        "drop them now, run: twofold plugins prune";
      await this.#refuse(views, "plugin_removed", message);
      return [];
    }
    const dropped = await this.#drop([...views, ...tables]);
    await forgetLiveRow(warehouse, plugin);
    return dropped;
  }

  async #refuse(views: readonly StateView[], code: string, message: string): Promise<void> {
    for (const { name, select } of views) {
      const refusal = { code, message: `relation ${name}: ${message}` };
      const view = refusingView(name, select, refusal);
      // One that raises this error already stays as it is.
      if (view.select !== select) await this.#options.warehouse.command(view.sql);
    }
  }

  async #drop(these: readonly { readonly name: string }[]): Promise<string[]> {
    for (const { name } of these) await dropRelation(this.#options.warehouse, name);
    return these.map(({ name }) => name);
  }
}

/** What is written of tables that a build without rows made. */
const UNKNOWN = {
  topic: "",
  claim: 0,
  generation: "",
  declaration: "",
  seen: 0,
  retired: null,
};
