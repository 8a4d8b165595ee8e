/** The settings of servers outside the process. Without them everything is in the data folder. */
import { type ConfigFault, type Role, ROLES, type Setting } from "./setting.ts";
import {
  choice,
  duration,
  onOff,
  password,
  path,
  type SettingType,
  text,
} from "./setting_types.ts";

/** A setting that may stay open; by variable only, because they are many and some are secret. */
function open<T>(env: string, type: SettingType<T>, summary: string): Setting<T> {
  return { env: `TWOFOLD_${env}`, flag: null, type, default: () => null, summary };
}

function filled<T>(env: string, type: SettingType<T>, value: NoInfer<T>, summary: string) {
  return { env: `TWOFOLD_${env}`, flag: null, type, default: () => value, summary };
}

const HOST = "[A-Za-z0-9.-]+|\\[[0-9A-Fa-f:]+\\]";
const url = text(
  "http:// or https://, a host and a port",
  new RegExp(`^https?://(${HOST})(:\\d+)?/?$`),
);
const name = text("letters, digits and _", /^[A-Za-z_]\w{0,62}$/);
const word = text("a text without spaces", /^[\x21-\x7e]{1,256}$/);
/** A secret goes there: plain text may not leave the machine. */
const tokenUrl = text(
  "https:// and a host, or http:// and the own machine, with a path and no password",
  new RegExp(
    `^(https://(${HOST})|http://(localhost|127\\.\\d+\\.\\d+\\.\\d+|\\[::1\\]))(:\\d+)?(/[^\\s@]*)?$`,
  ),
);
const scope = text("words with spaces between", /^[\x21-\x7e]+( [\x21-\x7e]+)*$/);
const file = path("file", "read");
const brokers = text(
  "host:port of some brokers, with commas between",
  new RegExp(`^(${HOST}):\\d+(,(${HOST}):\\d+)*$`),
);

/** The topics that take ticks. */
export type TickTopics = "made" | "all" | "none" | readonly string[];

const TOPIC = /^[a-z][a-z0-9._-]{0,99}$/;
const tickTopics: SettingType<TickTopics> = {
  wanted: "made, all, none, or topics with commas between",
  parse: (value) => {
    if (value === "made" || value === "all" || value === "none") return value;
    const topics = value.split(",").map((topic) => topic.trim());
    return topics.every((topic) => TOPIC.test(topic)) ? topics : undefined;
  },
  show: (value) => typeof value === "string" ? value : value.join(","),
};

