/**
 * What the layers offer to routes and commands: questions and answers, runs, the status. The layers
 * implement these; routes and commands use nothing else.
 */
import type { Drifts } from "../model/drift.ts";
import type { Problem } from "../model/problems.ts";
import type { Reading } from "../model/reading.ts";
import type { PluginIsland } from "../plugin.ts";
import type { BatchLayer, BatchRun, DayRange } from "./batch_layer.ts";
import type { DeadLetters } from "./dead_letters.ts";
import type { Ingest } from "./ingest.ts";
import type { Catalogs, PluginText, Records, SqlConsole, SqlLoad } from "./inspection.ts";
import type { Serving } from "./serving.ts";
import type { PartitionStatus, PluginStatus } from "./speed_layer.ts";
import type { ScrubStatus, Verification } from "./verification.ts";

export { notComparedWords } from "../model/drift.ts";
export type * from "../model/drift.ts";
export type { Reading } from "../model/reading.ts";
export type { Page } from "../std/page_cursor.ts";
export type * from "./batch_layer.ts";
export { deadLetterFilters } from "./dead_letters.ts";
export type * from "./dead_letters.ts";
export type * from "./ingest.ts";
export type * from "./inspection.ts";
export { buckets } from "./serving.ts";
export type * from "./serving.ts";
export type * from "./speed_layer.ts";
export type * from "./verification.ts";

/** A part that did not answer when it was asked last. */
export interface UnreachedPart {
  readonly part: "log" | "archive" | "warehouse";
  /** When that was first noticed, ISO 8601. */
  readonly since: string;
  readonly error: string;
}

/**
 * All that `GET /api/v1/status` tells. What a part tells that is not reached is as it was when it was
 * last told.
 */
export interface Status {
  readonly version: string;
  /** Names the process in the relation `twofold_problems`; the same after a restart. */
  readonly process: string;
  /** ISO 8601. */
  readonly started: string;
  /** What this process does. */
  readonly roles: readonly string[];
  /** Whether no problem is blocking. */
  readonly ready: boolean;
  /** Everything that Twofold cannot vouch for; empty when all is well. */
  readonly problems: readonly Problem[];
  /** The parts that are not reached at the moment; empty when all is well. */
  readonly unreached: readonly UnreachedPart[];
  readonly topics: readonly {
    readonly topic: string;
    readonly log: string;
    /**
     * After a change of the schema, the share of the archive that is decoded again, 0 to 1; null when
     * all of it is.
     */
    readonly redecoding: number | null;
    readonly partitions: readonly PartitionStatus[];
  }[];
  readonly plugins: readonly PluginStatus[];
  /** Statements of the SQL console. */
  readonly sql: SqlLoad;
  /** How far the slow verification of what is stored is; null where it is off. */
  readonly scrub: ScrubStatus | null;
}

/** A part of the memory of a process. */
export interface MemoryPart {
  /**
   * `heap_used` and `heap_free` are a thread's objects, and what it has reserved for more; `buffers`
   * its array buffers outside of the heap, but for those of parts of their own. `columns` are records
   * being decoded, `repeats` the identities by which repeats are found, `recent_rows` closed blocks
   * kept for readers, `engine` ClickHouse in the process. `other` is the rest of the anonymous memory.
   * `files` are pages of mapped files, such as the code of Deno and ClickHouse, and `shared` shared
   * memory.
   */
  readonly part: string;
  /** Of which thread; null where it belongs to the whole process. */
  readonly thread: string | null;
  readonly bytes: number;
}

/** What the memory of a process consists of. */
export interface ProcessMemory {
  readonly resident_bytes: number;
  /** What no file backs; null where the system or a ClickHouse server does not let it be known. */
  readonly anonymous_bytes: number | null;
  /** `engine`, `other`, `files` and `shared` are missing where {@link anonymous_bytes} is null. */
  readonly parts: readonly MemoryPart[];
}

/** What changed when the plugins' files were loaded again. */
export interface ReloadAnswer {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Those that do not load; what was loaded before of them runs on. */
  readonly refused: readonly {
    readonly plugin: string;
    readonly file: string;
    /** What is wrong, each as a clause. */
    readonly faults: readonly string[];
  }[];
  /** Files of row formats and sources that are new or changed. */
  readonly loaded_files: readonly string[];
  /** Files of row formats and sources that are gone. */
  readonly removed_files: readonly string[];
  /** Files of catalogs, row formats and sources that do not load. */
  readonly refused_files: readonly { readonly file: string; readonly faults: readonly string[] }[];
}

