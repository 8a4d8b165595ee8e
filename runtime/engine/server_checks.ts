/** Looks at the servers that the settings name, as `start` would use them. */
import { type Check, failed } from "../check.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { UserError } from "../errors.ts";
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
  });
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
