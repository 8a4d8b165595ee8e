/** Topics of the test cluster: each test has its own. */
import { type ITopicConfig, Kafka } from "kafkajs";
import { systemClock } from "../../runtime/std/clock.ts";
import { type KafkaAccess, kafkaConfig } from "../../runtime/log/kafka/kafka_access.ts";
import { type KafkaLogOptions, openKafkaLog } from "../../runtime/log/kafka/kafka_log.ts";
import type { EventLog } from "../../runtime/ports/ports.ts";
import { serverSetting } from "./server_settings.ts";

/** How the test cluster, or another one, is reached. */
export function kafkaAccess(brokers = serverSetting("TWOFOLD_KAFKA_BROKERS")): KafkaAccess {
  return { brokers: brokers.split(",") };
}

/** kafkajs on the test cluster, or on another one, as other people's programs use it. */
export function testKafka(brokers?: string): Kafka {
  return new Kafka(kafkaConfig(kafkaAccess(brokers)));
}

/** A name that no other test has. */
export function newTopic(): string {
  return `test-${crypto.randomUUID()}`;
}

/** Opens a log on the test cluster; a new topic of one partition unless told otherwise. */
export function openTestLog(options: Partial<KafkaLogOptions> = {}): Promise<EventLog> {
  return openKafkaLog({
    access: kafkaAccess(),
    topic: newTopic(),
    createWith: { partitions: 1 },
    clock: systemClock,
    ...options,
  });
}

/** Makes a topic with settings of its own. */
export async function makeTopic(config: ITopicConfig, brokers?: string): Promise<void> {
  const admin = testKafka(brokers).admin();
  await admin.connect();
  await admin.createTopics({ topics: [config] });
  await admin.disconnect();
}
