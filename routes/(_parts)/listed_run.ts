/** Batch runs as pages list them. */
import type { BatchRun, RunState } from "../../runtime/ports/services.ts";

/** A run as it is listed. */
export type ListedRun = Omit<BatchRun, "cut">;

/** Names a run's entry in the list. */
export const runAnchor = ({ topic, run }: Pick<BatchRun, "topic" | "run">) => `run-${topic}-${run}`;

/** Whether a run or its part has not ended. */
export const isUnderWay = (state: RunState) => state === "queued" || state === "running";
