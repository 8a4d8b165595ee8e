/** Appends records, with one send under way at a time. */
import { Buffer } from "node:buffer";
import { Kafka, type Message, type Producer } from "kafkajs";
import type { RecordsToAppend } from "../../ports/ports.ts";
import { type CodecName, codecNumber, registerCodecs } from "./codecs.ts";
import { TICK_HEADER } from "./fetched_range.ts";
import { type KafkaAccess, kafkaConfig } from "./kafka_access.ts";
import { kafkaError } from "./kafka_error.ts";
import { partitionOf } from "../partitioner.ts";

/** What kafkajs sends with a partition of its own. */
type PlacedMessage = Message & { readonly partition: number };

/** Options of {@link KafkaAppender}. */
export interface KafkaAppenderOptions {
  readonly access: KafkaAccess;
  readonly topic: string;
  /** How many partitions there are; {@link KafkaAppender.grow} tells of more. */
  readonly partitionCount: number;
  /** Default `gzip`, which every consumer can read. */
  readonly compression?: CodecName;
}

/** One call that waits. */
interface Pending {
  readonly messages: readonly PlacedMessage[];
  readonly resolve: (ends: bigint[]) => void;
  readonly reject: (error: unknown) => void;
}

/** A send takes no further record of a partition beyond this: brokers refuse batches above 1 MiB. */
const BATCH_BYTES = 900_000;
/** What a record costs beside key and value, at most. */
const RECORD_BYTES = 64;

/**
 * Appends to one topic. The producer is idempotent: a send that is repeated because its answer got
 * lost is stored once. A producer that gave up is replaced, because what it sent last is unknown.
 */
export class KafkaAppender {
  readonly #options: KafkaAppenderOptions;
  #partitionCount: number;
  /** A producer sends nothing to partitions that it does not know. */
  #producerIsStale = false;
  #pending: Pending[] = [];
  #sending: Promise<void> | null = null;
  #producer: Promise<Producer> | null = null;

  constructor(options: KafkaAppenderOptions) {
    this.#options = options;
    this.#partitionCount = options.partitionCount;
  }

  /** Takes note of partitions added later. */
  grow(partitionCount: number): void {
    this.#partitionCount = partitionCount;
    this.#producerIsStale = true;
  }

  /** Appends records. @returns by partition, the offset behind the last; 0 where there was none. */
  append(records: RecordsToAppend): Promise<bigint[]> {
    const { count, bytes, keyStart, keyEnd, valueStart, valueEnd } = records;
    const partitionCount = this.#partitionCount;
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const messages = Array.from({ length: count }, (_, i) => ({
      partition: partitionOf(bytes, keyStart[i], keyEnd[i], partitionCount),
      key: all.subarray(keyStart[i], keyEnd[i]),
      value: all.subarray(valueStart[i], valueEnd[i]),
    }));
    return this.#enqueue(messages);
  }

  /** Appends a tick. @returns the offset behind it. */
  async appendTick(partition: number): Promise<bigint> {
    const headers = { [TICK_HEADER.name]: TICK_HEADER.value };
    return (await this.#enqueue([{ partition, key: null, value: null, headers }]))[partition];
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    while (this.#sending !== null) await this.#sending;
    const producer = await this.#producer?.catch(() => null);
    await producer?.disconnect();
  }

  #enqueue(messages: readonly PlacedMessage[]): Promise<bigint[]> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ messages, resolve, reject });
      // At the end of this turn, so that all who append in it share one send.
      this.#sending ??= new Promise((done) => setImmediate(() => done(this.#sendAll())));
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const calls = this.#pending;
      this.#pending = [];
      if (this.#producerIsStale) await this.#discardProducer();
      try {
        const offsets = await this.#send(calls.flatMap(({ messages }) => messages));
        let at = 0;
        for (const { messages, resolve } of calls) {
          const ends = new Array<bigint>(this.#partitionCount).fill(0n);
          for (const { partition } of messages) ends[partition] = offsets[at++] + 1n;
          resolve(ends);
        }
      } catch (error) {
        await this.#discardProducer();
        const { topic } = this.#options;
        const fault = kafkaError(`append to topic "${topic}"`, error, { topic });
        for (const { reject } of calls) reject(fault);
      }
    }
    this.#sending = null;
  }

  /** @returns the offset of each message, in their order. */
  async #send(messages: readonly PlacedMessage[]): Promise<bigint[]> {
    const producer = await (this.#producer ??= this.#connect());
    const { topic, compression = "gzip" } = this.#options;
    const offsets = new Array<bigint>(messages.length);
    for (const rows of rounds(messages)) {
      const answers = await producer.send({
        topic,
        acks: -1,
        compression: codecNumber(compression),
        messages: rows.map((row) => messages[row] as Message),
      });
      const next = new Map(
        answers.map(({ partition, baseOffset }) => [partition, BigInt(baseOffset!)]),
      );
      for (const row of rows) {
        const { partition } = messages[row];
        offsets[row] = next.get(partition)!;
        next.set(partition, offsets[row] + 1n);
      }
    }
    return offsets;
  }

  async #connect(): Promise<Producer> {
    registerCodecs();
    const producer = new Kafka(kafkaConfig(this.#options.access)).producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner: () => ({ message }) => message.partition!,
      retry: { retries: 4, initialRetryTime: 100, maxRetryTime: 2000 },
    });
    await producer.connect();
    return producer;
  }

  async #discardProducer(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    this.#producerIsStale = false;
    await producer?.then((each) => each.disconnect()).catch(() => {}); // it is gone anyway
  }
}

/** Cuts messages into sends in which no partition has too many bytes; rows of each send. */
function* rounds(messages: readonly PlacedMessage[]): Generator<number[]> {
  let rows: number[] = [];
  const bytes = new Map<number, number>();
  for (const [row, { partition, key, value }] of messages.entries()) {
    const sizeBytes = (key?.length ?? 0) + (value?.length ?? 0) + RECORD_BYTES;
    const used = bytes.get(partition) ?? 0;
    if (used > 0 && used + sizeBytes > BATCH_BYTES) {
      yield rows;
      rows = [];
      bytes.clear();
    }
    bytes.set(partition, (bytes.get(partition) ?? 0) + sizeBytes);
    rows.push(row);
  }
  if (rows.length > 0) yield rows;
}
