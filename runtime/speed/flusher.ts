import type { Clock } from "../clock.ts";
import type { EventLog, Warehouse } from "../ports.ts";
import { type PluginTables, speedColumns } from "../tables.ts";
import { ledgerColumns, type LedgerFacts, type LedgerPartition, ledgerTable } from "./ledger.ts";
import type { PartitionPipeline } from "./partition_pipeline.ts";
import type { PluginPartition } from "./plugin_partition.ts";

/** What a {@link Flusher} needs. */
export interface FlusherOptions {
  readonly warehouse: Warehouse;
  readonly log: EventLog;
  readonly plugins: readonly PluginTables[];
  readonly ledger: LedgerFacts;
  readonly clock: Clock;
  readonly flushIntervalMs: number;
  readonly onAcknowledged: () => void;
  readonly onProblem: (message: string, error: unknown) => void;
}

/** More changed rows than this are flushed at once: an insert stays one block. */
const MAX_CHANGED_ROWS = 200_000;
const MAX_DEAD_LETTER_BYTES = 4 * 1024 * 1024;
const LAST_BACKOFF_MS = 5_000;
/** Flush intervals that a record may be old before its pipeline counts as catching up. */
const BEHIND_INTERVALS = 8;
/** Of a pipeline that catches up nobody waits for what lies half-way: fewer, larger flushes. */
const CATCHING_UP_INTERVALS = 4;

const deadLetterColumns = "topic, log, partition, offset, append_time, field, reason, value";

