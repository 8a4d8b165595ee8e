/** Whether Kafka is as Twofold needs it. */
import { ConfigResourceTypes, Kafka } from "kafkajs";
import { beginningCheck } from "./check_beginning.ts";
import { type KafkaAccess, kafkaConfig } from "./kafka_access.ts";
import { KafkaCluster } from "./kafka_cluster.ts";
import { adviceOn, kafkaError } from "./kafka_error.ts";
import { takesTicks } from "./made_topic.ts";
import { KafkaCode, type TopicMetadata } from "./requests.ts";
import type { TickTopics } from "../../settings/server_settings.ts";
import { type Check, doubtful, failed, fine } from "../../ports/check.ts";

/** What {@link checkKafka} looks at. */
export interface KafkaToCheck {
  readonly access: KafkaAccess;
  /** Names of the topics' schemas, and of the groups of their workers. */
  readonly topics: readonly { readonly topic: string; readonly groupId: string }[];
  /** What stands before the topics' names in Kafka. */
  readonly prefix: string;
  readonly ticks: TickTopics;
  /** What is done about records that are gone before they were archived. */
  readonly lostRanges: "stop" | "skip";
  /** How far partitions of a topic are archived; asked where the topic has lost records. */
  readonly archived: (
    topic: string,
    topicId: string,
    partitions: readonly number[],
  ) => Promise<readonly bigint[]>;
}

/** The release that brought a version of the Fetch request, newest first. */
const RELEASES = [[18, "4.1"], [17, "3.9"], [16, "3.7"], [15, "3.5"], [13, "3.1"]] as const;
const FETCH_KEY = 1;

/** Kafka's numbers of what one may do with a topic. */
const RIGHTS = { read: 3, write: 4, describe: 8 } as const;
const RIGHTS_UNKNOWN = -(2 ** 31);

/** Looks at the brokers, the topics and the groups; changes nothing. */
export async function* checkKafka(to: KafkaToCheck): AsyncGenerator<Check> {
  const { brokers } = to.access;
  const kafka = new Kafka(kafkaConfig(to.access));
  const admin = kafka.admin();
  try {
    await admin.connect();
  } catch (error) {
    const fault = kafkaError(`reach ${brokers.join(", ")}`, error, {});
    const advice = adviceOn(fault) ??
      "see TWOFOLD_KAFKA_BROKERS, _TLS and _SASL, and whether the brokers run; a broker has to " +
        "advertise a name that is known here";
    yield failed("kafka", fault.message, advice);
    return;
  }
  try {
    yield await brokersCheck(to, (await admin.describeCluster()).brokers.length);
    for (const { topic: name, groupId } of to.topics) {
      const topic = to.prefix + name;
      const cluster = await KafkaCluster.connect(to.access, topic);
      const metadata = await cluster.metadata().finally(() => cluster.close());
      const isThere = metadata.errorCode === KafkaCode.none;
      const ticks = isThere && await takesTicks(to.ticks, { ...to, topic: name });
      yield topicCheck(topic, metadata, ticks);
      if (isThere) {
        yield ticksCheck(name, ticks, to.ticks);
        yield* settingChecks(admin, topic);
        yield await beginningCheck(topic, await admin.fetchTopicOffsets(topic), {
          archived: (partitions) => to.archived(name, metadata.id, partitions),
          lostRanges: to.lostRanges,
        });
      }
      const { groups: [group] } = await admin.describeGroups([groupId]);
      const { errorCode } = group as unknown as { errorCode: number };
      yield errorCode === 0
        ? fine("group", `${groupId} has ${group.members.length} members, ${group.state}`)
        : failed("group", `${groupId}: error ${errorCode}`, "allow READ on that group");
    }
  } catch (error) {
    yield failed("kafka", error, "see what the broker's log says");
  } finally {
    await admin.disconnect();
  }
}

