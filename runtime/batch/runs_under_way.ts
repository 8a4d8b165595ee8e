/**
 * Runs under way in this process, and how they are cancelled. The table `cancelled_runs` has what
 * operators cancelled in any process; the one that computes the run looks there, as it does for
 * paused metrics.
 */
import type { Warehouse } from "../ports/ports.ts";
import type { BatchRun } from "../ports/services.ts";
import { checkText, MOST_CHARACTERS_BY } from "../std/checked_text.ts";
import type { Clock } from "../std/clock.ts";
import { NotFoundError, UserError } from "../std/errors.ts";
import { readHistory } from "./run_record.ts";

/** How often the end of a run in another process is looked for, in milliseconds. */
const LOOK_MS = 200;

/** Why a run ends that an operator has cancelled. */
export class CancelledError extends UserError {
  override readonly name = "CancelledError";
  constructor(by: string) {
    super(`Cancelled by ${by}`);
  }
}

/** A run under way; disposed of when it has ended. */
export interface RunUnderWay extends Disposable {
  /** Aborts with a {@link CancelledError}. */
  readonly signal: AbortSignal;
}

interface Known {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Where a topic's runs are looked up. */
interface RunsOfTopic {
  readonly warehouse: Warehouse;
  readonly topic: string;
  readonly clock: Clock;
}

/** The runs of one topic that are under way in this process, by number. */
export class RunsUnderWay {
  readonly #of: RunsOfTopic;
  readonly #known = new Map<number, Known>();

  constructor(of: RunsOfTopic) {
    this.#of = of;
  }

  get numbers(): number[] {
    return [...this.#known.keys()];
  }

  /** Takes note of a run that begins. */
  begin(run: number): RunUnderWay {
    const stop = new AbortController();
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    this.#known.set(run, { stop, ended });
    return {
      signal: stop.signal,
      [Symbol.dispose]: () => {
        this.#known.delete(run);
        resolve();
      },
    };
  }

  /** See `BatchLayer.cancel()`. */
  async cancel(run: number, by: string, signal?: AbortSignal): Promise<BatchRun> {
    const { warehouse, topic, clock } = this.#of;
    const action = `cancel run ${run} of ${topic}`;
    checkText(`Cannot ${action}`, "by", by, MOST_CHARACTERS_BY);
    const before = await this.#read(run, action);
    if (before.finished !== null) {
      throw new UserError(`Cannot ${action}: it has ended, as ${before.state}`, { field: "run" });
    }
    await warehouse.command(
      `INSERT INTO cancelled_runs (topic, run, at, changed_by)
SELECT {topic:String}, {run:UInt64}, fromUnixTimestamp64Milli({at:Int64}, 'UTC'), {by:String}`,
      { params: { topic, run, at: clock.now(), by } },
    );
    await this.follow();
    await this.#known.get(run)?.ended;
    let now = await this.#read(run, action);
    while (now.finished === null) {
      await clock.sleep(LOOK_MS);
      signal?.throwIfAborted();
      now = await this.#read(run, action);
    }
    if (now.state === "cancelled") return now;
    throw new UserError(`Too late to ${action}: it has ended, as ${now.state}`, { field: "run" });
  }

  /** Ends the runs under way here that are cancelled, by this process or another. */
  async follow(): Promise<void> {
    const runs = this.numbers;
    if (runs.length === 0) return;
    const { warehouse, topic } = this.#of;
    const cancelled = await warehouse.query<{ run: number | string; by: string }>(
      `SELECT run, changed_by AS by FROM cancelled_runs FINAL
WHERE topic = {topic:String} AND run IN {runs:Array(UInt64)}`,
      { params: { topic, runs } },
    );
    for (const { run, by } of cancelled) {
      this.#known.get(Number(run))?.stop.abort(new CancelledError(by));
    }
  }

  async #read(run: number, action: string): Promise<BatchRun> {
    const { warehouse, topic, clock } = this.#of;
    const one = { limit: 1, before: run + 1 };
    const [found] = await readHistory(warehouse, topic, one, clock.now());
    if (found?.run === run) return found;
    throw new NotFoundError(`Cannot ${action}: there is no such run`, { field: "run" });
  }
}
