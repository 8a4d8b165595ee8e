/** Looks at the servers that the settings name, as `start` would use them. */
import type { Check } from "../check.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
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
  const now = () => clock.now();
  if (config.kafkaBrokers !== null) {
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
  const s3 = config.s3Endpoint === null ? null : await s3OptionsOf(config, clock);
  if (s3 !== null) {
    const { checkS3 } = await import("../archive/check_s3.ts");
    yield* checkS3(s3, now);
  }
  if (config.clickhouseUrl === null) return;
  const { checkServer } = await import("../warehouse/check_server.ts");
  const { S3Store } = await import("../archive/s3_store.ts");
  const { createS3Client } = await import("../archive/s3_client.ts");
  const { client, agent } = createS3Client(s3!);
  const store = new S3Store(client, agent, s3!);
  try {
    yield* checkServer(await warehouseOptionsOf(config), store, now);
  } finally {
    store.close();
  }
}
