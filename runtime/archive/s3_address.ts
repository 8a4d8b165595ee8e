/** Where a bucket is reached: it is in the URL's path, or in the host's name. */
import { UserError } from "../std/errors.ts";

/** A bucket's place. */
export interface S3Address {
  /** `http://host:9000` or `https://s3.example.com`. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Whether the bucket is in the path (`host/bucket`) or in the host's name (`bucket.host`). Default true. */
  readonly pathStyle?: boolean;
}

/**
 * ClickHouse is told a URL and nothing else: by this it knows whether the bucket is in the host's
 * name, and which it is (https://github.com/ClickHouse/ClickHouse/blob/master/src/IO/S3/URI.cpp).
 */
const BUCKET_IN_HOST = /^(.+)\.(s3express[-a-z0-9]+|s3|cos|obs|oss|eos)[.-][-a-z0-9.:]+$/;
const PRIVATE_LINK = /^bucket\.vpce-[-a-z0-9.]+\.vpce\.amazonaws\.com(:\d{1,5})?$/;

/** Stores that take a bucket in the host's name alone say so by these codes. */
const WANTS_HOST =
  /S3 code (PermanentRedirect|SecondLevelDomainForbidden|PathStyleDomainForbidden)/;
const UNKNOWN_NAME = /ENOTFOUND|EAI_AGAIN|failed to lookup/;

/**
 * The URL below which ClickHouse finds the objects; it ends with "/".
 *
 * @throws UserError for an endpoint that is none, or by which client and ClickHouse would not reach
 * the same bucket.
 * @example
 * ```ts
 * import { bucketUrl } from "./s3_address.ts";
 * const address = { endpoint: "https://s3.example.com", bucket: "films" };
 * const urls = [bucketUrl(address), bucketUrl({ ...address, pathStyle: false })];
 * if (urls.join() !== "https://s3.example.com/films/,https://films.s3.example.com/") throw urls;
 * ```
 */
export function bucketUrl(address: S3Address): string {
  const { protocol, host } = endpointOf(address);
  const { bucket, pathStyle = true } = address;
  const known = bucketInHost(pathStyle ? host : `${bucket}.${host}`);
  if (pathStyle) {
    if (known === null) return `${protocol}//${host}/${bucket}/`;
    throw refusal(
      address,
      `path, because ClickHouse takes "${known}" in that host's name for a bucket: reach the store ` +
        "by another name",
    );
  }
  if (protocol === "https:" && bucket.includes(".")) {
    throw refusal(address, "host's name: no certificate covers a bucket's name with dots");
  }
  if (known === bucket) return `${protocol}//${bucket}.${host}/`;
  throw refusal(
    address,
    "host's name: ClickHouse, which reads the archive, knows that by hosts alone whose own name " +
      "begins with s3, cos, obs, oss or eos, such as s3.example.com",
  );
}

/**
 * What to do where a bucket cannot be opened, as far as its address may be why.
 *
 * @param error what {@link S3Store.check} threw.
 * @returns null where the address looks well.
 */
export function addressAdvice(address: S3Address, error: Error): string | null {
  const { bucket, pathStyle = true } = address;
  if (pathStyle) {
    return WANTS_HOST.test(error.message)
      ? "the store wants the bucket in the host's name: set TWOFOLD_S3_PATH_STYLE=false"
      : null;
  }
  const inPath = "or set TWOFOLD_S3_PATH_STYLE=true, which has the bucket in the path";
  if (UNKNOWN_NAME.test(error.message)) {
    const name = `${bucket}.${endpointOf(address).hostname}`;
    return `make the name ${name} known, here and to ClickHouse, ${inPath}`;
  }
  return /no such bucket|no bucket's listing/.test(error.message)
    ? `let the store take a bucket in the host's name (MinIO: MINIO_DOMAIN), ${inPath}`
    : null;
}

/** The endpoint's parts. @throws UserError for one that is none. */
export function endpointOf({ endpoint }: Pick<S3Address, "endpoint">): URL {
  const url = URL.parse(endpoint);
  const plain = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.password === "" && url.pathname === "/";
  if (plain) return url;
  throw new UserError(
    "Cannot open the object store: its endpoint must be http:// or https:// and a host, without " +
      "path, user and password",
    { field: "endpoint" },
  );
}

function bucketInHost(authority: string): string | null {
  return PRIVATE_LINK.test(authority) ? null : BUCKET_IN_HOST.exec(authority)?.[1] ?? null;
}

function refusal({ endpoint, bucket }: S3Address, why: string): UserError {
  return new UserError(
    `Cannot reach bucket "${bucket}" at ${endpoint} with the bucket in the ${why}; see ` +
      "TWOFOLD_S3_ENDPOINT and TWOFOLD_S3_PATH_STYLE",
    { field: "endpoint" },
  );
}
