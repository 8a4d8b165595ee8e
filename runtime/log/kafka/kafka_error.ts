/** kafkajs's errors and Kafka's codes in Twofold's terms. */
import { createErrorFromCode } from "kafkajs/src/protocol/error.js";
import { ExternalError, type LogPosition, TwofoldError } from "../../errors.ts";

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
  "ILLEGAL_SASL_STATE",
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
  const { type } = innermost(fault);
  const message = `Cannot ${action}: ${fault.message}${type === undefined ? "" : ` (${type})`}`;
  const isFinal = type !== undefined && FINAL.has(type) ||
    innermost(fault).name === "KafkaJSSASLAuthenticationError";
  return new ExternalError(message, { ...position, cause: error, retriable: !isFinal });
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
