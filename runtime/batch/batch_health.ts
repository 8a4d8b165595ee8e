import { type Cause, causeOf } from "../model/cause.ts";
import type { ProblemReport, ProblemSink } from "../model/problems.ts";
import type { PluginDrift } from "../ports/services.ts";
import { messageOf, TwofoldError } from "../std/errors.ts";
import type { PluginRunRecord } from "./run_record.ts";

/**
 * The problems of one topic's batch layer. What failed stands as a problem until the same work is
 * done, in this process or in another one. What a full run had to read, an incremental run over a
 * few days does not read: only a full run clears the failure of a full run. What failed of a plugin
 * goes with the generation that failed.
 */
export class BatchHealth {
  readonly #problems: ProblemSink;
  /** Failures of runs over what is new. */
  readonly #scheduled: Failures;
  /** Failures of full runs that somebody asked for. */
  readonly #full: Failures;

  constructor(topic: string, problems: ProblemSink) {
    this.#problems = problems;
    this.#scheduled = new Failures(topic, problems, scheduledWords);
    this.#full = new Failures(topic, problems, fullWords);
  }

  /** A run failed as a whole: no plugin could be computed. */
  runFailed(full: boolean, error: unknown): void {
    this.#of(full).runFailed(error);
  }

  /** Sets a failure of the batch layer again that stood before the process was started again. */
  recall(failed: ProblemReport, cause?: Cause): void {
    if (failed.code !== "batch_failing" && failed.code !== "batch_plugin_failing") return;
    this.#of(failed.subject.endsWith(fullWords.suffix)).recall(failed, cause);
  }

  /**
   * A run found nothing new: the published runs of these plugins cover the archive, so whatever a
   * scheduled run had failed to do is done. Nothing was read that a full run reads.
   */
  foundNothingNew(plugins: readonly string[]): void {
    this.#scheduled.runWorked();
    for (const plugin of plugins) this.#scheduled.partWorked(plugin);
  }

  /**
   * The parts of a run ended. What failed all of them alike is one problem of the topic.
   *
   * @param full whether somebody asked for a full run. A plugin's first run is full unasked.
   */
  partsEnded(run: number, full: boolean, parts: readonly PluginRunRecord[]): void {
    const [first] = parts;
    const words = ({ error, fault }: PluginRunRecord) => causeOf(fault)?.subject ?? error;
    const alike = parts.length > 1 &&
      parts.every((part) => part.status === "failed" && words(part) === words(first));
    if (alike) return this.runFailed(full, first.fault);
    this.#scheduled.runWorked();
    if (parts.every(({ mode }) => mode === "full")) this.#full.runWorked();
    for (const part of parts) this.#partEnded(run, full, part);
  }

  /** One that another run has superseded changes nothing. */
  #partEnded(run: number, full: boolean, part: PluginRunRecord): void {
    const { plugin, status, mode, error, fault } = part;
    if (status === "failed") return this.partFailed(run, full, plugin, fault);
    if (status !== "published") return;
    this.#scheduled.partWorked(plugin);
    if (mode === "full") this.#full.partWorked(plugin);
    const subject = subjectOf(plugin);
    if (error === "") return this.#problems.clear("batch_upkeep_failing", subject);
    const message = `Run ${run} of plugin ${plugin} is published, but: ${sentence(error)}`;
    this.#problems.set({ code: "batch_upkeep_failing", subject, message, plugin, error: fault });
  }

  /** The generation of a plugin that ran was replaced or removed: its failures are gone with it. */
  generationGone(plugin: string): void {
    this.#scheduled.partWorked(plugin);
    this.#full.partWorked(plugin);
    this.#problems.clear("batch_upkeep_failing", subjectOf(plugin));
  }

  /** The newest published run of a plugin and the full one it builds on, of whichever process. */
  seen(plugin: string, run: number, fullRun: number): void {
    this.#scheduled.seen(plugin, run);
    this.#full.seen(plugin, fullRun);
  }

  /** A plugin's part failed in the given run; null where it took no part in one. */
  partFailed(run: number | null, full: boolean, plugin: string, error: unknown): void {
    this.#of(full).partFailed(run, plugin, error);
  }

  #of(full: boolean): Failures {
    return full ? this.#full : this.#scheduled;
  }
}

