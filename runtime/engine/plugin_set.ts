/**
 * The plugins of a process, loaded again as often as somebody asks. A start is the first time: then
 * everything is new.
 */
import type { OpenCatalogs } from "../catalogs/catalogs.ts";
import { declarationText } from "../model/generation.ts";
import { meaningOf } from "../model/schema_meaning.ts";
import type { ProblemReport, Problems } from "../model/problems.ts";
import type { EventSchema } from "../events.ts";
import type { Plugin } from "../plugin.ts";
import type { RowFormat } from "../row_format.ts";
import type { Source } from "../source.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { ReloadAnswer } from "../ports/services.ts";
import type { Isolates } from "../speed/isolates.ts";
import type { PluginModule } from "../speed/isolate_thread.ts";
import type { PluginTables } from "../sql/tables.ts";
import type { BatchPlugin } from "../batch/plugin_step.ts";
import { ExternalError } from "../std/errors.ts";
import { Semaphore } from "../std/semaphore.ts";
import {
  advice,
  checkedDeclarations,
  refusedFile,
  refusedPlugin,
  refusedSchema,
} from "./check_plugins.ts";
import type { Generations } from "./generations.ts";
import { readLiveRows } from "./live_rows.ts";
import type { Declarations, Input, LoadedPlugin } from "./load_plugins.ts";
import type { PluginFolder } from "./plugin_folders.ts";
import { type Pause, readPauses } from "./pauses.ts";
import {
  type KnownRefused,
  knownRefused,
  notRun,
  pausedProblem,
  schemasOf,
} from "./refused_plugins.ts";
import type { TopicRuntime } from "./topic_runtime.ts";

/** What {@link PluginSet} needs. */
export interface PluginSetOptions {
  readonly folders: readonly PluginFolder[];
  readonly warehouse: Warehouse;
  readonly problems: Problems;
  readonly catalogs: OpenCatalogs;
  readonly generations: Generations;
  readonly isolates: Isolates;
  /** By plugin, where it is declared: written before a plugin runs. */
  readonly modules: WeakMap<Plugin, PluginModule>;
  /** The files of the plugins that are loaded, by plugin: kept up to date. */
  readonly files: Map<string, string>;
  /** Opens a topic that has no plugins yet. */
  openTopic(schema: EventSchema): Promise<TopicRuntime>;
}

/** Topics, plugins and what is refused, as they are now. */
export class PluginSet {
  readonly #options: PluginSetOptions;
  readonly #turn = new Semaphore(1);
  readonly #topics: TopicRuntime[] = [];
  #loaded: ReadonlyMap<string, LoadedPlugin> = new Map();
  #refused: readonly KnownRefused[] = [];
  #declared: Declarations | null = null;
  #pauses: ReadonlyMap<string, Pause> = new Map();
  #closed = false;
  /** Settles when what changes places has done so. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: PluginSetOptions) {
    this.#options = options;
  }

  /** The topics of all plugins, in the order in which they were opened; the list grows. */
  get topics(): readonly TopicRuntime[] {
    return this.#topics;
  }

  /** The row formats in use. */
  get formats(): readonly RowFormat[] {
    return this.#declared?.inputs.formats ?? [];
  }

  /** The sources, each the same object until its file or what that imports changes. */
  get sources(): readonly Source[] {
    return this.#declared?.inputs.sources ?? [];
  }

