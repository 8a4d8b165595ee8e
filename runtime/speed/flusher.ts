import type { Clock } from "../std/clock.ts";
import type { EventLog, Warehouse } from "../ports/ports.ts";
import { concat } from "../std/bytes.ts";
import { type PluginTables, speedColumns } from "../sql/tables.ts";
import { ledgerColumns, type LedgerFacts, type LedgerPartition, ledgerTable } from "./ledger.ts";
import type { PartitionPipeline } from "./partition_pipeline.ts";
import type { Flush, PluginPartition } from "./plugin_partition.ts";

/** What a {@link Flusher} needs. */
export interface FlusherOptions {
  readonly warehouse: Warehouse;
  readonly log: EventLog;
  readonly plugins: readonly PluginTables[];
  readonly ledger: LedgerFacts;
  readonly clock: Clock;
  readonly flushIntervalMs: number;
  readonly onAcknowledged: () => void;
}

/** More changed rows than this are flushed at once: an insert stays one block. */
const MAX_CHANGED_ROWS = 200_000;
const MAX_DEAD_LETTER_BYTES = 4 * 1024 * 1024;
const LAST_BACKOFF_MS = 5_000;
/** Flush intervals that a record may be old before its pipeline counts as catching up. */
const BEHIND_INTERVALS = 8;
/** Of a pipeline that catches up nobody waits for what lies half-way: fewer, larger flushes. */
const CATCHING_UP_INTERVALS = 4;

const deadLetterColumns =
  "topic, log, partition, offset, append_time, field, reason, value, decoding";

interface Pace {
  /** When the next flush is due. */
  dueMs: number;
  /** How often it failed in a row. */
  failures: number;
  /** Whether it catches up. */
  behind: boolean;
  /** What is under way. */
  flushing: Promise<void> | null;
}

/** A plugin or the ledger, with the partition, and why it cannot be flushed. */
export interface FlushFault {
  readonly what: string;
  readonly error: unknown;
}

/**
 * Writes what changed to the tables. An insert costs much the same whatever is in it, so the
 * partitions that keep up are flushed together: one insert per plugin, which is one part of its
 * table, so that the rows of all partitions and their frontier rows appear at once.
 */
export class Flusher {
  readonly #options: FlusherOptions;
  readonly #rows = new Map<string, number>();
  /** What cannot be flushed at the moment, and why. */
  readonly #faults = new Map<string, unknown>();
  /** By pipeline, as long as it runs. */
  readonly #paces = new Map<PartitionPipeline, Pace>();

  constructor(options: FlusherOptions) {
    this.#options = options;
  }

  /** Rows that a plugin wrote since the start. */
  rows(plugin: string): number {
    return this.#rows.get(plugin) ?? 0;
  }

  /** What cannot be flushed at the moment, and why; empty when all is well. */
  faults(): FlushFault[] {
    return [...this.#faults].map(([what, error]) => ({ what, error }));
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
      this.#begin(pace.behind || full ? [pipeline] : this.#withOthers(pipeline));
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
    if (isUnflushed(pipeline)) await this.#begin([pipeline]);
  }

  /** Forgets the faults of a plugin that runs no more. */
  forget(plugin: string): void {
    for (const what of this.#faults.keys()) {
      if (what.startsWith(`plugin ${plugin}, `)) this.#faults.delete(what);
    }
  }

  /** Forgets a pipeline that has ended: what it has left is not written. */
  leave(pipeline: PartitionPipeline): void {
    this.#paces.delete(pipeline);
  }

  #paceOf(pipeline: PartitionPipeline): Pace {
    let pace = this.#paces.get(pipeline);
    if (pace === undefined) {
      pace = { dueMs: 0, failures: 0, behind: false, flushing: null };
      this.#paces.set(pipeline, pace);
    }
    return pace;
  }

