/**
 * The problems of a process: everything for which Twofold cannot vouch at the moment. A box that
 * finds a fault sets a problem; it clears the problem when the cause is gone, and for no other
 * reason. Status, answers, pages, `/metrics` and SQL read them here.
 */
import type { Clock } from "../std/clock.ts";
import { messageOf, TwofoldError } from "../std/errors.ts";
import { type Cause, causeOf } from "./cause.ts";
import type { ProblemCode } from "./problem_code.ts";

interface Concern {
  /**
   * Such as `plugin ratings`, `movie-viewing-events, partition 3` or the name of a file. Code and
   * subject together identify a problem.
   */
  readonly subject: string;
  readonly code: ProblemCode;
  /** The metric whose answers carry the problem. */
  readonly plugin?: string;
  /** Without {@link plugin}: the answers of every metric of this topic carry the problem. */
  readonly topic?: string;
}

/** What a box says of a fault. */
export interface ProblemReport extends Concern {
  /** What is wrong and, where a person has to act, what to do. A full sentence or clause. */
  readonly message: string;
  /** Whether `/readyz` answers 503 while the problem stands. Default `false`. */
  readonly blocking?: boolean;
  /**
   * What was caught. Where a known damage or outage is behind it ({@link causeOf}), that is the
   * problem, and this report is listed in its {@link Problem.affects}.
   */
  readonly error?: unknown;
}

/** Work that fails because of a problem. */
export type Consequence = Concern;

/** A problem that stands. */
export interface Problem extends Omit<ProblemReport, "error"> {
  /** When it was first seen, ISO 8601. */
  readonly since: string;
  /** Also where something that it affects is blocking. */
  readonly blocking: boolean;
  /** Work that fails because of it, each once. Absent where nothing does. */
  readonly affects?: Consequence[];
}

/** Where boxes report problems. */
export type ProblemSink = Pick<Problems, "set" | "clear">;

/** A report as it is kept. */
interface Kept {
  readonly report: ProblemReport;
  readonly since: string;
  /** Null where the report is a problem of its own. */
  readonly cause: Cause | null;
}

/**
 * The problems that stand in one process. One cause is one problem: reports with the same cause are
 * listed with it. A cause that nobody reports itself stands as long as a report names it; one that
 * somebody reports ends by {@link clear}, and the reports that name it end with it.
 *
 * @example
 * ```ts
 * import { DamagedError } from "../std/errors.ts";
 * import { systemClock } from "../std/clock.ts";
 * import { Problems } from "./problems.ts";
 * const problems = new Problems(systemClock);
 * const error = new DamagedError("views/runs/0000000001.json", "it is not JSON");
 * const message = "Cannot run the batch layer";
 * problems.set({ code: "batch_failing", subject: "views", topic: "views", message, error });
 * const [{ code, affects }] = problems.concerning("ratings", "views");
 * if (code !== "archive_damaged" || affects?.length !== 1) throw new Error("unexpected");
 * problems.clear("archive_damaged", error.object);
 * if (problems.standing().length !== 0) throw new Error("unexpected");
 * ```
 */
export class Problems {
  readonly #reports = new Map<string, Kept>();
  readonly #standing = new Map<string, Problem>();
  /** Identities by the source that observed them, see {@link observe}. */
  readonly #observed = new Map<string, ReadonlySet<string>>();
  /** By identity, when a problem began that stood before the process was started again. */
  readonly #earlier = new Map<string, string>();
  /** Errors whose cause is gone: what still fails by them fails on its own. */
  readonly #outlived = new WeakSet<Error>();
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