/** Which days of a metric to recompute: all of them without bounds. */
export interface RebuildRequest extends Partial<DayRange> {
  /** Only tells what would be read. */
  readonly dry_run?: boolean;
}

/** What came of a rebuild. */
export interface RebuildAnswer {
  readonly dry_run: boolean;
  /** What the archive has of all days that are recomputed. */
  readonly reads: Reading;
  /**
   * Of these, the event days outside the range: those with new events come along, and all do where
   * the metric has no published run.
   */
  readonly days_outside: readonly string[];
  /** Null for a dry run. */
  readonly run: BatchRun | null;
}

/** A generation of a metric, and since when it has answered. */
export interface LiveGeneration {
  readonly generation: string;
  /** ISO 8601. */
  readonly since: string;
}

/** Stops, goes on with and recomputes single metrics. */
export interface Lifecycle {
  /**
   * Has every process stop computing a metric, also after a restart, until it is resumed. Its answers
   * stay as they are, and say so.
   *
   * @param by who does it.
   * @throws {NotFoundError} when there is no such metric; UserError when it does not run anyway.
   */
  pause(name: string, by: string): Promise<void>;
  /** Whether a metric is paused, as far as this process knows. */
  isPaused(name: string): boolean;
  /** The generations that have answered for a metric, the first of them first. */
  generations(name: string): Promise<readonly LiveGeneration[]>;
  /** Goes on with a metric where its tables stand. @throws {NotFoundError} as {@link pause}. */
  resume(name: string, by: string): Promise<void>;
  /**
   * Recomputes a metric's batch rows from the archive although nothing changed, and publishes them as
   * any run does. It answers as before meanwhile.
   *
   * @throws {NotFoundError} as {@link pause}; UserError when the metric does not run, or a bound is no
   * event day.
   */
  rebuild(name: string, request: RebuildRequest): Promise<RebuildAnswer>;
  /**
   * Removes the tables and relations of a metric that is paused or whose file is gone; a paused one is
   * built anew when it is resumed.
   *
   * @returns their names, sorted.
   * @throws {NotFoundError} when there are none; UserError when the metric is not paused; BusyError
   * when another process may still write them.
   */
  drop(name: string): Promise<string[]>;
}

/** Everything a route needs, provided by the engine. */
export interface Services {
  readonly serving: Serving;
  readonly ingest: Ingest;
  /**
   * What the formats that events come in look like, by name: `ndjson`, `json-array`, `csv` and those
   * of `plugins/*.format.ts`.
   */
  readonly formats: ReadonlyMap<string, string>;
  /** Batch layers by topic. Topics are added while everything runs: read it when it is needed. */
  readonly batch: ReadonlyMap<string, BatchLayer>;
  readonly records: Records;
  readonly deadLetters: DeadLetters;
  readonly drifts: Drifts;
  readonly catalogs: Catalogs;
  readonly sql: SqlConsole;
  /** The pages' own SQL: it does not wait for people's. */
  readonly pageSql: Pick<SqlConsole, "query">;
  readonly verification: Verification;
  /** Texts by plugin. */
  readonly plugins: ReadonlyMap<string, PluginText>;
  /**
   * Removes the tables and relations that no metric answers from: those of removed plugins and of
   * replaced generations.
   *
   * @returns their names.
   */
  prunePlugins(): Promise<string[]>;
  /**
   * Loads the plugins' files again, of this process. What is new or changed is built while everything
   * else is served.
   *
   * @throws {ExternalError} when something that it needs does not answer: ask again.
   */
  reloadPlugins(): Promise<ReloadAnswer>;
  readonly lifecycle: Lifecycle;
  /** Components of plugins that have one, by plugin. */
  readonly islands: ReadonlyMap<string, PluginIsland>;
  /** Called by monitors, often and concurrently: answers within seconds, whatever is not reached. */
  status(): Promise<Status>;
  /** What the memory of this process consists of; answers as {@link status} does. */
  memory(): Promise<ProcessMemory>;
  /** The newest batch run of each topic that has ended, as far as it is known; answers as {@link status} does. */
  newestRuns(): Promise<readonly BatchRun[]>;
}
