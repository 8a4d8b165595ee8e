import { aborted } from "../std/abortable.ts";
import type { Clock } from "../std/clock.ts";
import type { Assignment, EventLog, Membership } from "./ports.ts";

/** How often a log is asked whether it has more partitions. */
const LOOK_MS = 5000;

/**
 * The membership of a process that shares a log with nobody: everything falls to it.
 *
 * @example
 * ```ts
 * import { systemClock } from "../std/clock.ts";
 * import { singleMember } from "./single_member.ts";
 * const { speed, batch } = singleMember({ partitionCount: () => 2 }, systemClock).assignment();
 * if (!(speed.has(0) && speed.has(1) && batch)) throw new Error("unexpected");
 * ```
 */
export function singleMember(
  log: Pick<EventLog, "partitionCount">,
  clock: Pick<Clock, "sleep">,
): Membership {
  let assignment = everything(log.partitionCount());
  const current = () => {
    const count = log.partitionCount();
    if (count !== assignment.speed.size) assignment = everything(count);
    return assignment;
  };
  return {
    shared: false,
    error: null,
    assignment: current,
    async changed(known, signal) {
      while (current() === known && !signal.aborted) await clock.sleep(LOOK_MS, signal);
    },
    run: (signal) => aborted(signal),
  };
}

function everything(partitionCount: number): Assignment {
  const all = new Set(Array.from({ length: partitionCount }, (_, partition) => partition));
  return { speed: all, archive: all, batch: true };
}
