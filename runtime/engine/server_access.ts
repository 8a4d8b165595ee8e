/** How servers are reached, by the settings. */
import type { S3StoreOptions } from "../archive/s3_store.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { UserError } from "../errors.ts";
import type { KafkaAccess, KafkaLogin } from "../log/kafka/kafka_access.ts";
import type { ServerWarehouseOptions } from "../warehouse/server_warehouse.ts";

/** The brokers. @throws UserError when a certificate cannot be read, as all of these. */
export async function kafkaAccessOf(config: Config, clock: Clock): Promise<KafkaAccess> {
  return {
    brokers: config.kafkaBrokers!.split(","),
    sasl: await kafkaLoginOf(config, clock),
    tls: config.kafkaTls ? { ca: await certificate(config.kafkaCa) } : undefined,
  };
}

/** How to log in; nothing where the brokers ask nobody. */
async function kafkaLoginOf(config: Config, clock: Clock): Promise<KafkaLogin | undefined> {
  const { kafkaSasl: mechanism, kafkaUser: user, kafkaPassword: password } = config;
  if (mechanism === null) return undefined;
  if (mechanism !== "oauthbearer") return { mechanism, user: user!, password: password! };
  const { tokensOfEndpoint, tokensOfFile } = await import("../log/kafka/bearer_tokens.ts");
  const { kafkaTokenFile, kafkaTokenUrl, kafkaTokenScope } = config;
  const tokens = kafkaTokenFile !== null ? tokensOfFile(kafkaTokenFile) : tokensOfEndpoint({
    url: kafkaTokenUrl!,
    clientId: user!,
    clientSecret: password!,
    scope: kafkaTokenScope ?? undefined,
    ca: await certificate(config.kafkaCa),
    clock,
  });
  return { mechanism, tokens };
}

/** The group of the processes that share a topic: those with the same tables. */
export function groupIdOf(config: Config, topic: string): string {
  return `${config.kafkaPrefix}${config.kafkaGroup}.${config.clickhouseDatabase}.${topic}`;
}

/** The S3 store. */
export async function s3OptionsOf(config: Config, clock: Clock): Promise<S3StoreOptions> {
  return {
    endpoint: config.s3Endpoint!,
    bucket: config.s3Bucket!,
    prefix: config.s3Prefix ?? undefined,
    region: config.s3Region,
    accessKey: config.s3AccessKey!,
    secretKey: config.s3SecretKey!.reveal(),
    pathStyle: config.s3PathStyle,
    caCertificate: await certificate(config.s3Ca),
    cluster: config.clickhouseCluster ?? undefined,
    clock,
  };
}

/** The ClickHouse server. */
export async function warehouseOptionsOf(config: Config): Promise<ServerWarehouseOptions> {
  return {
    url: config.clickhouseUrl!,
    user: config.clickhouseUser,
    password: config.clickhousePassword?.reveal() ?? "",
    database: config.clickhouseDatabase,
    memoryLimitBytes: config.memoryLimitBytes,
    cluster: config.clickhouseCluster ?? undefined,
    caCertificate: await certificate(config.clickhouseCa),
  };
}

/** The text of a certificate's file. */
async function certificate(path: string | null): Promise<string | undefined> {
  if (path === null) return undefined;
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new UserError(`Cannot read the certificate "${path}"`, { cause });
  }
}
