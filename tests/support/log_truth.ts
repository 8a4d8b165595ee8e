/** What a log holds, counted by offsets: what every answer up to a frontier has to come to. */
import { decodeFrontier } from "../../runtime/model/frontier.ts";
import { type EventLog, RecordKind } from "../../runtime/ports/ports.ts";
import { plain } from "./log_reading.ts";

/** An event's identity, or null for what is no event. */
export type IdentityOf = (value: string) => string | null;

/** The identity of a movie-viewing event whose instants are written in one way. */
export const movieIdentity: IdentityOf = (value) => {
  try {
    const { event_id, timestamp } = JSON.parse(value);
    return `${event_id} ${timestamp}`;
  } catch {
    return null;
  }
};

/** Reads a log along and counts distinct events below any frontier. */
export class LogTruth {
  /** By partition: the offsets at which an identity is seen for the first time, ascending. */
  readonly #firsts: number[][] = [];
  readonly #read: bigint[] = [];
  readonly #seen = new Map<string, number>();

  constructor(readonly log: EventLog, readonly identityOf: IdentityOf = movieIdentity) {}

  /** Distinct identities in the whole log. */
  async identities(): Promise<ReadonlySet<string>> {
    await this.#readOn();
    return new Set(this.#seen.keys());
  }

  /** How many distinct events lie below an answer's frontier. */
  async countBelow(frontier: string): Promise<number> {
    await this.#readOn();
    const offsets = decodeFrontier(frontier)[this.log.id] ?? [];
    return offsets.reduce((sum, below, p) => sum + lower(this.#firsts[p] ?? [], Number(below)), 0);
  }

  async #readOn(): Promise<void> {
    for (let p = 0; p < this.log.partitionCount(); p++) {
      this.#firsts[p] ??= [];
      this.#read[p] ??= 0n;
      const { end } = await this.log.bounds(p);
      while (this.#read[p] < end) {
        const chunk = await this.log.read(p, this.#read[p]);
        for (const { offset, value, kind } of plain(chunk)) {
          const identity = kind === RecordKind.tick ? null : this.identityOf(value);
          if (identity === null) continue;
          const before = this.#seen.get(identity);
          if (before === undefined) this.#firsts[p].push(Number(offset));
          else if (before !== p) throw new Error(`${identity} lies in two partitions`);
          this.#seen.set(identity, p);
        }
        this.#read[p] = chunk.to;
      }
    }
  }
}

/** How many of the ascending `values` are below `bound`. */
function lower(values: readonly number[], bound: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
