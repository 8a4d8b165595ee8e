/** Reads partitions by exact position, and waits at their ends. */
import type { Clock } from "../../std/clock.ts";
import { ExternalError, LogGapError, TwofoldError } from "../../std/errors.ts";
import type { RecordChunk } from "../../ports/ports.ts";
import { FetchedRange } from "./fetched_range.ts";
import type { KafkaCluster } from "./kafka_cluster.ts";
import { codeError, kafkaError } from "./kafka_error.ts";
import { type FetchedPartition, fetchRequest, KafkaCode } from "./requests.ts";

/** Options of {@link KafkaReader}. */
export interface KafkaReaderOptions {
  /** The one for reads that are answered at once, and the one for those that wait. */
  readonly clusters: { readonly read: KafkaCluster; readonly wait: KafkaCluster };
  /** The log's topic, for errors. */
  readonly topic: string;
  /** The topic's id: one made again has another. */
  readonly topicId: string;
  readonly clock: Pick<Clock, "sleep">;
}

interface Waiter {
  readonly partition: number;
  readonly from: bigint;
  readonly wake: () => void;
}

/** The most bytes of a partition that one fetch brings, as they are stored: compressed. */
const FETCH_BYTES = 1 << 20;
/** Ranges kept of a partition: its readers stand at different places. */
const KEPT_RANGES = 3;
/**
 * How long a broker holds a request when there is nothing, in milliseconds. Who begins to wait
 * meanwhile has to wait for it to end.
 */
const HOLD_MS = 100;
const PAUSE_MS = 250;

/** Reads one topic; for several readers of each partition at once. */
export class KafkaReader {
  readonly #options: KafkaReaderOptions;
  /** By partition, what was fetched last and is not yet read by all. */
  readonly #kept = new Map<number, FetchedRange[]>();
  readonly #waiters = new Set<Waiter>();
  #waiting: Promise<void> | null = null;
  #closed = false;

  constructor(options: KafkaReaderOptions) {
    this.#options = options;
  }

  /** The chunk at `position`; empty at the end of the log. */
  async read(
    partition: number,
    position: bigint,
    maxRecords: number,
    maxBytes: number,
  ): Promise<RecordChunk> {
    const kept = this.#kept.get(partition)?.find((range) => range.holds(position));
    const range = kept ?? await this.#fetch(partition, position);
    return range.chunkAt(position, maxRecords, maxBytes);
  }

  /** Resolves when there is something at `from`, when a read there would fail, or on abort. */
  async changed(partition: number, from: bigint, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#kept.get(partition)?.some((range) => range.holds(from))) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const waiter = { partition, from, wake };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", wake, { once: true });
      this.#waiting ??= this.#wait();
    });
  }

  /** Wakes all who wait. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.wake();
    await this.#waiting;
  }

  async #fetch(partition: number, from: bigint): Promise<FetchedRange> {
    const { clusters, topic, topicId } = this.#options;
    const position = { topic, partition, offset: from };
    try {
      const [leader] = clusters.read.leaders([partition]).keys();
      const positions = [{ partition, from, maxBytes: FETCH_BYTES }];
      const request = fetchRequest({ topicId, positions, maxWaitMs: 0 });
      const [fetched] = await clusters.read.ask(leader, request);
      if (fetched.errorCode !== KafkaCode.none) throw await this.#refused(fetched, from);
      return this.#keep(this.#range(fetched, from));
    } catch (error) {
      const fault = kafkaError(this.#action(partition, from), error, position);
      if (fault.retriable) await clusters.read.refresh().catch(() => {}); // the next attempt tells
      throw fault;
    }
  }

  #range({ partition, records, aborted }: FetchedPartition, from: bigint): FetchedRange {
    const { topic } = this.#options;
    return new FetchedRange({ topic, partition }, from, records, aborted);
  }

  #keep(range: FetchedRange): FetchedRange {
    if (range.to === range.from) return range;
    const kept = this.#kept.get(range.partition) ?? [];
    this.#kept.set(range.partition, [range, ...kept].slice(0, KEPT_RANGES));
    return range;
  }

  /** What a broker's refusal means. */
  async #refused({ partition, errorCode }: FetchedPartition, from: bigint): Promise<TwofoldError> {
    const { clusters: { read }, topic, topicId } = this.#options;
    const position = { topic, partition, offset: from };
    const action = this.#action(partition, from);
    switch (errorCode) {
      case KafkaCode.offsetOutOfRange: {
        const start = await read.offset(partition, "first");
        return new LogGapError(
          from < start
            ? `Cannot ${action}: the log starts at ${start}, older records are gone; read what ` +
              "is below from the archive"
            : `Cannot ${action}: the log ends before that, it was cut or restored from a copy; ` +
              "bring it back, or go on with a new generation",
          position,
        );
      }
      case KafkaCode.unknownTopicId:
      case KafkaCode.inconsistentTopicId:
      case KafkaCode.unknownTopicOrPartition: {
        const { id, errorCode: missing } = await read.metadata();
        if (missing === KafkaCode.none && id === topicId) break;
        return new LogGapError(
          `Cannot ${action}: the topic was ${
            missing === KafkaCode.none ? "made again" : "deleted"
          }` +
            "; start again, and the new topic is another log",
          position,
        );
      }
    }
    return codeError(action, errorCode, position);
  }

  #action(partition: number, from: bigint): string {
    const { topic } = this.#options;
    return `read topic "${topic}" partition ${partition} from offset ${from}`;
  }

  // --- waiting

  /** Asks for all who wait, again and again, as long as someone waits. */
  async #wait(): Promise<void> {
    while (this.#waiters.size > 0 && !this.#closed) {
      try {
        await this.#ask();
      } catch {
        // The readers meet the fault in their next read, and try again by their own rules.
        this.#wakeAll();
        await this.#options.clusters.wait.refresh().catch(() => {});
        await this.#options.clock.sleep(PAUSE_MS);
      }
    }
    this.#waiting = null;
  }

  async #ask(): Promise<void> {
    const { clusters: { wait }, topicId } = this.#options;
    const first = new Map<number, bigint>();
    for (const { partition, from } of this.#waiters) {
      const lowest = first.get(partition);
      if (lowest === undefined || from < lowest) first.set(partition, from);
    }
    const leaders = wait.leaders([...first.keys()]);
    if (leaders.size === 0) throw new ExternalError("Cannot wait: no partition has a leader");
    await Promise.all([...leaders].map(async ([leader, partitions]) => {
      const positions = partitions.map((partition) => ({
        partition,
        from: first.get(partition)!,
        maxBytes: FETCH_BYTES,
      }));
      const request = fetchRequest({ topicId, positions, maxWaitMs: HOLD_MS });
      for (const fetched of await wait.ask(leader, request)) {
        this.#answer(fetched, first.get(fetched.partition)!);
      }
    }));
  }

  #answer(fetched: FetchedPartition, from: bigint): void {
    const { partition } = fetched;
    const waiting = [...this.#waiters].filter((waiter) => waiter.partition === partition);
    if (fetched.errorCode !== KafkaCode.none) return waiting.forEach(({ wake }) => wake());
    const range = this.#keep(this.#range(fetched, from));
    for (const waiter of waiting) if (waiter.from < range.to) waiter.wake();
  }

  #wakeAll(): void {
    for (const waiter of this.#waiters) waiter.wake();
  }
}
