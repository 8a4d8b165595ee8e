/** ClickHouse's errors in Twofold's terms. */
import { ClickHouseError } from "@clickhouse/client";
import { ExternalError, TwofoldError, UnreadableError } from "../std/errors.ts";

/** Codes that tell of pressure or of a part of the cluster out of reach: later it may work. */
const RETRIABLE = new Set([
  "159", // TIMEOUT_EXCEEDED
  "202", // TOO_MANY_SIMULTANEOUS_QUERIES
  "203", // NO_FREE_CONNECTION
  "209", // SOCKET_TIMEOUT
  "210", // NETWORK_ERROR
  "225", // NO_ZOOKEEPER
  "241", // MEMORY_LIMIT_EXCEEDED
  "242", // TABLE_IS_READ_ONLY
  "243", // NOT_ENOUGH_SPACE
  "252", // TOO_MANY_PARTS
  "279", // ALL_CONNECTION_TRIES_FAILED
  "285", // TOO_FEW_LIVE_REPLICAS
  "319", // UNKNOWN_STATUS_OF_INSERT
  "473", // DEADLOCK_AVOIDED
  "745", // SERVER_OVERLOADED
  "999", // KEEPER_EXCEPTION
]);

/** Codes by which every statement fails. */
const UNREACHED = new Set([
  "81", // UNKNOWN_DATABASE
  "192", // UNKNOWN_USER
  "202", // TOO_MANY_SIMULTANEOUS_QUERIES
  "203", // NO_FREE_CONNECTION
  "209", // SOCKET_TIMEOUT
  "210", // NETWORK_ERROR
  "225", // NO_ZOOKEEPER
  "242", // TABLE_IS_READ_ONLY
  "243", // NOT_ENOUGH_SPACE
  "279", // ALL_CONNECTION_TRIES_FAILED
  "285", // TOO_FEW_LIVE_REPLICAS
  "516", // AUTHENTICATION_FAILED
  "745", // SERVER_OVERLOADED
  "999", // KEEPER_EXCEPTION
]);

/** Codes of damaged data. */
const UNREADABLE = new Set([
  "33", // CANNOT_READ_ALL_DATA
  "40", // CHECKSUM_DOESNT_MATCH
  "117", // INCORRECT_DATA
  "246", // CORRUPTED_DATA
  "271", // CANNOT_DECOMPRESS
]);

/** Codes of what somebody has to repair in the deployment: tables, rights. */
const LASTING = new Set([
  "60", // UNKNOWN_TABLE
  "81", // UNKNOWN_DATABASE
  "107", // FILE_DOESNT_EXIST
  "192", // UNKNOWN_USER
  "497", // ACCESS_DENIED
  "516", // AUTHENTICATION_FAILED
]);

/** What the engine adds to whatever fails while it reads a file of the archive. */
const IN_FILE = /\(in file\/uri /;

/** An insert that touches too many partitions has TOO_MANY_PARTS' code and never works. */
const TOO_MANY_PARTITIONS = /Too many partitions for single INSERT block/;

/**
 * Makes an error of the client one of Twofold's, with ClickHouse's text and code; the original is
 * its `cause`.
 *
 * @param action what was attempted: `query the warehouse`.
 * @example
 * ```ts
 * import { ClickHouseError } from "@clickhouse/client";
 * import { toWarehouseError } from "./warehouse_error.ts";
 * const cause = new ClickHouseError({ message: "Memory", code: "241", type: "MEMORY" });
 * if (!toWarehouseError("query the warehouse", cause).retriable) throw new Error("unexpected");
 * ```
 */
export function toWarehouseError(action: string, cause: unknown): TwofoldError {
  if (cause instanceof TwofoldError) return cause;
  if (cause instanceof ClickHouseError) {
    const { code, type = "UNKNOWN" } = cause;
    const message = `Cannot ${action}: ${cause.message.trim()} (ClickHouse code ${code}, ${type})`;
    const retriable = RETRIABLE.has(code) && !TOO_MANY_PARTITIONS.test(cause.message);
    if (!retriable && (UNREADABLE.has(code) || IN_FILE.test(cause.message))) {
      return new UnreadableError(message, { cause });
    }
    return retriable || LASTING.has(code)
      ? new ExternalError(message, {
        retriable,
        cause,
        part: UNREACHED.has(code) ? "warehouse" : undefined,
      })
      : new TwofoldError(message, { cause });
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  const message = `Cannot ${action}: ${text}`;
  return isUnreachable(cause)
    ? new ExternalError(message, { cause, part: "warehouse" })
    : new TwofoldError(message, { cause });
}

/** The ClickHouse code of an error of {@link toWarehouseError}, or null where it has none. */
export function clickHouseCode(error: unknown): number | null {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof ClickHouseError ? Number(cause.code) : null;
}

/** What Node.js reports of sockets carries a code of capitals; the client's own time-out does not. */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return /^E[A-Z]+/.test(code) && !code.startsWith("ERR_") ||
    /^(Timeout error|socket hang up)/i.test(error.message);
}
