/** Whose fault a run-time error is: it decides the exit code and the HTTP status. */
export type Fault = "user" | "external" | "internal";

/** Where in a log an error happened. */
export interface LogPosition {
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: bigint;
}

/** What Twofold cannot do without: the disk of its folder, and what may lie on servers. */
export type Part = "archive" | "disk" | "log" | "warehouse";

/** Options of {@link TwofoldError}. */
export interface TwofoldErrorOptions extends LogPosition {
  /** Who can mend it. Default `"internal"`. */
  readonly fault?: Fault;
  /** Whether the same call may succeed later. Default `false`. Only {@link retry} reads it. */
  readonly retriable?: boolean;
  /** The input field that is at fault, for problem details. */
  readonly field?: string;
  /** What failed as a whole, so that everything that needs it fails as well. */
  readonly part?: Part;
  readonly cause?: unknown;
}

/**
 * The base of every run-time fault of Twofold.
 *
 * The message names the action, what was wanted and the value that came; it carries no secret and
 * no payload.
 *
 * @example
 * ```ts
 * import { TwofoldError } from "./errors.ts";
 * const error = new TwofoldError("Cannot open data folder: it is owned by process 4711", {
 *   fault: "user",
 * });
 * if (error.retriable) throw new Error("never");
 * ```
 */
export class TwofoldError extends Error {
  override readonly name: string = "TwofoldError";
  readonly fault: Fault;
  readonly retriable: boolean;
  readonly field?: string;
  readonly part?: Part;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: bigint;

  constructor(message: string, options: TwofoldErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.fault = options.fault ?? "internal";
    this.retriable = options.retriable ?? false;
    this.field = options.field;
    this.part = options.part;
    this.topic = options.topic;
    this.partition = options.partition;
    this.offset = options.offset;
  }
}

/** A request or a setting that the caller has to change; `field` names it. */
export class UserError extends TwofoldError {
  override readonly name: string = "UserError";
  constructor(message: string, options: Omit<TwofoldErrorOptions, "fault"> = {}) {
    super(message, { ...options, fault: "user" });
  }
}

/**
 * A range of event time cannot be answered as it was asked for.
 *
 * @example
 * ```ts
 * import { UnansweredRangeError } from "./errors.ts";
 * const nearest = { from: "2024-03-01T10:00:00Z", to: null };
 * const error = new UnansweredRangeError("from is too early", { field: "from", nearest });
 * if (error.fault !== "user" || error.nearest !== nearest) throw new Error("unexpected");
 * ```
 */
export class UnansweredRangeError extends UserError {
  override readonly name = "UnansweredRangeError";
  /** The nearest range that can be answered, ISO 8601, null where open; null without any. */
  readonly nearest: { readonly from: string | null; readonly to: string | null } | null;
  constructor(
    message: string,
    { nearest, ...options }:
      & Omit<TwofoldErrorOptions, "fault">
      & Pick<UnansweredRangeError, "nearest">,
  ) {
    super(message, options);
    this.nearest = nearest;
  }
}

/** Something named does not exist: an unknown metric, run or route. */
export class NotFoundError extends UserError {
  override readonly name = "NotFoundError";
}

/** More was sent than is taken at once. */
export class TooLargeError extends UserError {
  override readonly name = "TooLargeError";
}

/** A server, a disk or a library outside the process failed; retriable unless said otherwise. */
export class ExternalError extends TwofoldError {
  override readonly name: string = "ExternalError";
  constructor(message: string, options: Omit<TwofoldErrorOptions, "fault"> = {}) {
    super(message, { retriable: true, ...options, fault: "external" });
  }
}

/**
 * A stored object is missing, or is not what was written: nothing may be computed from it.
 *
 * @example
 * ```ts
 * import { DamagedError } from "./errors.ts";
 * const error = new DamagedError("t/manifests/log-1/00000/0_9.json", "it is not JSON");
 * if (error.retriable || error.damage !== "it is not JSON") throw new Error("unexpected");
 * ```
 */
export class DamagedError extends ExternalError {
  override readonly name = "DamagedError";
  /** The object: the name of a file. */
  readonly object: string;
  /** What is wrong with the object, as a clause. */
  readonly damage: string;

  constructor(object: string, damage: string, options: Omit<TwofoldErrorOptions, "fault"> = {}) {
    super(
      `"${object}" is damaged: ${damage}; restore it from a copy, "twofold verify" lists all damage`,
      { retriable: false, ...options },
    );
    this.object = object;
    this.damage = damage;
  }
}

