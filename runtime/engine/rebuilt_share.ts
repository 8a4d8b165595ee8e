import type { Cut } from "../model/frontier.ts";
import type { EventLog } from "../ports/ports.ts";

/** What a generation has of a log's records. */
export interface Covered {
  /** What its published run covers. */
  readonly cut: Cut;
  /** From where on it has speed rows. */
  readonly start: Cut;
  /** Up to where it has speed rows. */
  readonly frontier: Cut;
}

/**
 * The share of the records below `target` that a generation has in its tables, from 0 to 1, by
 * offsets: batch rows up to the cut, and speed rows from their start on.
 *
 * @example
 * ```ts
 * import { rebuiltShare } from "./rebuilt_share.ts";
 * const has = { cut: {}, start: { log: [60n] }, frontier: { log: [80n] } };
 * if (rebuiltShare("log", has, { log: [100n] }) !== 0.2) throw new Error("unexpected");
 * ```
 */
export function rebuiltShare(log: string, has: Covered, target: Cut): number {
  let covered = 0;
  let all = 0;
  for (const [partition, end] of (target[log] ?? []).entries()) {
    const below = (cut: Cut) => Number(least(cut[log]?.[partition] ?? 0n, end));
    const cut = below(has.cut);
    covered += cut + Math.max(0, below(has.frontier) - Math.max(cut, below(has.start)));
    all += Number(end);
  }
  return all === 0 ? 1 : covered / all;
}

const least = (a: bigint, b: bigint) => a < b ? a : b;

/** A frontier as far as a log goes: one that was truncated never comes to where it was. */
export async function withinLog(log: EventLog, frontier: Cut): Promise<Cut> {
  const offsets = await Promise.all((frontier[log.id] ?? []).map(async (offset, partition) => {
    const { end } = await log.bounds(partition);
    return offset < end ? offset : end;
  }));
  return { ...frontier, [log.id]: offsets };
}