/** Kafka, S3 and ClickHouse, by their names in `Config`. */
export const serverSettings = {
  kafkaBrokers: open(
    "KAFKA_BROKERS",
    brokers,
    "Kafka brokers; Kafka replaces the embedded log",
  ),
  kafkaPrefix: filled(
    "KAFKA_PREFIX",
    text("letters, digits, dots and dashes", /^[A-Za-z0-9._-]{0,100}$/),
    "",
    "Topic name prefix in Kafka",
  ),
  kafkaGroup: filled(
    "KAFKA_GROUP",
    text("letters, digits, dots and dashes", /^[A-Za-z0-9._-]{1,100}$/),
    "twofold",
    "Prefix of the consumer group; database and topic names are appended",
  ),
  kafkaSessionMs: filled(
    "KAFKA_SESSION",
    duration({ min: 6000, max: 300_000 }),
    10_000,
    "Session timeout: a process silent for longer loses its partitions to the others",
  ),
  kafkaTicks: filled(
    "KAFKA_TICKS",
    tickTopics,
    "made",
    "Topics to which ticks are written: those that Twofold created, all, none, or the topics " +
      "listed. Without ticks a block closes by size only",
  ),
  kafkaCompression: filled(
    "KAFKA_COMPRESSION",
    choice("none", "gzip", "zstd"),
    "gzip",
    "Compression of records ingested over HTTP",
  ),
  kafkaTls: filled("KAFKA_TLS", onOff, false, "Connect to the brokers with TLS"),
  kafkaCa: open(
    "KAFKA_CA",
    file,
    "CA certificate for the brokers and the token endpoint, PEM file",
  ),
  kafkaCert: open(
    "KAFKA_CERT",
    file,
    "Client certificate for mutual TLS with the brokers, PEM file",
  ),
  kafkaKey: open(
    "KAFKA_KEY",
    file,
    "Private key of the client certificate, PEM file without a passphrase",
  ),
  kafkaSasl: open(
    "KAFKA_SASL",
    choice("plain", "scram-sha-256", "scram-sha-512", "oauthbearer"),
    "SASL mechanism for the brokers",
  ),
  kafkaUser: open("KAFKA_USER", word, "Kafka user, or the client id at a token endpoint"),
  kafkaPassword: open(
    "KAFKA_PASSWORD",
    password,
    "Kafka password, or the client secret at a token endpoint",
  ),
  kafkaTokenUrl: open(
    "KAFKA_TOKEN_URL",
    tokenUrl,
    "OAuth token endpoint for oauthbearer (client credentials grant)",
  ),
  kafkaTokenScope: open(
    "KAFKA_TOKEN_SCOPE",
    scope,
    "OAuth scope requested from the token endpoint",
  ),
  kafkaTokenFile: open(
    "KAFKA_TOKEN_FILE",
    file,
    "Token file for oauthbearer, read for every connection; instead of a token endpoint",
  ),
  s3Endpoint: open("S3_ENDPOINT", url, "S3 endpoint; the bucket replaces the local archive folder"),
  s3Bucket: open(
    "S3_BUCKET",
    text("a bucket's name", /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
    "S3 bucket; must exist",
  ),
  s3Prefix: open(
    "S3_PREFIX",
    text("segments of letters, digits, . _ = - with / between", /^[\w.=-]+(\/[\w.=-]+)*$/),
    "Prefix of all object names in the bucket",
  ),
  s3Region: filled("S3_REGION", word, "us-east-1", "S3 region"),
  s3AccessKey: open("S3_ACCESS_KEY", word, "S3 access key"),
  s3SecretKey: open("S3_SECRET_KEY", password, "S3 secret key"),
  s3PathStyle: filled(
    "S3_PATH_STYLE",
    onOff,
    true,
    "Path-style addressing (bucket in the URL path) instead of virtual-host addressing",
  ),
  s3Ca: open("S3_CA", file, "CA certificate for the S3 endpoint, PEM file"),
  clickhouseUrl: open(
    "CLICKHOUSE_URL",
    url,
    "ClickHouse HTTP interface; the server replaces the embedded ClickHouse",
  ),
  clickhouseUser: filled("CLICKHOUSE_USER", word, "default", "ClickHouse user"),
  clickhousePassword: open("CLICKHOUSE_PASSWORD", password, "ClickHouse password"),
  clickhouseDatabase: {
    env: "TWOFOLD_CLICKHOUSE_DATABASE",
    flag: null,
    type: name,
    default: ({ database }: { readonly database: string }) => database,
    defaultText: "the `database` of `main.ts`",
    summary: "ClickHouse database, created if missing",
  },
  clickhouseCluster: open(
    "CLICKHOUSE_CLUSTER",
    name,
    "Cluster name: tables become Replicated and Distributed. Untested on a real cluster",
  ),
  clickhouseCa: open("CLICKHOUSE_CA", file, "CA certificate for ClickHouse, PEM file"),
};

type Name = keyof typeof serverSettings;

/** The values that are checked here. */
type ServerValues =
  & { readonly [K in Name]: ReturnType<(typeof serverSettings)[K]["default"]> }
  & { readonly roles: readonly Role[] };

/** What has to be given with what, and why. */
const NEEDS: readonly (readonly [given: Name, needs: readonly Name[], why: string])[] = [
  ["s3Endpoint", ["s3Bucket", "s3AccessKey", "s3SecretKey"], "an S3 store needs it"],
  ["kafkaCert", ["kafkaKey"], "a client certificate requires its private key"],
  ["kafkaKey", ["kafkaCert"], "a private key requires its certificate"],
  ["kafkaTokenUrl", ["kafkaUser", "kafkaPassword"], "the token endpoint requires it"],
  ["kafkaTokenScope", ["kafkaTokenUrl"], "the token endpoint receives it"],
  ["clickhouseUrl", ["s3Endpoint"], "a ClickHouse server cannot read the archive in a folder"],
  ["clickhouseCluster", ["clickhouseUrl"], "a cluster is reached through one of its servers"],
];

/** Settings of servers that are of no use without others. */
export function serverFaults(config: ServerValues): ConfigFault[] {
  return [
    ...missing(config),
    ...certificateFaults(config),
    ...loginFaults(config),
    ...roleFaults(config),
  ];
}

/** In plain text nobody is shown a certificate. */
function certificateFaults({ kafkaCert, kafkaTls }: ServerValues): ConfigFault[] {
  if (kafkaCert === null || kafkaCert === undefined || kafkaTls !== false) return [];
  return [{
    setting: serverSettings.kafkaTls.env,
    wanted: `true beside ${serverSettings.kafkaCert.env}, because client certificates require TLS`,
    got: "false",
  }];
}

/** A login is a user and a password, or a token from one place. */
function loginFaults(config: ServerValues): ConfigFault[] {
  const { kafkaSasl, kafkaTokenUrl, kafkaTokenFile } = config;
  if (kafkaSasl === null || kafkaSasl === undefined) return [];
  if (kafkaSasl !== "oauthbearer") {
    return lacking(config, "kafkaSasl", ["kafkaUser", "kafkaPassword"], "SASL requires it");
  }
  if ((kafkaTokenUrl === null) !== (kafkaTokenFile === null)) return [];
  return [{
    setting: serverSettings.kafkaTokenUrl.env,
    wanted: `a value, or one of ${serverSettings.kafkaTokenFile.env}, because oauthbearer needs ` +
      "one source of tokens",
    got: kafkaTokenUrl === null ? "neither" : "both",
  }];
}

/** What nobody else can do has to be done here. */
function roleFaults({ roles, kafkaBrokers, clickhouseUrl }: ServerValues): ConfigFault[] {
  const isShared = kafkaBrokers !== null && clickhouseUrl !== null;
  if (isShared || roles === undefined || roles.length === ROLES.length) return [];
  return [{
    setting: "TWOFOLD_ROLES",
    wanted: "all roles, because several processes need Kafka and a ClickHouse server",
    got: JSON.stringify(roles.join(",")),
  }];
}

function missing(config: ServerValues): ConfigFault[] {
  return NEEDS.filter(([given]) => config[given] !== null && config[given] !== undefined)
    .flatMap(([given, needs, why]) => lacking(config, given, needs, why));
}

function lacking(
  config: ServerValues,
  given: Name,
  needs: readonly Name[],
  why: string,
): ConfigFault[] {
  return needs.filter((need) => config[need] === null).map((need) => ({
    setting: serverSettings[need].env,
    wanted: `a value beside ${serverSettings[given].env}, because ${why}`,
    got: "none",
  }));
}