  /**
   * Sets a problem, or updates the message of one that stands; `since` stays.
   *
   * @param cause of the report. Default: what its error says.
   */
  set(report: ProblemReport, cause?: Cause): void {
    for (const id of this.#keep(report, cause)) this.#refresh(id);
  }

  /** Clears a problem whose cause is gone. Does nothing when it does not stand. */
  clear(code: ProblemCode, subject: string): void {
    for (const id of this.#drop(idOf({ code, subject }))) this.#refresh(id);
  }

  /**
   * Replaces all problems of one source: sets the reports, and clears those that the source reported
   * before and no longer does. For sources that see all their faults at one look.
   */
  observe(source: string, reports: readonly ProblemReport[]): void {
    const now = new Set(reports.map(idOf));
    const gone = [...this.#observed.get(source) ?? []].filter((id) => !now.has(id));
    this.#observed.set(source, now);
    const changed = [
      ...gone.flatMap((id) => this.#drop(id)),
      ...reports.flatMap((report) => this.#keep(report)),
    ];
    for (const id of new Set(changed)) this.#refresh(id);
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
    const own = this.standing().filter((problem) => concerns(problem, plugin, topic));
    const ids = new Set(own.map(idOf));
    const others = this.#others.filter((problem) => concerns(problem, plugin, topic));
    return [...own, ...others.filter((problem) => !ids.has(idOf(problem)))];
  }

  /** Moves whenever a problem of this process begins, ends or changes. */
  get changes(): number {
    return this.#changes;
  }

  /** Notes the problems of other processes over the same tables. */
  seeOthers(problems: readonly Problem[]): void {
    const byId = new Map(problems.map((problem) => [idOf(problem), problem]));
    this.#others = [...byId.values()];
  }

  /**
   * Notes the problems that stood before the process was started again: one that is set anew began
   * then.
   */
  remember(problems: readonly Problem[]): void {
    for (const problem of problems) {
      for (const each of concernsOf(problem)) this.#earlier.set(idOf(each), problem.since);
    }
  }

  /** @returns the identities of the problems that this may change. */
  #keep({ error, ...report }: ProblemReport, given?: Cause): string[] {
    const id = idOf(report);
    const before = this.#reports.get(id);
    const found = given ?? (this.#isOutlived(error) ? null : causeOf(error));
    const cause = found === null || idOf(found) === id ? null : found;
    const since = before?.since ?? this.#earlier.get(id) ??
      new Date(this.#clock.now()).toISOString();
    this.#reports.set(id, { report: { ...report, error }, since, cause });
    return [before === undefined ? id : headOf(id, before), headOf(id, { cause })];
  }

  /** Removes a report, and where it is a cause, what it causes. */
  #drop(id: string): string[] {
    const gone = [...this.#reports].filter(([own, { cause }]) =>
      own === id || cause !== null && idOf(cause) === id
    );
    for (const [own, { report: { error }, cause }] of gone) {
      this.#reports.delete(own);
      this.#earlier.delete(own);
      if (own !== id && cause !== null && error instanceof Error) this.#outlived.add(error);
    }
    return gone.map(([own, kept]) => headOf(own, kept));
  }

  /** An outage that is over may be met again by the same error; what damage stopped stays stopped. */
  #isOutlived(error: unknown): boolean {
    return error instanceof Error && this.#outlived.has(error) &&
      !(error instanceof TwofoldError && error.retriable);
  }

  #refresh(id: string): void {
    const before = this.#standing.get(id);
    const problem = this.#problemOf(id, before);
    if (JSON.stringify(problem) === JSON.stringify(before)) return;
    this.#changes++;
    if (problem === undefined) {
      this.#standing.delete(id);
      this.#onChange(before!, false);
      return;
    }
    this.#standing.set(id, problem);
    if (before?.message !== problem.message) this.#onChange(problem, true);
  }

  /** A problem as the reports have it. What nobody reports itself keeps the first words about it. */
  #problemOf(id: string, before: Problem | undefined): Problem | undefined {
    const own = this.#reports.get(id);
    const caused = [...this.#reports.values()].filter(({ cause }) =>
      cause !== null && idOf(cause) === id
    );
    const [first] = own?.cause === null ? [own] : caused;
    if (first === undefined) return undefined;
    const { error: _, ...report } = first.report;
    const { code, subject, message } = first.cause ?? report;
    return {
      ...first === own ? report : { code, subject, message: before?.message ?? message },
      since: before?.since ?? this.#earlier.get(id) ?? first.since,
      blocking: [first, ...caused].some(({ report: { blocking } }) => blocking === true),
      ...caused.length === 0 ? {} : { affects: caused.map(({ report }) => concernOf(report)) },
    };
  }
}

/** Whether answers of a metric carry a problem: it, or work that it makes fail, is the metric's. */
export function concerns(problem: Problem, plugin: string, topic: string): boolean {
  return concernsOf(problem).some((each) => isOf(each, plugin, topic));
}

/** Whether a problem keeps the batch layer from publishing a metric. */
export function failsBatch(problem: Problem, plugin: string, topic: string): boolean {
  return concernsOf(problem).some((each) =>
    (each.code === "batch_failing" || each.code === "batch_plugin_failing") &&
    isOf(each, plugin, topic)
  );
}

const concernsOf = (problem: Problem): Concern[] => [problem, ...problem.affects ?? []];

const isOf = (concern: Concern, plugin: string, topic: string) =>
  concern.plugin === undefined ? concern.topic === topic : concern.plugin === plugin;

const concernOf = ({ code, subject, plugin, topic }: Concern): Consequence => ({
  code,
  subject,
  ...plugin === undefined ? {} : { plugin },
  ...topic === undefined ? {} : { topic },
});

/** The identity of the problem that a report with identity `id` belongs to. */
const headOf = (id: string, { cause }: Pick<Kept, "cause">) => cause === null ? id : idOf(cause);

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
    problems.set({ ...report, message: `Cannot ${action}: ${messageOf(error)}`, error });
  }
}

const idOf = ({ code, subject }: Pick<Concern, "code" | "subject">) => `${code} ${subject}`;