  /** A pipeline that is due, and those that have something to go with it. */
  #withOthers(due: PartitionPipeline): PartitionPipeline[] {
    const others = [...this.#paces].filter(([pipeline, { flushing, failures, behind }]) =>
      pipeline !== due && flushing === null && failures === 0 && !behind && isUnflushed(pipeline)
    );
    return [due, ...others.map(([pipeline]) => pipeline)];
  }

  #begin(pipelines: readonly PartitionPipeline[]): Promise<void> {
    const paces = pipelines.map((pipeline) => this.#paceOf(pipeline));
    const flushing = this.#flush(pipelines, paces).finally(() => {
      for (const pace of paces) pace.flushing = null;
    });
    for (const pace of paces) pace.flushing = flushing;
    return flushing;
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

  async #flush(pipelines: readonly PartitionPipeline[], paces: readonly Pace[]): Promise<void> {
    const { clock, flushIntervalMs } = this.#options;
    const startedMs = clock.now();
    const byPlugin = Map.groupBy(
      pipelines.flatMap(({ plugins }) => plugins),
      ({ plugin }) => plugin.name,
    );
    const ledgers = pipelines.flatMap(({ ledger }) => ledger ?? []);
    const written = await Promise.all([
      ...[...byPlugin].map(([name, parts]) => this.#writePlugin(name, parts)),
      this.#writeLedger(ledgers),
    ]);
    const ok = written.every((each) => each);
    for (const pace of paces) {
      pace.failures = ok ? 0 : pace.failures + 1;
      const backoffMs = Math.min(flushIntervalMs * 2 ** pace.failures, LAST_BACKOFF_MS);
      const intervalMs = flushIntervalMs * (pace.behind ? CATCHING_UP_INTERVALS : 1);
      pace.dueMs = startedMs + (ok ? intervalMs : Math.max(flushIntervalMs, backoffMs));
    }
  }

  async #writePlugin(name: string, parts: readonly PluginPartition[]): Promise<boolean> {
    const tables = this.#options.plugins.find(({ plugin }) => plugin === parts[0].plugin)!;
    const into = `${tables.speed(this.#options.log.id)} (${
      speedColumns(tables.plugin).join(", ")
    })`;
    return await this.#write(`plugin ${name}`, parts, async (flushes) => {
      await this.#options.warehouse.insert(into, concat(flushes.map(({ rows }) => rows)));
      const count = flushes.reduce((sum, { rowCount }) => sum + rowCount, 0);
      this.#rows.set(name, this.rows(name) + count);
    });
  }

  async #writeLedger(parts: readonly LedgerPartition[]): Promise<boolean> {
    const { warehouse, log, ledger } = this.#options;
    const into = `${ledgerTable(ledger, log.id)} (${ledgerColumns})`;
    return await this.#write("ledger", parts, async (flushes) => {
      const letters = concat(flushes.map(({ deadLetters }) => deadLetters));
      // Dead letters first: once the ledger's frontier is beyond them, they are there.
      if (letters.length > 0) {
        await warehouse.insert(`dead_letters (${deadLetterColumns})`, letters);
      }
      await warehouse.insert(into, concat(flushes.map(({ rows }) => rows)));
    });
  }

  /** Writes what some partitions have to flush, by one insert for all of them. */
  async #write<F extends Flush>(
    what: string,
    parts: readonly { readonly partition: number; prepareFlush(): F | null }[],
    insert: (flushes: readonly F[]) => Promise<void>,
  ): Promise<boolean> {
    const taken = parts.flatMap((part) => {
      const flush = part.prepareFlush();
      return flush === null ? [] : [{ flush, name: `${what}, partition ${part.partition}` }];
    });
    if (taken.length === 0) return true;
    try {
      await insert(taken.map(({ flush }) => flush));
    } catch (error) {
      for (const { flush, name } of taken) {
        flush.fail();
        this.#faults.set(name, error);
      }
      return false;
    }
    for (const { flush, name } of taken) {
      this.#faults.delete(name);
      flush.acknowledge();
    }
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
