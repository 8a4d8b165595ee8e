/** How a Kafka cluster is reached. */
import type { KafkaConfig, SASLOptions } from "kafkajs";
import type { Secret } from "../../setting_types.ts";
import "./kafka_quiet.ts";

/** The mechanisms of SASL that are spoken. */
export type SaslMechanism = "plain" | "scram-sha-256" | "scram-sha-512";

/** Options of every connection. */
export interface KafkaAccess {
  /** `host:port` of some brokers; they tell the others. */
  readonly brokers: readonly string[];
  /** Default `twofold`. */
  readonly clientId?: string;
  readonly sasl?: {
    readonly mechanism: SaslMechanism;
    readonly user: string;
    readonly password: Secret;
  };
  /** Encrypts; with `ca`, PEM, only that authority is trusted. Default: plain text. */
  readonly tls?: { readonly ca?: string };
}

const CONNECT_MS = 5000, REQUEST_MS = 30_000;

/** The access as kafkajs takes it. What it would log is thrown too. */
export function kafkaConfig(access: KafkaAccess): KafkaConfig {
  const { brokers, clientId = "twofold", sasl, tls } = access;
  return {
    brokers: [...brokers],
    clientId,
    connectionTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    authenticationTimeout: REQUEST_MS,
    logLevel: 0,
    sasl: sasl && {
      mechanism: sasl.mechanism,
      username: sasl.user,
      password: sasl.password.reveal(),
    } as SASLOptions,
    ssl: tls && (tls.ca === undefined ? true : { ca: tls.ca }),
    retry: { retries: 4, initialRetryTime: 100, maxRetryTime: 2000 },
  };
}