/** Sets the problem `drift` of a plugin, or clears it. */
export function reportDrift(
  problems: ProblemSink,
  { plugin, drift, drifting_days }: PluginDrift,
): void {
  const subject = `plugin ${plugin}`;
  if (drifting_days === 0) return problems.clear("drift", subject);
  const days = drifting_days === 1 ? "1 event day" : `${drifting_days} event days`;
  problems.set({
    code: "drift",
    subject,
    plugin,
    message:
      `The speed and the batch layer of plugin ${plugin} differ by ${drift} on ${days}; see ` +
      "`twofold drift`. Correct the batch SQL or the declaration, or run " +
      `\`twofold plugins rebuild ${plugin}\`; where ` +
      "an earlier build archived events before the schema declared what they carry, raise the " +
      "schema's `version`; accept a known difference with `twofold drift accept`.",
  });
}

/** How the failures of a kind of run are called. */
interface Words {
  /** Ends the subjects of their problems, so that those of two kinds stand side by side. */
  readonly suffix: string;
  /** What cannot be done, of a topic and of a plugin. */
  readonly run: string;
  readonly compute: string;
  /** What follows when waiting helps. */
  readonly passing: string;
  /** What follows when it does not. */
  readonly lasting: string;
}

const scheduledWords: Words = {
  suffix: "",
  run: "run the batch layer",
  compute: "compute",
  passing: "the next run tries again.",
  lasting: "no new one succeeds until somebody mends this.",
};

const fullWords: Words = {
  suffix: ", full run",
  run: "run the batch layer in full",
  compute: "recompute all of",
  passing: "run `twofold batch --full` again.",
  lasting: "repair this, then run `twofold batch --full` again.",
};

/** The failures of one kind of run: of the topic, and of each plugin. */
class Failures {
  readonly #topic: string;
  readonly #problems: ProblemSink;
  readonly #words: Words;
  /**
   * By plugin, the run that failed; a run of another process above it clears the problem. Null until
   * a published run was seen: then a later one counts.
   */
  readonly #failedParts = new Map<string, number | null>();
  /** By plugin, the newest run that was seen published since the topic failed; null when it works. */
  #seenSinceFailure: Map<string, number> | null = null;

  constructor(topic: string, problems: ProblemSink, words: Words) {
    this.#topic = topic;
    this.#problems = problems;
    this.#words = words;
  }

  runFailed(error: unknown): void {
    const { run, suffix, passing, lasting } = this.#words;
    const outlook = error instanceof TwofoldError && !error.retriable ? lasting : passing;
    this.#seenSinceFailure = new Map();
    this.#problems.set({
      code: "batch_failing",
      subject: this.#topic + suffix,
      message: `Cannot ${run} of ${this.#topic}: ${sentence(error)} ` +
        `Published runs stay in place; ${outlook}`,
      topic: this.#topic,
      error,
    });
  }

  recall(failed: ProblemReport, cause?: Cause): void {
    if (failed.plugin === undefined) this.#seenSinceFailure = new Map();
    else this.#failedParts.set(failed.plugin, null);
    this.#problems.set(failed, cause);
  }

  /** A run got through everything that its plugins share. */
  runWorked(): void {
    this.#seenSinceFailure = null;
    this.#problems.clear("batch_failing", this.#topic + this.#words.suffix);
  }

  seen(plugin: string, run: number): void {
    const failed = this.#failedParts.get(plugin);
    if (failed === null) this.#failedParts.set(plugin, run);
    else if (failed !== undefined && run > failed) this.partWorked(plugin);
    const before = this.#seenSinceFailure?.get(plugin);
    if (before !== undefined && run > before) this.runWorked();
    else this.#seenSinceFailure?.set(plugin, run);
  }

  partFailed(run: number | null, plugin: string, error: unknown): void {
    const { suffix, compute, passing } = this.#words;
    this.#failedParts.set(plugin, run);
    this.#problems.set({
      code: "batch_plugin_failing",
      subject: subjectOf(plugin) + suffix,
      message: `The batch layer cannot ${compute} plugin ${plugin}: ${sentence(error)} ` +
        `The run published before stays in place; ${passing}`,
      plugin,
      error,
    });
  }

  partWorked(plugin: string): void {
    this.#failedParts.delete(plugin);
    this.#problems.clear("batch_plugin_failing", subjectOf(plugin) + this.#words.suffix);
  }
}

const subjectOf = (plugin: string) => `plugin ${plugin}`;

/** An error's words, ended as a sentence. */
const sentence = (error: unknown) => messageOf(error).replace(/\s*[.;]?\s*$/, ".");
