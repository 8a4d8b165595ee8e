/** A topic of a Kafka cluster behind the port. */
import type { Clock } from "../../std/clock.ts";
import { closeAll } from "../../std/close_all.ts";
import { ExternalError, retry, TwofoldError, UserError } from "../../std/errors.ts";
import type {
  EventLog,
  Frontier,
  ReadOptions,
  RecordChunk,
  RecordsToAppend,
} from "../../ports/ports.ts";
import type { CodecName } from "./codecs.ts";
import type { KafkaAccess } from "./kafka_access.ts";
import { KafkaAppender } from "./kafka_appender.ts";
import { KafkaCluster } from "./kafka_cluster.ts";
import { adviceOn, codeError, kafkaError } from "./kafka_error.ts";
import { KafkaReader } from "./kafka_reader.ts";
import { makeTopic } from "./made_topic.ts";
import { KafkaCode, type TopicMetadata } from "./requests.ts";

/** Options of {@link openKafkaLog}. */
export interface KafkaLogOptions {
  readonly access: KafkaAccess;
  /** The log's topic. */
  readonly topic: string;
  /** What stands before the topic's name in Kafka. Default: nothing. */
  readonly prefix?: string;
  /** Part of the log's identity. Default `local`. */
  readonly region?: string;
  /** Makes the topic with so many partitions where there is none. Default: it has to be there. */
  readonly createWith?: { readonly partitions: number };
  /** How appended records are compressed. Default `gzip`, which every consumer can read. */
  readonly compression?: CodecName;
  readonly clock: Pick<Clock, "sleep">;
}

const DEFAULT_READ_RECORDS = 8192, DEFAULT_READ_BYTES = 4 * 1024 * 1024;
/** How often to look for partitions added later. */
const LOOK_MS = 5000;
/** How often a topic just made is looked for: brokers learn of it one after the other. */
const LOOKS = 8;

/**
 * Opens a topic as a log. Its identity holds the topic's id, which Kafka makes anew with the topic:
 * offsets of a topic deleted and made again are never compared with those of the old one.
 *
 * @throws UserError when there is no such topic, or when the cluster gives topics no id (Kafka
 * before 3.1); ExternalError when the cluster is not reached.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const { access, topic, prefix = "" } = options;
  const opened: KafkaCluster[] = [];
  try {
    const read = await KafkaCluster.connect(access, prefix + topic);
    opened.push(read);
    const metadata = await topicOf(read, options);
    const wait = await KafkaCluster.connect(access, prefix + topic);
    opened.push(wait);
    for (const cluster of opened) await cluster.refresh();
    return new KafkaLog(options, { read, wait }, metadata);
  } catch (error) {
    await closeAll(opened.map((cluster) => () => cluster.close())).catch(() => {});
    const fault = kafkaError(`open topic "${topic}" at ${access.brokers.join(", ")}`, error, {
      topic,
    });
    const advice = adviceOn(fault);
    if (advice === null) throw fault;
    const { retriable, cause } = fault;
    throw new ExternalError(`${fault.message}; ${advice}`, { topic, retriable, cause });
  }
}

/** The topic's metadata; makes it where that is wanted. */
async function topicOf(cluster: KafkaCluster, options: KafkaLogOptions): Promise<TopicMetadata> {
  const { access, topic, createWith, clock } = options;
  const action = `open topic "${cluster.topic}"`;
  let metadata = await cluster.metadata();
  if (metadata.errorCode === KafkaCode.unknownTopicOrPartition) {
    if (createWith === undefined) {
      throw new UserError(`Cannot ${action}: there is no such topic`, { topic });
    }
    await makeTopic(access, cluster.topic, createWith.partitions);
    metadata = await retry(async () => {
      const made = await cluster.metadata();
      if (made.errorCode === KafkaCode.none && made.partitionCount > 0) return made;
      throw codeError(action, made.errorCode, { topic });
    }, { attempts: LOOKS, sleep: (ms) => clock.sleep(ms) });
  }
  if (metadata.errorCode !== KafkaCode.none) throw codeError(action, metadata.errorCode, { topic });
  if (/^0+$/.test(metadata.id)) {
    throw new UserError(`Cannot ${action}: the cluster gives topics no id, Kafka 3.1 does`, {
      topic,
    });
  }
  return metadata;
}

/** The identity of a topic's log. */
export const kafkaLogId = (region: string, topicId: string) => `${region}-${topicId}`;

