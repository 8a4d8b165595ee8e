/** kafkajs's errors and Kafka's codes in Twofold's terms. */
import { createErrorFromCode } from "kafkajs/src/protocol/error.js";
import { ExternalError, type LogPosition, TwofoldError } from "../../std/errors.ts";
import { tlsAdvice } from "../../settings/tls_advice.ts";

/** What kafkajs tells of an error. */
interface KafkaFault extends Error {
  /** Kafka's name of the code. */
  readonly type?: string;
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

/** Kafka's refusals that no later attempt changes. */
const FINAL = new Set([
  "CLUSTER_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "INVALID_CONFIG",
  "INVALID_PARTITIONS",
  "INVALID_RECORD",
  "INVALID_REPLICATION_FACTOR",
  "INVALID_TOPIC_EXCEPTION",
  "MESSAGE_TOO_LARGE",
  "POLICY_VIOLATION",
  "RECORD_LIST_TOO_LARGE",
  "SASL_AUTHENTICATION_FAILED",
  "TOPIC_AUTHORIZATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
  "UNSUPPORTED_VERSION",
]);

/** Makes an error of kafkajs one of Twofold's; the original is its `cause`. */
export function kafkaError(action: string, error: unknown, position: LogPosition): TwofoldError {
  if (error instanceof TwofoldError) return error;
  const fault = error instanceof Error ? error as KafkaFault : new Error(String(error));
  const inner = innermost(fault);
  // Where the token comes from is asked in the middle of kafkajs.
  if (inner instanceof TwofoldError) return inner;
  const { type } = inner;
  const message = `Cannot ${action}: ${fault.message}${type === undefined ? "" : ` (${type})`}`;
  const isFinal = type !== undefined && FINAL.has(type) ||
    inner.name === "KafkaJSSASLAuthenticationError";
  const part = isFinal ? undefined : "log";
  return new ExternalError(message, { ...position, cause: error, retriable: !isFinal, part });
}

/** What to look at when a cluster is not reached, by what the error says. */
const ADVICE: readonly (readonly [says: RegExp, advice: string])[] = [
  [
    /SASL \S+ mechanism is not supported/,
    "set TWOFOLD_KAFKA_SASL to a mechanism that the brokers' listener takes",
  ],
  [
    /SASL .*authentication failed/i,
    "see TWOFOLD_KAFKA_USER and TWOFOLD_KAFKA_PASSWORD, and whether the brokers know that user",
  ],
  [
    /ILLEGAL_SASL_STATE/,
    "the brokers do not take the token: see TWOFOLD_KAFKA_TOKEN_URL, _SCOPE or _FILE, and when it " +
    "expires",
  ],
  [
    /before secure TLS connection|InvalidContentType|wrong version number/i,
    "no TLS is spoken there: see TWOFOLD_KAFKA_TLS and the port in TWOFOLD_KAFKA_BROKERS",
  ],
  [
    /fatal alert: (\w*Certificate\w*|UnknownCA)/,
    "the brokers want a certificate of this process, by an authority that they know: see " +
    "TWOFOLD_KAFKA_CERT and TWOFOLD_KAFKA_KEY",
  ],
  // A certificate is refused when the client takes the connection for made: how it learns of that,
  // by the alert or by a write that fails, is a matter of moments.
  [
    /closed connection|not connected|write after end/i,
    "the listener may want TLS or a login: see TWOFOLD_KAFKA_TLS, TWOFOLD_KAFKA_SASL and " +
    "TWOFOLD_KAFKA_CERT, and what the broker's log says",
  ],
];

const TLS_SETTINGS = {
  ca: "TWOFOLD_KAFKA_CA",
  address: "TWOFOLD_KAFKA_BROKERS and the brokers' advertised.listeners",
};

/** What to do about an error met while connecting; null where its message has to suffice. */
export function adviceOn(error: Error): string | null {
  return tlsAdvice(error.message, TLS_SETTINGS) ??
    ADVICE.find(([says]) => says.test(error.message))?.[1] ?? null;
}

/** An error for a code of Kafka's protocol. */
export function codeError(action: string, code: number, position: LogPosition): TwofoldError {
  return kafkaError(action, createErrorFromCode(code), position);
}

/** kafkajs wraps what it gave up retrying. */
function innermost(fault: KafkaFault): KafkaFault {
  return fault.type === undefined && fault.cause instanceof Error
    ? innermost(fault.cause as KafkaFault)
    : fault;
}