async function brokersCheck(
  { access, topics, prefix }: KafkaToCheck,
  count: number,
): Promise<Check> {
  const cluster = await KafkaCluster.connect(access, prefix + topics[0].topic);
  const newest = await cluster.newestVersion(FETCH_KEY).finally(() => cluster.close());
  const release = RELEASES.find(([version]) => newest >= version)?.[1];
  const found = `${count} broker${count === 1 ? "" : "s"} at ${access.brokers.join(", ")}`;
  return release === undefined
    ? failed("kafka", `${found}, older than Kafka 3.1`, "Twofold needs Kafka 3.1 or newer")
    : fine("kafka", `${found}, Kafka ${release} or newer by the requests it knows`);
}

function topicCheck(topic: string, metadata: TopicMetadata, ticks: boolean): Check {
  const { errorCode, partitionCount, rights } = metadata;
  if (errorCode === KafkaCode.unknownTopicOrPartition) {
    return fine(
      "topic",
      `${topic} is not there yet: it is made at the first start, with CREATE on it`,
    );
  }
  if (errorCode !== KafkaCode.none) {
    return failed("topic", `${topic}: error ${errorCode}`, "allow DESCRIBE, READ and WRITE on it");
  }
  const found = `${topic} has ${partitionCount} partitions`;
  if (rights === RIGHTS_UNKNOWN) return fine("topic", found);
  const missing = Object.entries(RIGHTS).filter(([, bit]) => (rights & 1 << bit) === 0)
    .map(([name]) => name);
  if (missing.includes("read") || missing.includes("describe")) {
    return failed(
      "topic",
      `${found}; may not ${missing.join(", ")}`,
      "allow READ and DESCRIBE on it",
    );
  }
  if (missing.includes("write")) {
    const advice = ticks
      ? "allow WRITE on it; without, set TWOFOLD_KAFKA_TICKS=none, and no events come in by HTTP"
      : "nothing, if no events are to come in by HTTP";
    return ticks
      ? failed("topic", `${found}; may not write`, advice)
      : doubtful("topic", found, advice);
  }
  return fine("topic", found);
}

/** Without ticks the batch trails, which nobody expects who did not ask for it. */
function ticksCheck(topic: string, ticks: boolean, setting: TickTopics): Check {
  if (ticks) return fine("ticks", `${topic} takes ticks`);
  if (setting !== "made") return fine("ticks", `${topic} takes no ticks, by TWOFOLD_KAFKA_TICKS`);
  return doubtful(
    "ticks",
    `${topic} takes no ticks, because Twofold did not make it: what is behind its last full block ` +
      "is left to the speed layer",
    `TWOFOLD_KAFKA_TICKS=${topic} allows them, where all its consumers pass records without a value`,
  );
}

type Admin = ReturnType<Kafka["admin"]>;
const NAMES = [
  "cleanup.policy",
  "message.timestamp.type",
  "retention.ms",
  "retention.bytes",
  "min.insync.replicas",
];

/** What of a topic's settings would lose events. */
async function* settingChecks(admin: Admin, topic: string): AsyncGenerator<Check> {
  const { resources: [resource] } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: NAMES }],
  });
  const of = (name: string) =>
    resource.configEntries.find(({ configName }) => configName === name)?.configValue ?? "";
  const retentionMs = Number(of("retention.ms"));
  const set = (value: string) => `kafka-configs.sh --alter --topic ${topic} --add-config ${value}`;
  if (of("cleanup.policy").includes("compact")) {
    const found = `${topic} is compacted: of events with one key the newest alone stays`;
    yield doubtful("retention", found, set("cleanup.policy=delete"));
  } else if (of("message.timestamp.type") === "CreateTime") {
    const kept = retentionMs < 0 ? "forever" : `for ${hours(retentionMs)}`;
    const found = `${topic} keeps records ${kept} by the producers' own times: ` +
      (retentionMs < 0 ? "" : "an event that is older is removed at once, and ") +
      "an event of a clock that is ahead does not count as a future event";
    yield doubtful("retention", found, set("message.timestamp.type=LogAppendTime"));
  } else {
    const kept = retentionMs < 0 ? "forever" : `for ${hours(retentionMs)}`;
    yield fine("retention", `${topic} keeps records ${kept}`);
  }
}

const hours = (ms: number) => `${Math.round(ms / 360_000) / 10} h`;
