/** The topics that Twofold made, and how any process knows them again. */
import { ConfigResourceTypes, ConfigSource, Kafka } from "kafkajs";
import type { TickTopics } from "../../settings/server_settings.ts";
import { type KafkaAccess, kafkaConfig } from "./kafka_access.ts";
import { kafkaError } from "./kafka_error.ts";

/**
 * What a topic is made with. By the second it is known again: Kafka keeps no word of who made a
 * topic, and a setting arrives with it, so that no process ever sees the one without the other.
 */
const MADE_WITH: Readonly<Record<string, string>> = {
  // Retention counts from a record's own time, and events may be of years ago.
  "message.timestamp.type": "LogAppendTime",
  // A day, and a mark. It is of no effect but where a topic is compacted, which these are not.
  "delete.retention.ms": "86400017",
};

/** Makes a topic, with the cluster's replication; it may be that another process was first. */
export async function makeTopic(
  access: KafkaAccess,
  topic: string,
  partitions: number,
): Promise<void> {
  const admin = new Kafka(kafkaConfig(access)).admin();
  try {
    await admin.connect();
    await admin.createTopics({
      topics: [{
        topic,
        numPartitions: partitions,
        replicationFactor: -1,
        configEntries: Object.entries(MADE_WITH).map(([name, value]) => ({ name, value })),
      }],
    });
  } finally {
    await admin.disconnect();
  }
}

/**
 * Whether Twofold made a topic. One whose settings may not be read counts as somebody else's.
 *
 * @throws ExternalError when the cluster is not reached.
 */
export async function isMadeHere(access: KafkaAccess, topic: string): Promise<boolean> {
  const admin = new Kafka(kafkaConfig(access)).admin();
  try {
    await admin.connect();
    const { resources: [{ configEntries }] } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{
        type: ConfigResourceTypes.TOPIC,
        name: topic,
        configNames: Object.keys(MADE_WITH),
      }],
    });
    return Object.entries(MADE_WITH).every(([name, value]) =>
      configEntries.some((entry) =>
        entry.configName === name && entry.configValue === value &&
        entry.configSource === ConfigSource.TOPIC_CONFIG
      )
    );
  } catch (error) {
    if ((error as { type?: string }).type === "TOPIC_AUTHORIZATION_FAILED") return false;
    throw kafkaError(`read the settings of topic "${topic}"`, error, { topic });
  } finally {
    await admin.disconnect();
  }
}

/** A topic of a cluster. */
export interface TopicInKafka {
  readonly access: KafkaAccess;
  /** Its name in the schema. */
  readonly topic: string;
  /** What stands before it in Kafka. */
  readonly prefix: string;
}

/** Whether ticks are written to a topic, which is there. @throws as {@link isMadeHere} does. */
export async function takesTicks(
  setting: TickTopics,
  { access, topic, prefix }: TopicInKafka,
): Promise<boolean> {
  if (typeof setting !== "string") return setting.includes(topic);
  return setting === "all" || setting === "made" && await isMadeHere(access, prefix + topic);
}
