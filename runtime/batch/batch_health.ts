import { TwofoldError, wordsOf } from "../errors.ts";
import type { Problem, ProblemSink } from "../problems.ts";
import type { PluginRun } from "../services.ts";

/**
 * The problems of one topic's batch layer. What failed stands as a problem until a run works, in
 * this process or in another one.
 */
export class BatchHealth {
  readonly #topic: string;
  readonly #problems: ProblemSink;
  /**
   * By plugin, the run that failed; a run of another process above it clears the problem. Null until
   * a published run was seen: then a later one counts.
   */
  readonly #failedParts = new Map<string, number | null>();
  /** By plugin, the newest run that was seen published since the topic failed; null when it works. */
  #seenSinceFailure: Map<string, number> | null = null;

  constructor(topic: string, problems: ProblemSink) {
    this.#topic = topic;
    this.#problems = problems;
  }

  /** A run failed as a whole: no plugin could be computed. */
  runFailed(error: unknown): void {
    this.#seenSinceFailure = new Map();
    this.#problems.set({
      code: "batch_failing",
      subject: this.#topic,
      message: `Cannot run the batch layer of ${this.#topic}: ${sentence(error)} ${outlook(error)}`,
      topic: this.#topic,
    });
  }

  /** Sets a problem of the batch layer that stood before the process was started again. */
  recall(problem: Problem): void {
    if (problem.code === "batch_failing") this.#seenSinceFailure = new Map();
    else if (problem.code !== "batch_plugin_failing") return;
    if (problem.plugin !== undefined) this.#failedParts.set(problem.plugin, null);
    this.#problems.set(problem);
  }

  /** A run got through everything that its plugins share. */
  runWorked(): void {
    this.#seenSinceFailure = null;
    this.#problems.clear("batch_failing", this.#topic);
  }

  /** The parts of a run ended. What failed all of them alike is one problem of the topic. */
  partsEnded(run: number, parts: readonly PluginRun[]): void {
    const [first] = parts;
    const alike = parts.length > 1 &&
      parts.every(({ status, error }) => status === "failed" && error === first.error);
    if (alike) return this.runFailed(first.error);
    this.runWorked();
    for (const part of parts) this.#partEnded(run, part);
  }

  /** One that another run has superseded changes nothing. */
  #partEnded(run: number, { plugin, status, error }: PluginRun): void {
    if (status === "failed") return this.partFailed(run, plugin, error);
    if (status !== "published") return;
    this.#clearPart(plugin);
    const subject = subjectOf(plugin);
    if (error === "") return this.#problems.clear("batch_upkeep_failing", subject);
    const message = `Run ${run} of plugin ${plugin} is published, but: ${sentence(error)}`;
    this.#problems.set({ code: "batch_upkeep_failing", subject, message, plugin });
  }

  /** The newest published run of a plugin, whichever process published it. */
  seen(plugin: string, run: number): void {
    const failed = this.#failedParts.get(plugin);
    if (failed === null) this.#failedParts.set(plugin, run);
    else if (failed !== undefined && run > failed) this.#clearPart(plugin);
    const before = this.#seenSinceFailure?.get(plugin);
    if (before !== undefined && run > before) this.runWorked();
    else this.#seenSinceFailure?.set(plugin, run);
  }

  /** A plugin's part failed in the given run; null where it took no part in one. */
  partFailed(run: number | null, plugin: string, error: unknown): void {
    this.#failedParts.set(plugin, run);
    const message = `The batch layer cannot compute plugin ${plugin}: ${sentence(error)} ` +
      "The run published before stays in place; the next run tries again.";
    this.#problems.set({
      code: "batch_plugin_failing",
      subject: subjectOf(plugin),
      message,
      plugin,
    });
  }

  #clearPart(plugin: string): void {
    this.#failedParts.delete(plugin);
    this.#problems.clear("batch_plugin_failing", subjectOf(plugin));
  }
}

const subjectOf = (plugin: string) => `plugin ${plugin}`;

/** An error's words, ended as a sentence. */
const sentence = (error: unknown) => wordsOf(error).replace(/\s*[.;]?\s*$/, ".");

/** Whether waiting helps. */
const outlook = (error: unknown) =>
  error instanceof TwofoldError && !error.retriable
    ? "Published runs stay in place; no new one succeeds until somebody mends this."
    : "Published runs stay in place; the next run tries again.";
