/** The ClickHouse settings that Twofold relies on; the same for the embedded engine and a server. */

/** Options of {@link sessionSettings}. */
export interface SessionLimits {
  /** The most memory of one statement, in bytes. */
  readonly statementMemoryBytes: number;
  /** GROUP BY and ORDER BY spill to disk beyond this many bytes. */
  readonly spillBytes: number;
  /** Threads of one statement. Default: the engine's choice, one per core. */
  readonly maxThreads?: number;
}

/** One insert is one block, whatever its size: half of it must never be visible. */
const NO_LIMIT_ROWS = 1_000_000_000;

/**
 * Settings of every statement: nothing is inserted later or dropped as a repeat, times are UTC and
 * read as ISO 8601, numbers are numbers in JSON, and a heavy query spills before it fails.
 *
 * @example
 * ```ts
 * import { sessionSettings } from "./session_settings.ts";
 * const settings = sessionSettings({ statementMemoryBytes: 2 ** 30, spillBytes: 2 ** 28 });
 * if (settings.async_insert !== "0") throw new Error("unexpected");
 * ```
 */
export function sessionSettings(limits: SessionLimits): Record<string, string> {
  const settings: Record<string, string> = {
    async_insert: "0",
    insert_deduplicate: "0",
    async_insert_deduplicate: "0",
    session_timezone: "UTC",
    date_time_output_format: "iso",
    output_format_json_quote_64bit_integers: "0",
    output_format_json_quote_decimals: "0",
    // A statement over the archive names its files, of which a day may have thousands.
    max_query_size: String(64 * 2 ** 20),
    do_not_merge_across_partitions_select_final: "1",
    max_memory_usage: String(limits.statementMemoryBytes),
    max_bytes_before_external_group_by: String(limits.spillBytes),
    max_bytes_before_external_sort: String(limits.spillBytes),
  };
  if (limits.maxThreads !== undefined) settings.max_threads = String(limits.maxThreads);
  return settings;
}

/**
 * Settings that came with ClickHouse 26 and outrank `insert_deduplicate`: without them identical
 * inserts are dropped. An older server refuses their names: send it those that its
 * `system.settings` has.
 */
export const newerSettings: Readonly<Record<string, string>> = {
  deduplicate_insert: "disable",
  deduplicate_insert_select: "disable",
};

/**
 * Settings of an insert that must be one block. They are not for INSERT … SELECT, which would
 * gather all its rows in memory.
 */
export const oneBlockSettings: Readonly<Record<string, string>> = {
  max_insert_block_size: String(NO_LIMIT_ROWS),
  min_insert_block_size_rows: String(NO_LIMIT_ROWS),
  min_insert_block_size_bytes: "0",
  // The rows of an insert have different keys: merging them would find nothing.
  optimize_on_insert: "0",
};
