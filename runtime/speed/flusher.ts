import { within } from "../std/abortable.ts";
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
  /** The least time between two flushes, in milliseconds, and all that passes while somebody reads. */
  readonly flushIntervalMs: number;
  /** The time between two flushes while nobody reads, in milliseconds. Default: the other. */
  readonly idleFlushIntervalMs?: number;
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
/** Flush intervals that the tables may be behind for a reader who is not kept waiting. */
const FRESH_INTERVALS = 1.5;
/** A reader waits no longer for a flush: the answer says how far the tables are. */
const LONGEST_WAIT_MS = 1_000;
/** After so many milliseconds without a read nobody reads any more. */
const IDLE_AFTER_MS = 2_000;

const deadLetterColumns =
  "topic, log, partition, offset, append_time, field, reason, value, decoding";

interface Pace {
  /** When the newest flush began; -Infinity when the next one is due at once. */
  begunMs: number;
  /** When the newest flush began that wrote everything. */
  writtenMs: number;
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
 * Writes what changed to the tables. The cost of an insert barely depends on its size, so the
 * partitions that keep up are flushed together: one insert per plugin, which is one part of its
 * table, so that the rows of all partitions and their frontier rows appear at once. For the same
 * reason flushes are rare while nobody reads, and readers ask for one ({@link fresh}).
 */
export class Flusher {
  readonly #options: FlusherOptions;
  readonly #rows = new Map<string, number>();
  /** What cannot be flushed at the moment, and why. */
  readonly #faults = new Map<string, unknown>();
  /** By pipeline, as long as it runs. */
  readonly #paces = new Map<PartitionPipeline, Pace>();
  /** When somebody read last. */
  #readMs = -Infinity;

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

  /** Whether nobody has read for a while. Never where readers cannot ask. */
  get isIdle(): boolean {
    const { clock, flushIntervalMs, idleFlushIntervalMs = flushIntervalMs } = this.#options;
    return idleFlushIntervalMs > flushIntervalMs && clock.now() - this.#readMs > IDLE_AFTER_MS;
  }

  /**
   * Brings the tables as far as they would be if somebody always read: flushes what has waited for an
   * interval, and waits for that where the tables are further behind. Called before each read, often
   * and concurrently: constant readers never wait, and concurrent ones share a flush.
   */
  async fresh(): Promise<void> {
    const { clock, flushIntervalMs } = this.#options;
    const now = this.#readMs = clock.now();
    const due = [...this.#paces].find(([pipeline, pace]) =>
      !pace.behind && pace.flushing === null && now >= this.#dueMs(pace, flushIntervalMs) &&
      isUnflushed(pipeline)
    );
    if (due !== undefined) void this.#begin(this.#withOthers(due[0]));
    const awaited = [...this.#paces.values()].filter((pace) =>
      !pace.behind && pace.failures === 0 &&
      now - pace.writtenMs > FRESH_INTERVALS * flushIntervalMs
    ).map(({ flushing }) => flushing);
    if (awaited.every((flushing) => flushing === null)) return;
    await within(LONGEST_WAIT_MS, Promise.all(awaited), clock);
  }

  /**
   * Flushes a pipeline when its interval is over, without waiting for the insert; waits when so much
   * has changed that reading on would not be bounded. While it catches up its intervals are shorter
   * than while nobody reads; once it has, it is flushed at once.
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
    const { clock, flushIntervalMs, idleFlushIntervalMs = flushIntervalMs } = this.#options;
    const now = clock.now();
    const dueMs = this.#dueMs(
      pace,
      pace.behind ? CATCHING_UP_INTERVALS * flushIntervalMs : idleFlushIntervalMs,
    );
    if (pace.flushing === null && (now >= dueMs || (full && pace.failures === 0))) {
      this.#begin(pace.behind || full ? [pipeline] : this.#withOthers(pipeline));
    }
    if (full && pace.failures > 0) {
      // The warehouse does not take rows: nothing more is read until it does.
      await (pace.flushing ?? clock.sleep(Math.max(1, dueMs - now)));
    }
    // While an insert is under way its end decides when the next one is due.
    return Math.max(pace.flushing === null ? 1 : 20, dueMs - now);
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
      pace = {
        begunMs: -Infinity,
        writtenMs: -Infinity,
        failures: 0,
        behind: false,
        flushing: null,
      };
      this.#paces.set(pipeline, pace);
    }
    return pace;
  }

  /** When the next flush is due, if so long should lie between two; after a fault it is the fault's. */
  #dueMs({ begunMs, failures }: Pace, intervalMs: number): number {
    const { flushIntervalMs } = this.#options;
    const backoffMs = Math.min(flushIntervalMs * 2 ** failures, LAST_BACKOFF_MS);
    return begunMs + (failures === 0 ? intervalMs : Math.max(flushIntervalMs, backoffMs));
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
    if (pace.behind && !behind && pace.failures === 0) pace.begunMs = -Infinity;
    pace.behind = behind;
  }

  async #flush(pipelines: readonly PartitionPipeline[], paces: readonly Pace[]): Promise<void> {
    const begunMs = this.#options.clock.now();
    for (const pace of paces) pace.begunMs = begunMs;
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
      if (ok) pace.writtenMs = begunMs;
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
