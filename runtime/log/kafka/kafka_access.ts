/** How a Kafka cluster is reached. */
import type { KafkaConfig, SASLOptions } from "kafkajs";
import type { Secret } from "../../setting_types.ts";
import type { BearerTokens } from "./bearer_tokens.ts";
import "./kafka_quiet.ts";

/** How to log in. */
export type KafkaLogin =
  | {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly user: string;
    readonly password: Secret;
  }
  | { readonly mechanism: "oauthbearer"; readonly tokens: BearerTokens };

/** Options of every connection. */
export interface KafkaAccess {
  /** `host:port` of some brokers; they tell the others. */
  readonly brokers: readonly string[];
  /** Default `twofold`. */
  readonly clientId?: string;
  readonly sasl?: KafkaLogin;
  /** Encrypts; with `ca`, PEM, only that authority is trusted. Default: plain text. */
  readonly tls?: { readonly ca?: string };
}

const CONNECT_MS = 5000, REQUEST_MS = 30_000;
/**
 * A connection logs in again so long before the login ends. Brokers refuse that within the first
 * second, so a token has to live well longer than this.
 */
export const REAUTHENTICATION_MS = 3000;

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
    ssl: tls && (tls.ca === undefined ? true : { ca: tls.ca }),
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