class KafkaLog implements EventLog {
  readonly topic: string;
  readonly id: string;
  readonly #clusters: { readonly read: KafkaCluster; readonly wait: KafkaCluster };
  readonly #reader: KafkaReader;
  readonly #appender: KafkaAppender;
  #partitionCount: number;
  readonly #stop = new AbortController();
  #closed: Promise<void> | null = null;

  constructor(
    options: KafkaLogOptions,
    clusters: { readonly read: KafkaCluster; readonly wait: KafkaCluster },
    { id, partitionCount }: TopicMetadata,
  ) {
    const { access, topic, prefix = "", region = "local", compression, clock } = options;
    this.topic = topic;
    this.id = kafkaLogId(region, id);
    this.#clusters = clusters;
    this.#partitionCount = partitionCount;
    this.#reader = new KafkaReader({ clusters, topic, topicId: id, clock });
    this.#appender = new KafkaAppender({
      access,
      topic: prefix + topic,
      partitionCount,
      compression,
    });
    void this.#lookForPartitions(id, options);
  }

  partitionCount(): number {
    return this.#partitionCount;
  }

  async bounds(partition: number): Promise<{ start: bigint; end: bigint }> {
    this.#assertUsable("look at", partition);
    const { read } = this.#clusters;
    try {
      const start = await read.offset(partition, "first");
      return { start, end: await read.offset(partition, "last") };
    } catch (error) {
      await read.refresh().catch(() => {}); // the next attempt tells
      const { topic } = this;
      throw kafkaError(`look at topic "${topic}" partition ${partition}`, error, {
        topic,
        partition,
      });
    }
  }

  async append(records: RecordsToAppend): Promise<Frontier> {
    this.#assertUsable("append to");
    if (records.count === 0) return new Array(this.#partitionCount).fill(0n);
    return await this.#appender.append(records);
  }

  async appendTick(partition: number): Promise<bigint> {
    this.#assertUsable("append to", partition);
    return await this.#appender.appendTick(partition);
  }

  async read(partition: number, from: bigint, options: ReadOptions = {}): Promise<RecordChunk> {
    const { maxRecords = DEFAULT_READ_RECORDS, maxBytes = DEFAULT_READ_BYTES } = options;
    if (!(maxRecords >= 1)) {
      throw new RangeError(`Cannot read: maxRecords must be at least 1, got ${maxRecords}`);
    }
    this.#assertUsable("read", partition);
    return await this.#reader.read(partition, from, maxRecords, maxBytes);
  }

  async changed(partition: number, from: bigint, signal: AbortSignal): Promise<void> {
    this.#assertUsable("wait for", partition);
    await this.#reader.changed(partition, from, signal);
  }

  /** The cluster's retention decides what is forgotten. */
  // deno-lint-ignore require-await -- errors are rejections, as in every adapter
  async trim(partition: number): Promise<void> {
    this.#assertUsable("trim", partition);
  }

  close(): Promise<void> {
    return this.#closed ??= (async () => {
      this.#stop.abort();
      await closeAll([
        () => this.#appender.close(),
        () => this.#reader.close(),
        ...Object.values(this.#clusters).map((cluster) => () => cluster.close()),
      ]);
    })();
  }

  /** Partitions are only ever added; a topic made again is another log, which a read notices. */
  async #lookForPartitions(
    topicId: string,
    { clock }: KafkaLogOptions,
  ): Promise<void> {
    const { signal } = this.#stop;
    const clusters = Object.values(this.#clusters);
    for (;;) {
      await clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      try {
        const { id, errorCode, partitionCount } = await this.#clusters.read.metadata();
        const isOurs = errorCode === KafkaCode.none && id === topicId;
        if (!isOurs || partitionCount <= this.#partitionCount) continue;
        for (const cluster of clusters) await cluster.refresh();
        this.#appender.grow(partitionCount);
        this.#partitionCount = partitionCount;
      } catch { /* Reads and appends meet the fault; the next look may not. */ }
    }
  }

  #assertUsable(action: string, partition = 0): void {
    if (this.#closed !== null) {
      throw new TwofoldError(`Cannot ${action} topic "${this.topic}": the log is closed`);
    }
    if (Number.isInteger(partition) && partition >= 0 && partition < this.#partitionCount) return;
    throw new RangeError(
      `Cannot ${action} topic "${this.topic}": partition must be in [0, ${this.#partitionCount}), ` +
        `got ${partition}`,
    );
  }
}
