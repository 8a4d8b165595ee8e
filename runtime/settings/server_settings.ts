/** The settings of servers outside the process. Without them everything is in the data folder. */
import type { Config, ConfigFault, Setting } from "./config.ts";
import { choice, duration, onOff, password, type SettingType, text } from "./setting_types.ts";

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
const file = text("a file's path", /^[^\0]+$/);
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
    "Brokers of Kafka; the log is there instead of a file",
  ),
  kafkaPrefix: filled(
    "KAFKA_PREFIX",
    text("letters, digits, dots and dashes", /^[A-Za-z0-9._-]{0,100}$/),
    "",
    "What stands before the topics' names in Kafka",
  ),
  kafkaGroup: filled(
    "KAFKA_GROUP",
    text("letters, digits, dots and dashes", /^[A-Za-z0-9._-]{1,100}$/),
    "twofold",
    "Consumer group of the processes that share the work; the names of database and topic follow it",
  ),
  kafkaSessionMs: filled(
    "KAFKA_SESSION",
    duration({ min: 6000, max: 300_000 }),
    10_000,
    "How long a process may be silent before the others take its partitions",
  ),
  kafkaTicks: filled(
    "KAFKA_TICKS",
    tickTopics,
    "made",
    "Topics to which ticks are written: those that Twofold made, all, none, or the ones named. " +
      "Without ticks a block ends by its size only",
  ),
  kafkaCompression: filled(
    "KAFKA_COMPRESSION",
    choice("none", "gzip", "zstd"),
    "gzip",
    "How records that come in by HTTP are compressed",
  ),
  kafkaTls: filled("KAFKA_TLS", onOff, false, "Whether the brokers are reached by TLS"),
  kafkaCa: open(
    "KAFKA_CA",
    file,
    "File of the authority that signed the brokers' and the token endpoint's, PEM",
  ),
  kafkaCert: open(
    "KAFKA_CERT",
    file,
    "File of the certificate that this process shows to the brokers (mutual TLS), PEM",
  ),
  kafkaKey: open("KAFKA_KEY", file, "File of its private key, PEM, without a passphrase"),
  kafkaSasl: open(
    "KAFKA_SASL",
    choice("plain", "scram-sha-256", "scram-sha-512", "oauthbearer"),
    "How to log in to the brokers",
  ),
  kafkaUser: open("KAFKA_USER", word, "User at the brokers; the client's id at a token endpoint"),
  kafkaPassword: open("KAFKA_PASSWORD", password, "Its password, or the client's secret"),
  kafkaTokenUrl: open(
    "KAFKA_TOKEN_URL",
    tokenUrl,
    "Endpoint that gives tokens for oauthbearer, by OAuth's client credentials",
  ),
  kafkaTokenScope: open("KAFKA_TOKEN_SCOPE", scope, "Scope of these tokens"),
  kafkaTokenFile: open(
    "KAFKA_TOKEN_FILE",
    file,
    "File with the token for oauthbearer, read for every connection; in place of an endpoint",
  ),
  s3Endpoint: open("S3_ENDPOINT", url, "S3 store; the archive is there instead of a folder"),
  s3Bucket: open(
    "S3_BUCKET",
    text("a bucket's name", /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
    "Its bucket, which has to be there",
  ),
  s3Prefix: open(
    "S3_PREFIX",
    text("segments of letters, digits, . _ = - with / between", /^[\w.=-]+(\/[\w.=-]+)*$/),
    "What stands before all names in the bucket",
  ),
  s3Region: filled("S3_REGION", word, "us-east-1", "Its region"),
  s3AccessKey: open("S3_ACCESS_KEY", word, "Its access key"),
  s3SecretKey: open("S3_SECRET_KEY", password, "The secret of the access key"),
  s3PathStyle: filled(
    "S3_PATH_STYLE",
    onOff,
    true,
    "Whether the bucket is in the URL's path, or else in the host's name (virtual-host addressing)",
  ),
  s3Ca: open("S3_CA", file, "File of the authority that signed the store's, PEM"),
  clickhouseUrl: open(
    "CLICKHOUSE_URL",
    url,
    "ClickHouse's HTTP interface; the warehouse is there instead of in the process",
  ),
  clickhouseUser: filled("CLICKHOUSE_USER", word, "default", "Its user"),
  clickhousePassword: open("CLICKHOUSE_PASSWORD", password, "Its password"),
  clickhouseDatabase: filled(
    "CLICKHOUSE_DATABASE",
    name,
    "movie_analytics",
    "Its database, made if absent",
  ),
  clickhouseCluster: open(
    "CLICKHOUSE_CLUSTER",
    name,
    "Cluster on which the tables are Replicated and Distributed. Unproven",
  ),
  clickhouseCa: open("CLICKHOUSE_CA", file, "File of the authority that signed the server's, PEM"),
};