  get loaded(): readonly LoadedPlugin[] {
    return [...this.#loaded.values()];
  }

  /** The plugins that do not run: in each moment of a change, those that no topic has. */
  get refused(): readonly KnownRefused[] {
    const running = this.#topics.flatMap(({ plugins }) => plugins.map(({ plugin }) => plugin.name));
    return this.#refused.filter(({ name }) => !running.includes(name));
  }

  /** The paused metrics, by plugin, as this process knows them. */
  get pauses(): ReadonlyMap<string, Pause> {
    return this.#pauses;
  }

  /**
   * Stops the plugins that were paused since, here or by another process, and runs those that were
   * resumed.
   *
   * @returns whether there were any.
   * @throws {ExternalError} as {@link load}.
   */
  async follow(): Promise<boolean> {
    using _turn = await this.#turn.take();
    const pauses = await readPauses(this.#options.warehouse);
    const known = JSON.stringify([...this.#pauses.values()]);
    if (this.#closed || JSON.stringify([...pauses.values()]) === known) return false;
    const change = this.#change(this.#declared!);
    this.#changing = change.catch(() => {});
    await change;
    return true;
  }

  /**
   * Loads what the folders declare, and has it run: what is new or changed is built while everything
   * else, and what a changed plugin was before, goes on to answer. What does not load leaves what was
   * loaded before as it is. One call at a time; others wait.
   *
   * @throws {UserError} at the start, when there are plugins and none of them loads.
   * @throws {ExternalError} when the warehouse, the log or the archive does not answer: call it again.
   */
  async load(): Promise<ReloadAnswer> {
    using _turn = await this.#turn.take();
    return await this.#load();
  }

  /** Waits until nothing changes places any more, and lets nothing do so. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#changing;
  }

  async #load(): Promise<ReloadAnswer> {
    const { folders, warehouse } = this.#options;
    const starts = this.#topics.length === 0;
    const declared = await checkedDeclarations(folders, warehouse, {
      required: starts,
      before: this.#declared?.inputs.byFile,
    });
    // A module may take its time, for which a process that stops does not wait.
    if (this.#closed) throw new ExternalError("Cannot load the plugins: the process stops");
    const change = this.#change(declared);
    this.#changing = change.catch(() => {});
    return await change;
  }

  async #change(declared: Declarations): Promise<ReloadAnswer> {
    const { warehouse, catalogs } = this.#options;
    const [rows, pauses] = [await readLiveRows(warehouse), await readPauses(warehouse)];
    const found = knownRefused(declared, rows, this.#options.files);
    await this.#openTopics(schemasOf(declared.plugins, found, rows));
    const { running, refused, reports } = this.#sort(declared.plugins, found, pauses);
    const kept = refused.filter((one) =>
      this.#loaded.has(one.name) && !running.has(one.name) && !isPaused(one)
    );
    const notRunning = refused.filter((one) => !kept.includes(one));
    // One that is about to run stays among them until its topic has it: it goes on to answer.
    const awaited = this.#refused.filter(({ name }) => running.has(name));
    this.#refused = [...notRunning, ...awaited];
    const changed = new Set(
      [...running].filter(([name, plugin]) => !isSame(plugin, this.#loaded.get(name)))
        .map(([name]) => name),
    );
    const gone = [...this.#loaded.keys()].filter((name) =>
      !running.has(name) && !kept.some((one) => one.name === name)
    );
    const answer = {
      added: [...changed].filter((name) => !this.#loaded.has(name)),
      changed: [...changed].filter((name) => this.#loaded.has(name)),
      removed: gone.filter((name) => !refused.some((one) => one.name === name)),
      refused: refused.filter((one) => !isPaused(one)).map(({ name, file, faults }) => ({
        plugin: name,
        file,
        faults: [...faults],
      })),
      ...changedFiles(this.#declared?.inputs.byFile ?? new Map(), declared.inputs.byFile),
      refused_files: declared.refusedFiles.map(({ file, faults }) => ({
        file,
        faults: [...faults],
      })),
    };
    // A schema is one problem for all plugins of its topic.
    const own = kept.filter(({ problem }) => problem.code === "plugin_refused");
    const told = [...reports, ...own.map(keptPlugin)];
    // Before the change, and after it: no answer is frozen without saying so.
    this.#tell(declared, told);
    await this.#run(running, changed, gone, notRunning);
    this.#refused = notRunning;
    [this.#declared, this.#pauses] = [declared, pauses];
    await catalogs.use(
      declared.catalogs.map(({ catalog }) => catalog),
      new Map(declared.refusedFiles.map((one) => [one.name, refusedFile(one).message])),
    );
    this.#tell(declared, told);
    this.#clearProblems(gone);
    return answer;
  }

  async #openTopics(schemas: readonly EventSchema[]): Promise<void> {
    for (const schema of schemas) {
      if (this.#topics.some((topic) => topic.schema.topic === schema.topic)) continue;
      this.#topics.push(await this.#options.openTopic(schema));
    }
  }

  /** Which plugins run, and which do not because of their files or their schema, or are paused. */
  #sort(
    plugins: readonly LoadedPlugin[],
    found: readonly KnownRefused[],
    pauses: ReadonlyMap<string, Pause>,
  ) {
    const running = new Map<string, LoadedPlugin>();
    const refused = [...found];
    const reports: ProblemReport[] = [];
    for (const topic of this.#topics) {
      const own = plugins.filter(({ plugin }) => plugin.source.topic === topic.schema.topic);
      if (own.length === 0) continue;
      const problem = schemaProblem(topic, own[0].plugin.source);
      if (problem === null) {
        for (const one of own) {
          const { name } = one.plugin;
          const pause = pauses.get(name);
          if (pause === undefined) running.set(name, one);
          else refused.push(notRun(one, pausedProblem(name, pause)));
        }
        continue;
      }
      reports.push(problem);
      refused.push(...own.map((one) => notRun(one, problem)));
    }
    return { running, refused, reports };
  }

  /** Has the plugins change places, topic by topic. */
  async #run(
    running: ReadonlyMap<string, LoadedPlugin>,
    changed: ReadonlySet<string>,
    gone: readonly string[],
    notRunning: readonly KnownRefused[],
  ): Promise<void> {
    const { files, modules, isolates, generations } = this.#options;
    const before = this.#loaded;
    const replaced = [...gone, ...changed].flatMap((name) => before.get(name)?.plugin ?? []);
    for (const name of changed) {
      const { plugin, root, file, modules: texts } = running.get(name)!;
      modules.set(plugin, { root, file, texts });
      files.set(name, file);
    }
    const topics = new Map<
      TopicRuntime,
      { removed: PluginTables[]; added: BatchPlugin[] }
    >();
    for (const topic of this.#topics) {
      const removed = topic.plugins.filter(({ plugin }) => replaced.includes(plugin));
      const added = [...changed].map((name) => running.get(name)!)
        .filter(({ plugin }) => plugin.source.topic === topic.schema.topic)
        .map((loaded) => topic.batchPlugin(loaded));
      if (removed.length + added.length > 0) topics.set(topic, { removed, added });
    }
    const refused = new Map(notRunning.flatMap(({ name, topic: of }) => {
      const topic = this.#topics.find(({ schema }) => schema.topic === of);
      return topic === undefined ? [] : [[name, topic] as const];
    }));
    try {
      const paused = new Set(notRunning.filter(isPaused).map(({ name }) => name));
      await generations.change({ topics, refused, paused });
    } finally {
      // A topic whose tables could not be read runs what it ran before.
      const known = [...before.values(), ...running.values()];
      const plugins = this.#topics.flatMap((topic) => topic.plugins.map(({ plugin }) => plugin));
      this.#loaded = new Map(plugins.map((plugin) => [
        plugin.name,
        known.find((loaded) => loaded.plugin === plugin)!,
      ]));
    }
    for (const plugin of replaced) isolates.end(plugin);
    for (const name of gone) files.delete(name);
  }

