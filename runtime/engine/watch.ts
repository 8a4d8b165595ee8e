import type { Clock } from "../std/clock.ts";
import type { ProblemTable } from "./problem_table.ts";

/** How often problems that changed are written. */
const SYNC_MS = 1000;
/** How often everything is looked at when nobody asks for the status. */
const LOOK_MS = 10_000;

/** What {@link watch} takes. */
export interface Watched {
  readonly clock: Clock;
  readonly problemTable: Pick<ProblemTable, "sync">;
  /** Looks at everything; some problems are seen only then. */
  status(): Promise<unknown>;
}

/**
 * Looks at everything and writes the problems until `signal` aborts, so that they are known although
 * nobody asks for the status. What fails here is a problem of the part that failed.
 */
export async function watch(
  { clock, problemTable, status }: Watched,
  signal: AbortSignal,
): Promise<void> {
  let lookedMs = -Infinity;
  while (!signal.aborted) {
    if (clock.now() - lookedMs >= LOOK_MS) {
      lookedMs = clock.now();
      await status().catch(() => {});
    }
    await problemTable.sync().catch(() => {});
    await clock.sleep(SYNC_MS, signal);
  }
}