/** What a process may do. */
export const ROLES = ["ingest", "speed", "archive", "batch", "serve"] as const;

type Name = keyof typeof serverSettings;

/** What has to be given with what, and why. */
const NEEDS: readonly (readonly [given: Name, needs: readonly Name[], why: string])[] = [
  ["s3Endpoint", ["s3Bucket", "s3AccessKey", "s3SecretKey"], "an S3 store needs it"],
  ["kafkaCert", ["kafkaKey"], "a certificate is shown by whoever has its key"],
  ["kafkaKey", ["kafkaCert"], "a key proves a certificate"],
  ["kafkaTokenUrl", ["kafkaUser", "kafkaPassword"], "a token endpoint asks for it"],
  ["kafkaTokenScope", ["kafkaTokenUrl"], "it is told there"],
  ["clickhouseUrl", ["s3Endpoint"], "a ClickHouse server cannot read the archive in a folder"],
  ["clickhouseCluster", ["clickhouseUrl"], "a cluster is reached by one of its servers"],
];

/** Settings of servers that are of no use without others. */
export function serverFaults(config: Config): ConfigFault[] {
  return [
    ...missing(config),
    ...certificateFaults(config),
    ...loginFaults(config),
    ...roleFaults(config),
  ];
}

/** In plain text nobody is shown a certificate. */
function certificateFaults({ kafkaCert, kafkaTls }: Config): ConfigFault[] {
  if (kafkaCert === null || kafkaCert === undefined || kafkaTls !== false) return [];
  return [{
    setting: serverSettings.kafkaTls.env,
    wanted: `true beside ${serverSettings.kafkaCert.env}, because only TLS shows a certificate`,
    got: "false",
  }];
}

/** A login is a user and a password, or a token from one place. */
function loginFaults(config: Config): ConfigFault[] {
  const { kafkaSasl, kafkaTokenUrl, kafkaTokenFile } = config;
  if (kafkaSasl === null || kafkaSasl === undefined) return [];
  if (kafkaSasl !== "oauthbearer") {
    return lacking(config, "kafkaSasl", ["kafkaUser", "kafkaPassword"], "logging in needs it");
  }
  if ((kafkaTokenUrl === null) !== (kafkaTokenFile === null)) return [];
  return [{
    setting: serverSettings.kafkaTokenUrl.env,
    wanted: `a value, or one of ${serverSettings.kafkaTokenFile.env}, because oauthbearer needs ` +
      "tokens from one place",
    got: kafkaTokenUrl === null ? "neither" : "both",
  }];
}

/** What nobody else can do has to be done here. */
function roleFaults({ roles, kafkaBrokers, clickhouseUrl }: Config): ConfigFault[] {
  const isShared = kafkaBrokers !== null && clickhouseUrl !== null;
  if (isShared || roles === undefined || roles.length === ROLES.length) return [];
  return [{
    setting: "TWOFOLD_ROLES",
    wanted:
      "all of them, because only with Kafka and a ClickHouse server there are other processes",
    got: JSON.stringify(roles.join(",")),
  }];
}

function missing(config: Config): ConfigFault[] {
  return NEEDS.filter(([given]) => config[given] !== null && config[given] !== undefined)
    .flatMap(([given, needs, why]) => lacking(config, given, needs, why));
}

function lacking(config: Config, given: Name, needs: readonly Name[], why: string): ConfigFault[] {
  return needs.filter((need) => config[need] === null).map((need) => ({
    setting: serverSettings[need].env,
    wanted: `a value beside ${serverSettings[given].env}, because ${why}`,
    got: "none",
  }));
}
