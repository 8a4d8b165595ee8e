/** The S3 client: where it connects, how long it waits, and what its errors mean. */
import { Client, S3Error } from "minio";
import * as http from "node:http";
import * as https from "node:https";
import { ExternalError, TwofoldError } from "../std/errors.ts";
import { tlsAdvice } from "../settings/tls_advice.ts";
import { bucketUrl, endpointOf, type S3Address } from "./s3_address.ts";

/** How a bucket is reached. */
export interface S3Access extends S3Address {
  /** Default `us-east-1`. */
  readonly region?: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** How long the store may be silent within a request, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** The certificate of the authority that signed the store's, PEM. Default: the system's. */
  readonly caCertificate?: string;
}

/** The sockets that are kept; more requests wait for one. */
const SOCKETS = 16;
/** An object is one request whatever its size: of a multipart put, no condition is checked. */
const PART_BYTES = 5 * 2 ** 30;

/** S3's codes for "later it may work". */
const RETRIABLE = new Set([
  "ConditionalRequestConflict",
  "InternalError",
  "OperationAborted",
  "QuotaExceeded",
  "RequestTimeout",
  "ServiceUnavailable",
  "SlowDown",
  "XMinioAdminBucketQuotaExceeded",
  "XMinioServerNotInitialized",
  "XMinioStorageFull",
  "XMinioStorageQuorum",
]);

/** S3's codes for a bucket that no request reaches. */
const NO_ACCESS = new Set([
  "AccessDenied",
  "InvalidAccessKeyId",
  "NoSuchBucket",
  "SignatureDoesNotMatch",
]);

/**
 * Makes a client that asks each request once.
 *
 * @throws UserError for an endpoint that is none, or that ClickHouse would not understand.
 */
export function createS3Client(access: S3Access): { client: Client; agent: http.Agent } {
  const url = endpointOf(access);
  bucketUrl(access); // what ClickHouse is told later is refused now
  const useSSL = url.protocol === "https:";
  const module = useSSL ? https : http;
  const agent = new module.Agent({
    keepAlive: true,
    maxSockets: SOCKETS,
    ...(access.caCertificate === undefined ? {} : { ca: access.caCertificate }),
  });
  const { timeoutMs = 30_000 } = access;
  const client = new Client({
    endPoint: url.hostname,
    port: url.port === "" ? undefined : Number(url.port),
    useSSL,
    accessKey: access.accessKey,
    secretKey: access.secretKey,
    // Unless given, the client asks the store for it, and needs a right to.
    region: access.region ?? "us-east-1",
    pathStyle: access.pathStyle ?? true,
    partSize: PART_BYTES,
    transportAgent: agent,
    transport: { request: requestWithin(module.request, timeoutMs) } as typeof http,
    retryOptions: { disableRetry: true },
  });
  return { client, agent };
}

/** The client's error as one of Twofold's; what is not the store's own refusal may be tried again. */
export function s3Error(action: string, cause: unknown): TwofoldError {
  if (cause instanceof TwofoldError) return cause;
  const code = cause instanceof S3Error ? cause.code : undefined;
  const text = cause instanceof Error ? cause.message : String(cause);
  const advice = tlsAdvice(text, { ca: "TWOFOLD_S3_CA", address: "TWOFOLD_S3_ENDPOINT" });
  const more = code === undefined ? "" : ` (S3 code ${code})`;
  const message = `Cannot ${action}: ${text}${more}${advice === null ? "" : `; ${advice}`}`;
  const retriable = code === undefined || RETRIABLE.has(code);
  const part = retriable || NO_ACCESS.has(code) ? "archive" : undefined;
  return new ExternalError(message, { cause, retriable, part });
}

/** S3's code of an error, or null where it has none. */
export function s3Code(error: unknown): string | null {
  return error instanceof S3Error ? error.code ?? null : null;
}

/** Statuses at which the client throws without reading what the store says. */
const UNREAD = new Set([408, 429, 499, 500, 502, 503, 504, 520]);

/** The client has no time-out of its own, and keeps the socket of an answer that it does not read. */
function requestWithin(request: typeof http.request, timeoutMs: number) {
  return (options: http.RequestOptions, answered: (answer: http.IncomingMessage) => void) => {
    const sent = request(options, (answer) => {
      answered(answer);
      if (!UNREAD.has(answer.statusCode!)) return;
      answer.on("error", () => {}); // nobody waits for the rest of it
      answer.resume();
    });
    sent.setTimeout(timeoutMs, () => {
      sent.destroy(new Error(`no answer within ${timeoutMs} ms`));
    });
    return sent;
  };
}
