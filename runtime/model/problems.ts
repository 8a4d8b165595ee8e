/**
 * The problems of a process: everything for which Twofold cannot vouch at the moment. A box that
 * finds a fault sets a problem; it clears the problem when the cause is gone, and for no other
 * reason. Status, answers, pages, `/metrics` and SQL read them here.
 */
import type { Clock } from "../std/clock.ts";
import { wordsOf } from "../std/errors.ts";

/** The kinds of problems. Alerts and programs may rely on them. */
export type ProblemCode =
  | "archive_damaged"
  | "batch_failing"
  | "batch_plugin_failing"
  | "batch_upkeep_failing"
  | "catalog_outdated"
  | "compaction_failing"
  | "drift"
  | "flush_failing"
  | "generations_unknown"
  | "future_events"
  | "group_membership"
  | "history_purge_failing"
  | "ingest_failing"
  | "log_failed"
  | "log_damaged"
  | "part_unreached"
  | "partition_stopped"
  | "plugin_failed"
  | "plugin_refused"
  | "rebuilding"
  | "redecoding"
  | "removal_failing"
  | "scrub_failing"
  | "sql_statement_stuck"
  | "ticks_failing"
  | "warehouse_damaged";

/** What a box says of a fault. */
export interface ProblemReport {
  readonly code: ProblemCode;
  /**
   * What it concerns, such as `plugin ratings`, `movie-viewing-events, partition 3` or the name of a
   * file. Code and subject together identify a problem.
   */
  readonly subject: string;
  /** What is wrong and, where a person has to act, what to do. A full sentence or clause. */
  readonly message: string;
  /** Whether `/readyz` answers 503 while the problem stands. Default `false`. */
  readonly blocking?: boolean;
  /** The metric whose answers carry the problem. */
  readonly plugin?: string;
  /** Without {@link plugin}: the answers of every metric of this topic carry the problem. */
  readonly topic?: string;
}

/** A problem that stands. */
export interface Problem extends ProblemReport {
  /** When it was first seen, ISO 8601. */
  readonly since: string;
  readonly blocking: boolean;
}

/** Where boxes report problems. */
export type ProblemSink = Pick<Problems, "set" | "clear">;

/**
 * The problems that stand in one process.
 *
 * @example
 * ```ts
 * import { systemClock } from "../std/clock.ts";
 * import { Problems } from "./problems.ts";
 * const problems = new Problems(systemClock);
 * problems.set({ code: "drift", subject: "plugin ratings", message: "…", plugin: "ratings" });
 * if (problems.concerning("ratings", "views").length !== 1) throw new Error("unexpected");
 * problems.clear("drift", "plugin ratings");
 * if (problems.standing().length !== 0) throw new Error("unexpected");
 * ```
 */
export class Problems {
  readonly #standing = new Map<string, Problem>();
  /** Identities by the source that observed them, see {@link observe}. */
  readonly #observed = new Map<string, ReadonlySet<string>>();
  /** By identity, when a problem began that stood before the process was started again. */
  readonly #earlier = new Map<string, string>();
  #others: readonly Problem[] = [];
  #changes = 0;
  readonly #clock: Clock;
  readonly #onChange: (problem: Problem, stands: boolean) => void;

  /**
   * @param onChange called once when a problem begins or its message changes (`true`), and once when
   * it ends (`false`). Default: nobody.
   */
  constructor(clock: Clock, onChange: (problem: Problem, stands: boolean) => void = () => {}) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Sets a problem, or updates the message of one that stands; `since` stays. */
  set(report: ProblemReport): void {
    const id = idOf(report.code, report.subject);
    const before = this.#standing.get(id);
    const since = before?.since ?? this.#earlier.get(id) ??
      new Date(this.#clock.now()).toISOString();
    const problem: Problem = { blocking: false, ...report, since };
    this.#standing.set(id, problem);
    if (before?.message === problem.message) return;
    this.#changes++;
    this.#onChange(problem, true);
  }

  /** Clears a problem whose cause is gone. Does nothing when it does not stand. */
  clear(code: ProblemCode, subject: string): void {
    this.#remove(idOf(code, subject));
  }

  /**
   * Replaces all problems of one source: sets the reports, and clears those that the source reported
   * before and no longer does. For sources that see all their faults at one look.
   */
  observe(source: string, reports: readonly ProblemReport[]): void {
    const now = new Set(reports.map(({ code, subject }) => idOf(code, subject)));
    for (const id of this.#observed.get(source) ?? []) if (!now.has(id)) this.#remove(id);
    this.#observed.set(source, now);
    for (const report of reports) this.set(report);
  }

  /** The problems of this process, in the order in which they were first seen. */
  standing(): Problem[] {
    return [...this.#standing.values()];
  }

  /**
   * The problems that answers of a metric carry: its own, and those of its topic, of this process
   * and of others.
   */
  concerning(plugin: string, topic: string): Problem[] {
    const others = this.#others.filter(({ code, subject }) =>
      !this.#standing.has(idOf(code, subject))
    );
    return [...this.standing(), ...others].filter((problem) =>
      problem.plugin === undefined ? problem.topic === topic : problem.plugin === plugin
    );
  }

  /** Moves whenever a problem of this process begins, ends or changes its message. */
  get changes(): number {
    return this.#changes;
  }

  /** Notes the problems of other processes over the same tables. */
  seeOthers(problems: readonly Problem[]): void {
    const byId = new Map(problems.map((problem) => [idOf(problem.code, problem.subject), problem]));
    this.#others = [...byId.values()];
  }

  /**
   * Notes the problems that stood before the process was started again: one that is set anew began
   * then.
   */
  remember(problems: readonly Problem[]): void {
    for (const { code, subject, since } of problems) this.#earlier.set(idOf(code, subject), since);
  }

  #remove(id: string): void {
    const problem = this.#standing.get(id);
    if (problem === undefined) return;
    this.#standing.delete(id);
    this.#earlier.delete(id);
    this.#changes++;
    this.#onChange(problem, false);
  }
}

/**
 * Does work that comes again and again: while it fails, the fault stands as a problem.
 *
 * @param report the problem without its message.
 * @param action what is done, as in `compact the archive`.
 * @param signal ends the work: that is no fault.
 * @example
 * ```ts
 * import { systemClock } from "../std/clock.ts";
 * import { Problems, repeated } from "./problems.ts";
 * const problems = new Problems(systemClock);
 * const report = { code: "compaction_failing", subject: "views" } as const;
 * await repeated(problems, report, "compact", () => Promise.reject(new Error("disk full")));
 * if (problems.standing()[0].message !== "Cannot compact: disk full") throw new Error("unexpected");
 * await repeated(problems, report, "compact", () => Promise.resolve());
 * if (problems.standing().length !== 0) throw new Error("unexpected");
 * ```
 */
export async function repeated(
  problems: ProblemSink,
  report: Omit<ProblemReport, "message">,
  action: string,
  work: () => Promise<unknown>,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await work();
    problems.clear(report.code, report.subject);
  } catch (error) {
    if (signal?.aborted) return;
    problems.set({ ...report, message: `Cannot ${action}: ${wordsOf(error)}` });
  }
}

const idOf = (code: ProblemCode, subject: string) => `${code} ${subject}`;
