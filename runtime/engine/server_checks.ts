/** Looks at the servers that the settings name, as `start` would use them. */
import { ArchiveChain } from "../archive/archive_chain.ts";
import { completeDecoding, newestDecoding } from "../archive/decoding.ts";
import { type Check, failed } from "../ports/check.ts";
import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { UserError } from "../std/errors.ts";
import { hasLocalArchive, openStore } from "./adapters.ts";
import { groupIdOf, kafkaAccessOf, s3OptionsOf, warehouseOptionsOf } from "./server_access.ts";

/**
 * Whether each server is reached, which version it is, whether rights and settings suffice, and what
 * its clock says. Nothing where the settings name none.
 *
 * @param topics of the plugins.
 */
export async function* checkServers(
  config: Config,
  topics: readonly string[],
  clock: Clock,
): AsyncGenerator<Check> {
  if (config.kafkaBrokers !== null) yield* told("kafka", kafkaChecks(config, topics, clock));
  if (config.s3Endpoint !== null) yield* told("s3", s3Checks(config, clock));
  if (config.clickhouseUrl !== null) yield* told("clickhouse", clickHouseChecks(config, clock));
}

/** Settings that cannot be used are a check that fails: the others follow. */
async function* told(check: string, checks: AsyncGenerator<Check>): AsyncGenerator<Check> {
  try {
    yield* checks;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    yield failed(check, error, null);
  }
}

async function* kafkaChecks(
  config: Config,
  topics: readonly string[],
  clock: Clock,
): AsyncGenerator<Check> {
  const { checkKafka } = await import("../log/kafka/check_kafka.ts");
  yield* checkKafka({
    access: await kafkaAccessOf(config, clock),
    topics: topics.map((topic) => ({
      topic,
      groupId: groupIdOf(config, topic),
    })),
    prefix: config.kafkaPrefix,
    ticks: config.kafkaTicks,
    lostRanges: config.lostRanges,
    archived: (...partitions) => archivedPositions(config, clock, ...partitions),
  });
}

/** How far partitions of a topic are archived; nothing is made where there is no archive. */
async function archivedPositions(
  config: Config,
  clock: Clock,
  topic: string,
  topicId: string,
  partitions: readonly number[],
): Promise<bigint[]> {
  const { kafkaLogId } = await import("../log/kafka/kafka_log.ts");
  if (config.s3Endpoint === null && !await hasLocalArchive(config)) return partitions.map(() => 0n);
  const { store, closeStore } = await openStore(config, clock);
  try {
    const newest = await newestDecoding(store, topic);
    const root = newest === null ? topic : (await completeDecoding(store, newest)).root;
    const chain = new ArchiveChain(root, store);
    const log = kafkaLogId(config.region, topicId);
    return await Promise.all(partitions.map((partition) => chain.position(log, partition)));
  } finally {
    closeStore();
  }
}

async function* s3Checks(config: Config, clock: Clock): AsyncGenerator<Check> {
  const { checkS3 } = await import("../archive/check_s3.ts");
  yield* checkS3(await s3OptionsOf(config, clock), () => clock.now());
}

async function* clickHouseChecks(config: Config, clock: Clock): AsyncGenerator<Check> {
  const { checkServer } = await import("../warehouse/check_server.ts");
  const { S3Store } = await import("../archive/s3_store.ts");
  const { createS3Client } = await import("../archive/s3_client.ts");
  const s3 = await s3OptionsOf(config, clock);
  const { client, agent } = createS3Client(s3);
  const store = new S3Store(client, agent, s3);
  try {
    yield* checkServer(await warehouseOptionsOf(config), store, () => clock.now());
  } finally {
    store.close();
  }
}
