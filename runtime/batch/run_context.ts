import type { EventSchema } from "../events.ts";
import { type Cut } from "../model/frontier.ts";
import type { ArchiveReader, QueryParams, StatementOptions, Warehouse } from "../ports/ports.ts";
import type { RunProgress } from "./run_progress.ts";

/** How a batch layer runs. */
export interface BatchSettings {
  /** Memory of one statement, in bytes; sorting and grouping spill to disk from a third of it on. */
  readonly memoryLimitBytes: number;
  /** Threads of one statement. Default: the warehouse's. */
  readonly maxThreads?: number;
  /** The longest that a reader may hold a published run, in milliseconds. Default 300,000. */
  readonly maxQueryMs?: number;
  /** Newest runs whose claims and history are kept. Default 1,000. */
  readonly runsKept?: number;
}

/** What the steps of one run share. */
export interface RunContext {
  readonly warehouse: Warehouse;
  readonly archive: ArchiveReader;
  readonly schema: EventSchema;
  readonly settings: BatchSettings;
  /** The repeat horizon of the speed layer, in offsets. */
  readonly horizon: number;
  readonly run: number;
  readonly cut: Cut;
  /** Told how far the parts are. */
  readonly progress: RunProgress;
  /** Ends its statements: when the process stops, or the run is cancelled. */
  readonly signal?: AbortSignal;
  /** Aborts when the process stops: ends what a cancellation comes too late for. */
  readonly stop?: AbortSignal;
}

/** Options of every statement of a run: `run` and `cut` are bound, memory is bounded. */
export function statement(context: RunContext, params: QueryParams = {}): StatementOptions {
  const { settings, signal, run, cut } = context;
  const spillBytes = Math.floor(settings.memoryLimitBytes / 3);
  return {
    params: { run, cut: cut, ...params },
    settings: {
      max_memory_usage: settings.memoryLimitBytes,
      max_bytes_before_external_group_by: spillBytes,
      max_bytes_before_external_sort: spillBytes,
      ...(settings.maxThreads ? { max_threads: settings.maxThreads } : {}),
      async_insert: 0,
      // The default, 100, is for live tables; a full run writes every month once, and its rows need
      // not appear together, because nothing reads them before the pointer.
      max_partitions_per_insert_block: 0,
      // Two runs may write equal rows: neither is a re-delivery of the other.
      insert_deduplicate: 0,
      insert_null_as_default: 0,
      session_timezone: "UTC",
    },
    signal,
  };
}
