/** Who may run a statement now, and which statements run on beyond their bound. */
import type { Clock } from "../std/clock.ts";
import { BusyError } from "../std/errors.ts";
import type { SqlLoad } from "../ports/inspection.ts";
import type { ProblemSink } from "../model/problems.ts";
import { Semaphore } from "../std/semaphore.ts";
import { withDeadline } from "./deadline.ts";

/** Statements at once, and those that wait for their turn: the others are told to come back. */
const AT_ONCE = 2;
const MAX_WAITING = 20;
/** So many may be stuck, each with a core and its memory, before no more are started. */
const MAX_STUCK = 4;

/** The most connections that statements take at once. */
export const SQL_CONNECTIONS = AT_ONCE + MAX_STUCK;

/** Options of {@link SqlSlots}. */
export interface SqlSlotsOptions {
  readonly clock: Clock;
  /** The longest that a statement waits for others', in milliseconds. */
  readonly waitMs: number;
  readonly problems: ProblemSink;
  /** What the statements are, in the problem of those that are stuck. */
  readonly subject: string;
}

/** The right to run one statement. */
export interface SqlSlot {
  /** The statement does not end: the slot is free for others. */
  stuck(): void;
  /** The statement has ended, stuck or not. */
  end(): void;
}

/** Lets two statements run at once; one that is stuck makes room for another. */
export class SqlSlots {
  readonly #options: SqlSlotsOptions;
  readonly #turns = new Semaphore(AT_ONCE);
  #running = 0;
  #waiting = 0;
  #stuck = 0;
  #stuckTotal = 0;

  constructor(options: SqlSlotsOptions) {
    this.#options = options;
  }

  /** Statements by their state. */
  get load(): SqlLoad {
    return {
      running: this.#running,
      waiting: this.#waiting,
      stuck: this.#stuck,
      stuck_total: this.#stuckTotal,
    };
  }

  /**
   * Waits for a slot.
   *
   * @throws BusyError when too many wait, when it takes too long, or when too many are stuck.
   */
  async enter(signal?: AbortSignal): Promise<SqlSlot> {
    if (this.#stuck >= MAX_STUCK) {
      throw new BusyError(
        `Cannot run the SQL: ${this.#stuck} statements run on after their time is up, and the engine ` +
          "cannot stop them; try again when one has ended, or restart the process",
      );
    }
    if (this.#waiting >= MAX_WAITING) throw busy();
    this.#waiting++;
    try {
      await this.#take(signal);
    } finally {
      this.#waiting--;
    }
    this.#running++;
    return this.#slot();
  }

  async #take(signal?: AbortSignal): Promise<void> {
    const { clock, waitMs } = this.#options;
    await withDeadline(clock, waitMs, signal, async (waiting) => {
      await this.#turns.take(waiting.signal).catch((error) => {
        throw waiting.expired() ? busy() : error;
      });
    });
  }

  #slot(): SqlSlot {
    let state: "running" | "stuck" | "over" = "running";
    const leave = () => {
      this.#running--;
      this.#turns.give();
    };
    return {
      stuck: () => {
        if (state !== "running") return;
        state = "stuck";
        leave();
        this.#stuck++;
        this.#stuckTotal++;
        this.#report();
      },
      end: () => {
        if (state === "running") leave();
        if (state === "stuck") {
          this.#stuck--;
          this.#report();
        }
        state = "over";
      },
    };
  }

  #report(): void {
    const { problems, subject } = this.#options;
    const code = "sql_statement_stuck";
    if (this.#stuck === 0) return problems.clear(code, subject);
    const message = `${subject}: ${this.#stuck} of at most ${MAX_STUCK} statements run on after ` +
      "their time is up. The engine stops a statement between two blocks of rows; each of these " +
      "takes a core until then. A restart of the process ends them";
    problems.set({ code, subject, message });
  }
}

const busy = () => new BusyError("Cannot run the SQL: other statements are under way; try again");
