/** Requests of Kafka's protocol as kafkajs sends them, and what their responses hold. */
import type { Buffer } from "node:buffer";
import { WireReader, WireWriter } from "./wire.ts";

/** A request that a broker of kafkajs can send. */
export interface KafkaRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  readonly body: Buffer;
  readonly read: (response: Buffer) => T;
}

/** A topic as the cluster knows it. */
export interface TopicMetadata {
  /** One of {@link KafkaCode}. */
  readonly errorCode: number;
  /** 32 hex digits; zeros where the cluster has no ids. */
  readonly id: string;
  readonly partitionCount: number;
  /** What this user may do with it: bits by Kafka's numbers of operations; the least number if untold. */
  readonly rights: number;
}

/** Error codes that are told apart. */
export const KafkaCode = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  unknownTopicId: 100,
  inconsistentTopicId: 103,
} as const;

/** Asks which id a topic has, and how many partitions. */
export function metadataRequest(topic: string): KafkaRequest<TopicMetadata> {
  const body = new WireWriter().end(); // of the header, which kafkajs writes without tags
  body.array([topic], (name) => {
    body.uuid("0".repeat(32)).text(name).end();
  });
  body.int8(0).int8(1).end(); // no topic is made, rights are asked for
  return {
    apiKey: 3,
    apiVersion: 12,
    apiName: "Metadata",
    body: body.done(),
    read: readMetadata,
  };
}

function readMetadata(response: Buffer): TopicMetadata {
  const reader = new WireReader(response);
  reader.end();
  reader.int32(); // throttle time
  reader.array(() => {
    reader.int32();
    reader.text();
    reader.int32();
    reader.text();
    reader.end();
  });
  reader.text(); // cluster id
  reader.int32(); // controller
  const [topic] = reader.array(() => {
    const errorCode = reader.int16();
    reader.text();
    const id = reader.uuid();
    reader.bool(); // internal
    const partitions = reader.array(() => readPartitionMetadata(reader));
    const rights = reader.int32();
    reader.end();
    return { errorCode, id, partitionCount: partitions.length, rights };
  });
  return topic;
}

function readPartitionMetadata(reader: WireReader): void {
  reader.int16();
  reader.int32();
  reader.int32();
  reader.int32();
  for (let list = 0; list < 3; list++) reader.array(() => reader.int32());
  reader.end();
}

/** From where a partition is wanted. */
export interface FetchPosition {
  readonly partition: number;
  readonly from: bigint;
  /** The first batch is returned whole, however large. */
  readonly maxBytes: number;
}

/** What a broker returned of a partition. */
export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches; the last one may be cut off. */
  readonly records: Buffer;
}

/** A transaction whose records from an offset on do not count, up to its marker. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** Options of {@link fetchRequest}. */
export interface FetchOptions {
  readonly topicId: string;
  readonly positions: readonly FetchPosition[];
  /** How long the broker waits for a first byte, in milliseconds. */
  readonly maxWaitMs: number;
}

const READ_COMMITTED = 1;
const MOST_BYTES = 2 ** 26;

/** Asks for records; of transactions only those that were committed. */
export function fetchRequest(options: FetchOptions): KafkaRequest<FetchedPartition[]> {
  const { topicId, positions, maxWaitMs } = options;
  const body = new WireWriter().end()
    .int32(-1).int32(maxWaitMs).int32(1).int32(MOST_BYTES).int8(READ_COMMITTED)
    .int32(0).int32(-1); // no session
  body.array([topicId], (id) => {
    body.uuid(id).array(positions, ({ partition, from, maxBytes }) => {
      body.int32(partition).int32(-1).int64(from).int32(-1).int64(-1n).int32(maxBytes).end();
    }).end();
  });
  body.array([], () => {}).text("").end(); // nothing forgotten, no rack
  return { apiKey: 1, apiVersion: 13, apiName: "Fetch", body: body.done(), read: readFetched };
}

function readFetched(response: Buffer): FetchedPartition[] {
  const reader = new WireReader(response);
  reader.end();
  reader.int32(); // throttle time
  const errorCode = reader.int16();
  reader.int32(); // session
  const topics = reader.array(() => {
    reader.uuid();
    const partitions = reader.array(() => readFetchedPartition(reader));
    reader.end();
    return partitions;
  });
  return errorCode === KafkaCode.none
    ? topics.flat()
    : topics.flat().map((partition) => ({ ...partition, errorCode }));
}

function readFetchedPartition(reader: WireReader): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.int64(); // high watermark
  reader.int64(); // last stable offset
  reader.int64(); // log start
  const aborted = reader.array(() => {
    const transaction = { producerId: reader.int64(), firstOffset: reader.int64() };
    reader.end();
    return transaction;
  });
  reader.int32(); // preferred replica
  const records = reader.bytes() ?? NO_BYTES;
  reader.end();
  return { partition, errorCode, aborted, records };
}

const NO_BYTES = new WireWriter().done();
