/** Requests to the right broker, over kafkajs's connections. */
import type { Buffer } from "node:buffer";
import Cluster from "kafkajs/src/cluster/index.js";
import { createLogger } from "kafkajs/src/loggers/index.js";
import createSocketFactory from "kafkajs/src/network/socketFactory.js";
import Encoder from "kafkajs/src/protocol/encoder.js";
import { type KafkaAccess, kafkaConfig } from "./kafka_access.ts";
import { type KafkaRequest, metadataRequest, type TopicMetadata } from "./requests.ts";

/** What is used of kafkajs's own cluster; the package has no types for it. */
interface InnerCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  isConnected(): boolean;
  removeBroker(address: { host: string; port: number }): void;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(options: { nodeId: string }): Promise<InnerBroker>;
  findGroupCoordinator(options: { groupId: string }): Promise<GroupCoordinator>;
  fetchTopicsOffset(
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number }[];
      fromBeginning: boolean;
    }[],
  ): Promise<{ partitions: { partition: number; offset: string }[] }[]>;
  readonly brokerPool: { findConnectedBroker(): Promise<InnerBroker> };
}

interface InnerBroker {
  /** By the number of a request. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>>;
  readonly connectionPool: {
    readonly host: string;
    readonly port: number;
    send(protocol: unknown): Promise<unknown>;
  };
}

/** The broker that keeps a consumer group, as far as it is used. */
export interface GroupCoordinator {
  joinGroup(request: {
    readonly groupId: string;
    readonly memberId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<{
    readonly generationId: number;
    readonly leaderId: string;
    readonly memberId: string;
    readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
  }>;
  syncGroup(request: {
    readonly groupId: string;
    readonly memberId: string;
    readonly generationId: number;
    readonly groupAssignment: readonly {
      readonly memberId: string;
      readonly memberAssignment: Buffer;
    }[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: {
    readonly groupId: string;
    readonly memberId: string;
    readonly groupGenerationId: number;
  }): Promise<unknown>;
  offsetCommit(request: {
    readonly groupId: string;
    readonly memberId: string;
    readonly groupGenerationId: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }): Promise<unknown>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
}

const READ_COMMITTED = 1;
const METADATA_MS = 300_000;

/**
 * The cluster as far as one topic is concerned. A broker answers the requests of a connection in
 * their order: a caller that asks and waits takes a cluster of its own.
 */
export class KafkaCluster {
  readonly topic: string;
  readonly #inner: InnerCluster;

  private constructor(topic: string, inner: InnerCluster) {
    this.topic = topic;
    this.#inner = inner;
  }

  /** Connects; whether there is such a topic, {@link KafkaCluster.metadata} tells. */
  static async connect(access: KafkaAccess, topic: string): Promise<KafkaCluster> {
    const config = kafkaConfig(access);
    const inner: InnerCluster = new Cluster({
      ...config,
      logger: createLogger({ level: 0, logCreator: () => () => {} }),
      socketFactory: createSocketFactory(),
      enforceRequestTimeout: true,
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_MS,
      isolationLevel: READ_COMMITTED,
    });
    await inner.connect();
    return new KafkaCluster(topic, inner);
  }

  /** The topic's id and partitions, now. */
  async metadata(): Promise<TopicMetadata> {
    const broker = await this.#inner.brokerPool.findConnectedBroker();
    return await this.#send(broker, metadataRequest(this.topic));
  }

  /** The newest version of a request that a broker knows. */
  async newestVersion(apiKey: number): Promise<number> {
    const { versions } = await this.#inner.brokerPool.findConnectedBroker();
    return versions[apiKey].maxVersion;
  }

  /** Learns who leads the partitions, anew. */
  async refresh(): Promise<void> {
    if (!this.#inner.isConnected()) await this.#inner.connect();
    await this.#inner.addTargetTopic(this.topic);
    await this.#inner.refreshMetadata();
  }

  /** By the broker that leads them, those of the given partitions. */
  leaders(partitions: readonly number[]): Map<string, number[]> {
    return new Map(Object.entries(this.#inner.findLeaderForPartitions(this.topic, partitions)));
  }

  /** Sends a request to a broker of {@link KafkaCluster.leaders}. */
  async ask<T>(leader: string, request: KafkaRequest<T>): Promise<T> {
    return await this.#send(await this.#inner.findBroker({ nodeId: leader }), request);
  }

  /** The broker that keeps a consumer group. */
  async coordinator(groupId: string): Promise<GroupCoordinator> {
    return await this.#inner.findGroupCoordinator({ groupId });
  }

  /** The first offset of a partition, or the one behind the last that is committed. */
  async offset(partition: number, end: "first" | "last"): Promise<bigint> {
    const [found] = await this.#inner.fetchTopicsOffset([{
      topic: this.topic,
      partitions: [{ partition }],
      fromBeginning: end === "first",
    }]);
    return BigInt(found.partitions[0].offset);
  }

  async close(): Promise<void> {
    await this.#inner.disconnect();
  }

  async #send<T>(broker: InnerBroker, request: KafkaRequest<T>): Promise<T> {
    const { apiKey, apiVersion, apiName, body, read } = request;
    const encode = () => Promise.resolve(new Encoder().writeBuffer(body));
    const decode = (bytes: Buffer) => Promise.resolve(read(bytes));
    return await broker.connectionPool.send({
      request: { apiKey, apiVersion, apiName, encode },
      response: { decode, parse: (answer: T) => Promise.resolve(answer) },
      logResponseError: false,
    }) as T;
  }
}