/**
 * The engine met stored data that it cannot read. Which object is damaged, if any, its words need not
 * say: what read the data finds out, and throws a {@link DamagedError}.
 *
 * @example
 * ```ts
 * import { UnreadableError } from "./errors.ts";
 * const error = new UnreadableError("Cannot query the warehouse: No more data to read");
 * if (error.retriable || error.fault !== "external") throw new Error("unexpected");
 * ```
 */
export class UnreadableError extends ExternalError {
  override readonly name = "UnreadableError";
  constructor(message: string, options: Omit<TwofoldErrorOptions, "fault" | "retriable"> = {}) {
    super(message, { ...options, retriable: false });
  }
}

/** An answer that exists but not yet: a frontier not reached, a backfill under way. */
export class NotReadyError extends ExternalError {
  override readonly name = "NotReadyError";
}

/** A plugin was loaded again while it was asked: what is there now answers the same question. */
export class ReplacedError extends NotReadyError {}

/**
 * What was asked is not answered because of a problem that somebody has to solve first.
 *
 * @example
 * ```ts
 * import { ProblemError } from "./errors.ts";
 * const error = new ProblemError("plugin_refused", "Plugin ratings does not run");
 * if (error.retriable || error.code !== "plugin_refused") throw new Error("unexpected");
 * ```
 */
export class ProblemError extends ExternalError {
  override readonly name = "ProblemError";
  /** The code of the problem. */
  readonly code: string;

  constructor(code: string, message: string, options: Omit<TwofoldErrorOptions, "fault"> = {}) {
    super(message, { retriable: false, ...options });
    this.code = code;
  }
}

/** Too much is asked at once: the same question may be answered in a moment. */
export class BusyError extends ExternalError {
  override readonly name = "BusyError";
}

/**
 * The log does not hold what Twofold has to read next, or ends before what Twofold has read: the
 * partition stops, loudly.
 */
export class LogGapError extends TwofoldError {
  override readonly name = "LogGapError";
}

/**
 * The disk failed a write of the log: the log takes nothing more until it is opened again. What it
 * acknowledged before can still be read.
 */
export class LogFailedError extends ExternalError {
  override readonly name = "LogFailedError";
  constructor(message: string, options: Omit<TwofoldErrorOptions, "fault" | "retriable"> = {}) {
    super(message, { ...options, retriable: false });
  }
}

/** Options of {@link retry}. */
export interface RetryOptions {
  /** The most attempts, the first included. Default 5. */
  readonly attempts?: number;
  /** Wait before the second attempt, in milliseconds; doubles each time. Default 100. */
  readonly firstDelayMs?: number;
  /** The longest wait between attempts, in milliseconds. Default 5000. */
  readonly maxDelayMs?: number;
  /** Stops waiting; the last error is thrown. */
  readonly signal?: AbortSignal;
  /**
   * Spreads the waits of many who failed together: a number in `[0, 1)` shortens a wait by up to
   * half. Default: waits are not shortened.
   */
  readonly chance?: () => number;
  /** How to wait; given by the clock. */
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * Calls `action` until it succeeds, as long as its error says `retriable`. Nothing else retries.
 *
 * @returns what `action` returned.
 * @throws the last error, once it is not retriable or the attempts are used up.
 * @example
 * ```ts
 * import { ExternalError, retry } from "./errors.ts";
 * let calls = 0;
 * const value = await retry(() => {
 *   if (++calls < 3) throw new ExternalError("Cannot reach the store");
 *   return Promise.resolve(calls);
 * }, { sleep: () => Promise.resolve() });
 * if (value !== 3) throw new Error("unexpected");
 * ```
 */
export async function retry<T>(action: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts = 5, firstDelayMs = 100, maxDelayMs = 5000, chance, signal, sleep } = options;
  for (let attempt = 1;; attempt++) {
    try {
      return await action();
    } catch (error) {
      const again = error instanceof TwofoldError && error.retriable && attempt < attempts;
      if (!again || signal?.aborted) throw error;
      const delayMs = Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs);
      await sleep(delayMs * (1 - (chance?.() ?? 0) / 2));
    }
  }
}

/**
 * What was thrown, as an error: anything may be.
 *
 * @example
 * ```ts
 * import { asError } from "./errors.ts";
 * if (asError("disk full").message !== "disk full") throw new Error("unexpected");
 * ```
 */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/**
 * What was thrown, in words: an error's message, and anything else as text.
 *
 * @example
 * ```ts
 * import { messageOf } from "./errors.ts";
 * if (messageOf(new Error("disk full")) !== "disk full") throw new Error("unexpected");
 * ```
 */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