/** Writes what changed to the tables: one insert per plugin and partition. */
export class Flusher {
  readonly #options: FlusherOptions;
  readonly #tables: Map<string, PluginTables>;
  readonly #rows = new Map<string, number>();
  /** What cannot be flushed at the moment, and why. */
  readonly #faults = new Map<string, string>();
  /** By pipeline. */
  readonly #pace = new WeakMap<PartitionPipeline, {
    /** When the next flush is due. */
    dueMs: number;
    /** How often it failed in a row. */
    failures: number;
    /** Whether it catches up. */
    behind: boolean;
    /** What is under way. */
    flushing: Promise<void> | null;
  }>();

  constructor(options: FlusherOptions) {
    this.#options = options;
    this.#tables = new Map(options.plugins.map((tables) => [tables.plugin.name, tables]));
  }

  /** Rows that a plugin wrote since the start. */
  rows(plugin: string): number {
    return this.#rows.get(plugin) ?? 0;
  }

  /** What cannot be flushed at the moment, in words; empty when all is well. */
  faults(): string[] {
    return [...this.#faults].map(([what, why]) => `Cannot flush ${what}: ${why}`);
  }

  /**
   * Flushes a pipeline when its interval is over, without waiting for the insert; waits when so much
   * has changed that reading on would not be bounded. While it catches up its intervals are longer;
   * once it has, it is flushed at once.
   *
   * @param atEnd whether it stands at the end of the log.
   * @returns in how many milliseconds there is something to flush; null when there is nothing.
   */
  async flushIfDue(pipeline: PartitionPipeline, atEnd = true): Promise<number | null> {
    const pace = this.#paceOf(pipeline);
    this.#setPace(pipeline, atEnd);
    const full = isFull(pipeline);
    if (pace.flushing !== null && full) await pace.flushing;
    if (!isUnflushed(pipeline)) {
      return pace.flushing === null ? null : this.#options.flushIntervalMs;
    }
    const now = this.#options.clock.now();
    if (pace.flushing === null && (now >= pace.dueMs || (full && pace.failures === 0))) {
      pace.flushing = this.#flush(pipeline).finally(() => pace.flushing = null);
    }
    if (full && pace.failures > 0) {
      // The warehouse does not take rows: nothing more is read until it does.
      await (pace.flushing ?? this.#options.clock.sleep(Math.max(1, pace.dueMs - now)));
    }
    // While an insert is under way its end decides when the next one is due.
    return Math.max(pace.flushing === null ? 1 : 20, pace.dueMs - now);
  }

  /** Flushes a pipeline that stopped, until nothing is left or the warehouse refuses. */
  async flushAll(pipeline: PartitionPipeline): Promise<void> {
    const pace = this.#paceOf(pipeline);
    if (pace.flushing !== null) await pace.flushing;
    if (isUnflushed(pipeline)) await this.#flush(pipeline);
  }

  #paceOf(pipeline: PartitionPipeline) {
    let pace = this.#pace.get(pipeline);
    if (pace === undefined) {
      pace = { dueMs: 0, failures: 0, behind: false, flushing: null };
      this.#pace.set(pipeline, pace);
    }
    return pace;
  }

  /** Notices that a pipeline has fallen behind or has caught up. Only when to flush hangs on it. */
  #setPace(pipeline: PartitionPipeline, atEnd: boolean): void {
    const { clock, flushIntervalMs } = this.#options;
    const pace = this.#paceOf(pipeline);
    const ageMs = clock.now() - pipeline.readAppendMs;
    const behind = !atEnd && ageMs > BEHIND_INTERVALS * flushIntervalMs;
    if (behind === pace.behind) return;
    pace.behind = behind;
    if (pace.failures > 0) return;
    pace.dueMs = behind ? pace.dueMs + (CATCHING_UP_INTERVALS - 1) * flushIntervalMs : 0;
  }

  async #flush(pipeline: PartitionPipeline): Promise<void> {
    const { clock, flushIntervalMs } = this.#options;
    const pace = this.#paceOf(pipeline);
    const startedMs = clock.now();
    const writes = pipeline.plugins.map((plugin) => this.#writePlugin(plugin));
    if (pipeline.ledger) writes.push(this.#writeLedger(pipeline.ledger));
    const ok = (await Promise.all(writes)).every((written) => written);
    pace.failures = ok ? 0 : pace.failures + 1;
    const backoffMs = Math.min(flushIntervalMs * 2 ** pace.failures, LAST_BACKOFF_MS);
    const intervalMs = flushIntervalMs * (pace.behind ? CATCHING_UP_INTERVALS : 1);
    pace.dueMs = startedMs + (ok ? intervalMs : Math.max(flushIntervalMs, backoffMs));
  }

  async #writePlugin(at: PluginPartition): Promise<boolean> {
    const flush = at.prepareFlush();
    if (flush === null) return true;
    const { name } = at.plugin;
    const table = this.#tables.get(name)!.speed(this.#options.log.id);
    const into = `${table} (${speedColumns(at.plugin).join(", ")})`;
    return await this.#settle(flush, `plugin ${name}, partition ${at.partition}`, async () => {
      await this.#options.warehouse.insert(into, flush.rows);
      this.#rows.set(name, this.rows(name) + flush.rowCount);
    });
  }

  async #writeLedger(ledger: LedgerPartition): Promise<boolean> {
    const flush = ledger.prepareFlush();
    if (flush === null) return true;
    const { warehouse, log } = this.#options;
    const table = ledgerTable(this.#options.ledger, log.id);
    return await this.#settle(flush, `ledger, partition ${ledger.partition}`, async () => {
      // Dead letters first: once the ledger's frontier is beyond them, they are there.
      if (flush.deadLetters.length > 0) {
        await warehouse.insert(`dead_letters (${deadLetterColumns})`, flush.deadLetters);
      }
      await warehouse.insert(`${table} (${ledgerColumns})`, flush.rows);
    });
  }

  async #settle(
    flush: { acknowledge(): void; fail(): void },
    what: string,
    write: () => Promise<void>,
  ): Promise<boolean> {
    try {
      await write();
    } catch (error) {
      flush.fail();
      this.#faults.set(what, error instanceof Error ? error.message : String(error));
      this.#options.onProblem(`Cannot flush ${what}; it is tried again`, error);
      return false;
    }
    this.#faults.delete(what);
    flush.acknowledge();
    this.#options.onAcknowledged();
    return true;
  }
}

function isUnflushed({ plugins, ledger }: PartitionPipeline): boolean {
  return plugins.some((plugin) => plugin.unflushed) || (ledger?.unflushed ?? false);
}

function isFull({ plugins, ledger }: PartitionPipeline): boolean {
  return plugins.some((plugin) => plugin.changedRows > MAX_CHANGED_ROWS) ||
    (ledger !== undefined && ledger.pendingBytes > MAX_DEAD_LETTER_BYTES);
}
