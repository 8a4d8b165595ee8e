/**
 * Bounds what runs leave behind beside their rows: claims, decisions and the history. Without it each
 * run would add to what the next one reads, forever.
 */
import type { Warehouse } from "../ports/ports.ts";
import type { Claims } from "./claims.ts";
import type { Publisher } from "./published_run.ts";

/** Runs kept when the settings do not say: 16 hours at a run a minute. */
const DEFAULT_RUNS_KEPT = 1000;

/** Options of {@link HistoryPurge}. */
export interface HistoryPurgeOptions {
  readonly warehouse: Warehouse;
  readonly topic: string;
  readonly claims: Claims;
  readonly publishers: () => readonly Publisher[];
  /** Newest runs that are kept. Default 1,000. */
  readonly runsKept?: number;
}

/** Removes what is older than the newest runs of a topic. */
export class HistoryPurge {
  readonly #options: HistoryPurgeOptions;
  readonly #runsKept: number;
  /** Below it everything is gone; null before the first look. */
  #floor: number | null = null;

  constructor(options: HistoryPurgeOptions) {
    this.#options = options;
    this.#runsKept = options.runsKept ?? DEFAULT_RUNS_KEPT;
  }

  /**
   * Removes what is due, some runs at a time. Called after each run; cheap when little is due.
   *
   * @param run the newest run.
   */
  async purge(run: number): Promise<void> {
    const { warehouse, topic, claims, publishers } = this.#options;
    const floor = run - this.#runsKept;
    this.#floor ??= await claims.floor();
    if (floor <= 0 || floor - this.#floor < this.#runsKept / 8) return;
    // The floor comes first: it keeps what is removed from being used again.
    const gone = [await claims.raiseFloor(floor)];
    for (const table of ["batch_runs", "cancelled_runs"]) {
      await warehouse.command(
        `DELETE FROM ${table} WHERE topic = {topic:String} AND run < {floor:UInt64}`,
        { params: { topic, floor }, settings: { lightweight_deletes_sync: 0 } },
      );
    }
    // Last, because a table that cannot be read stops them.
    for (const publisher of publishers()) gone.push(await publisher.removeDecisions(floor));
    if (gone.every(Boolean)) this.#floor = floor;
  }
}
