/** How servers are reached, by the settings. */
import type { S3StoreOptions } from "../archive/s3_store.ts";
import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { UserError } from "../std/errors.ts";
import type { KafkaAccess, KafkaLogin, KafkaTls } from "../log/kafka/kafka_access.ts";
import type { ServerWarehouseOptions } from "../warehouse/server_warehouse.ts";

/** The brokers. @throws UserError when a certificate or a key cannot be read, as all of these. */
export async function kafkaAccessOf(config: Config, clock: Clock): Promise<KafkaAccess> {
  return {
    brokers: config.kafkaBrokers!.split(","),
    sasl: await kafkaLoginOf(config, clock),
    tls: config.kafkaTls ? await kafkaTlsOf(config) : undefined,
  };
}

async function kafkaTlsOf({ kafkaCa, kafkaCert, kafkaKey }: Config): Promise<KafkaTls> {
  const ca = await certificate(kafkaCa);
  if (kafkaCert === null) return { ca };
  const { clientCertificate } = await import("../log/kafka/client_certificate.ts");
  const [shown, key] = [await pem("certificate", kafkaCert), await pem("private key", kafkaKey!)];
  return { ca, client: clientCertificate(shown, key) };
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

/** The text of an authority's file. */
async function certificate(path: string | null): Promise<string | undefined> {
  return path === null ? undefined : await pem("certificate", path);
}

async function pem(what: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new UserError(`Cannot read the ${what} "${path}"`, { cause });
  }
}