  #tell(declared: Declarations, reports: readonly ProblemReport[]): void {
    this.#options.problems.observe("plugins", [
      ...reports,
      ...this.#refused.map(({ problem }) => problem),
      ...declared.refusedFiles.map((one) => refusedFile(one, declared.inputs.byFile.has(one.file))),
    ]);
  }

  /** Of plugins that run no more. */
  #clearProblems(gone: readonly string[]): void {
    const { problems } = this.#options;
    for (const { code, subject, plugin } of problems.standing()) {
      // Drift is of the published rows, which go on to answer where a metric is paused.
      const stays = code === "metric_paused" ||
        (code === "drift" && this.#refused.some(({ name }) => name === plugin));
      if (plugin !== undefined && gone.includes(plugin) && !stays) problems.clear(code, subject);
    }
  }
}

/** The files that declare another row format or source than before, and those that declare none. */
const changedFiles = (
  before: ReadonlyMap<string, Input>,
  now: ReadonlyMap<string, Input>,
): Pick<ReloadAnswer, "loaded_files" | "removed_files"> => ({
  loaded_files: [...now.keys()].filter((file) => before.get(file) !== now.get(file)),
  removed_files: [...before.keys()].filter((file) => !now.has(file)),
});

const isPaused = ({ problem }: KnownRefused) => problem.code === "metric_paused";

/** Whether a plugin that was loaded again need not start anew. */
function isSame(loaded: LoadedPlugin, before: LoadedPlugin | undefined): boolean {
  if (before === undefined) return false;
  const textOf = ({ plugin, file, batchSql, modules, source }: LoadedPlugin) =>
    JSON.stringify([declarationText(plugin, file), batchSql, modules, source]);
  return textOf(loaded) === textOf(before) &&
    loaded.plugin.present.island === before.plugin.present.island;
}

/** Why the plugins of a topic cannot run by the schema that they declare; null where they can. */
function schemaProblem(topic: TopicRuntime, declared: EventSchema): ProblemReport | null {
  const { schema, misfit } = topic;
  const meaning = (of: EventSchema) => JSON.stringify(meaningOf(of));
  if (meaning(schema) === meaning(declared)) return null;
  if (misfit !== null) return refusedSchema(misfit);
  return {
    code: "restart_needed",
    subject: `schema of ${schema.topic}`,
    message:
      `The schema of topic "${schema.topic}" changed. Its plugins run as they were loaded: a ` +
      "changed schema takes effect when the process is started again",
    topic: schema.topic,
  };
}

/** What is told of a plugin that runs as it was, because its file does not load any more. */
function keptPlugin(one: KnownRefused): ProblemReport {
  const { plugin, subject, code } = refusedPlugin(one);
  return {
    code,
    subject,
    plugin,
    message: `Plugin ${one.name} runs as it was loaded before: ${one.faults.join("; ")}. ` +
      advice(one.file),
  };
}
