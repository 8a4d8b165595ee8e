/** How a Kafka cluster is reached. */
import type { KafkaConfig, SASLOptions } from "kafkajs";
import type { Secret } from "../../settings/setting_types.ts";
import { type BearerTokens, REAUTHENTICATION_MS } from "./bearer_tokens.ts";
import type { ClientCertificate } from "./client_certificate.ts";
import "./kafka_quiet.ts";
import "./kafka_reconnect.ts";

/** How to log in. */
export type KafkaLogin =
  | {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly user: string;
    readonly password: Secret;
  }
  | { readonly mechanism: "oauthbearer"; readonly tokens: BearerTokens };

/** How a connection is encrypted. */
export interface KafkaTls {
  /** PEM; only this authority is trusted. Default: the system's. */
  readonly ca?: string;
  /** Shown to brokers that ask for a certificate. Default: none. */
  readonly client?: ClientCertificate;
}

/** Options of every connection. */
export interface KafkaAccess {
  /** `host:port` of some brokers; they tell the others. */
  readonly brokers: readonly string[];
  /** Default `twofold`. */
  readonly clientId?: string;
  readonly sasl?: KafkaLogin;
  /** Default: plain text. */
  readonly tls?: KafkaTls;
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
    reauthenticationThreshold: REAUTHENTICATION_MS,
    logLevel: 0,
    sasl: sasl && saslOptions(sasl),
    ssl: tls && {
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.client && { cert: tls.client.certificate, key: tls.client.key.reveal() }),
    },
    retry: { retries: 4, initialRetryTime: 100, maxRetryTime: 2000 },
  };
}

function saslOptions(login: KafkaLogin): SASLOptions {
  if (login.mechanism === "oauthbearer") {
    const oauthBearerProvider = async () => ({ value: await login.tokens() });
    return { mechanism: "oauthbearer", oauthBearerProvider };
  }
  const { mechanism, user: username, password } = login;
  return { mechanism, username, password: password.reveal() } as SASLOptions;
}
