import type { Client } from "minio";
import { Buffer } from "node:buffer";
import type { Agent } from "node:http";
import type { Clock } from "../std/clock.ts";
import { ExternalError, retry, TwofoldError, UserError } from "../std/errors.ts";
import type { ObjectInfo, ObjectStore, Warehouse } from "../ports/ports.ts";
import { sqlText } from "../std/sql_text.ts";
import { assertObjectGlob, assertObjectName } from "./object_name.ts";
import { addressAdvice, bucketUrl } from "./s3_address.ts";
import { createS3Client, type S3Access, s3Code, s3Error } from "./s3_client.ts";

/** Options of {@link openS3Store}. */
export interface S3StoreOptions extends S3Access {
  /** Put before every name, with "/" between. Default: none. */
  readonly prefix?: string;
  /** The ClickHouse cluster whose servers read together. Default: one server reads. */
  readonly cluster?: string;
  readonly clock: Pick<Clock, "sleep">;
}

const PAGE_OBJECTS = 1000;
/** Tells this put's object from another writer's, where an answer got lost. */
const WRITER_HEADER = "x-amz-meta-writer";

/**
 * Opens an object store in a bucket of S3 or of a server that speaks like it.
 *
 * @throws UserError for an endpoint or a prefix that is none; ExternalError when the bucket is not
 * there or not reached.
 */
export async function openS3Store(options: S3StoreOptions): Promise<S3Store> {
  if (options.prefix !== undefined) assertObjectName(options.prefix);
  const { client, agent } = createS3Client(options);
  const store = new S3Store(client, agent, options);
  try {
    await store.check();
    return store;
  } catch (error) {
    store.close();
    if (error instanceof TwofoldError) throw advised(error, options);
    throw error;
  }
}

function advised(error: TwofoldError, options: S3StoreOptions): TwofoldError {
  const advice = addressAdvice(options, error);
  if (advice === null) return error;
  const { fault, retriable, field, cause } = error;
  const Kind = fault === "user" ? UserError : ExternalError;
  return new Kind(`${error.message}; ${advice}`, { retriable, field, cause });
}

/** Objects in a bucket. */
export class S3Store implements ObjectStore {
  readonly #client: Client;
  readonly #agent: Agent;
  readonly #options: S3StoreOptions;
  readonly #prefix: string;
  #collection: string | null = null;

  constructor(client: Client, agent: Agent, options: S3StoreOptions) {
    this.#client = client;
    this.#agent = agent;
    this.#options = options;
    this.#prefix = options.prefix === undefined ? "" : `${options.prefix}/`;
  }

  /**
   * Looks whether the bucket is there, by a listing: that is refused with a reason, and a store which
   * does not see the bucket in the host's name answers with something else.
   */
  async check(): Promise<void> {
    const { bucket, endpoint } = this.#options;
    const action = `open bucket "${bucket}" at ${endpoint}`;
    await this.#attempt(action, async () => {
      try {
        await this.#client.listObjectsV2Query(bucket, this.#prefix, "", "", 1, "");
      } catch (error) {
        if (s3Code(error) === "NoSuchBucket") {
          throw new UserError(`Cannot ${action}: there is no such bucket`, { field: "bucket" });
        }
        if ((error as Error).name !== "InvalidXMLError") throw error;
        throw new ExternalError(`Cannot ${action}: its answer is no bucket's listing`, {
          retriable: false,
        });
      }
    });
  }

  /**
   * Makes the key known to a warehouse under a name, so that it stands in no query. To be called
   * before {@link S3Store.tableFunction}; again and by several processes is harmless.
   */
  async introduceTo(warehouse: Warehouse): Promise<void> {
    const { accessKey, secretKey } = this.#options;
    const url = bucketUrl(this.#options) + this.#prefix;
    const name = `twofold_s3_${await digest(`${url}\n${accessKey}\n${secretKey}`)}`;
    const values = { url, access_key_id: accessKey, secret_access_key: secretKey };
    const list = Object.entries(values).map(([key, value]) => `${key} = ${sqlText(value)}`);
    try {
      await warehouse.command(
        `CREATE NAMED COLLECTION IF NOT EXISTS ${name} AS ${list.join(", ")}`,
      );
    } catch (error) {
      // The text of the statement, which the error may quote, holds the key.
      const text = error instanceof Error ? error.message : String(error);
      throw new ExternalError(
        `Cannot tell the warehouse the store's key: ${text.replaceAll(secretKey, "(secret)")}`,
        { retriable: error instanceof TwofoldError && error.retriable },
      );
    }
    this.#collection = name;
  }

  async put(
    name: string,
    bytes: Uint8Array,
    { ifAbsent = false }: { ifAbsent?: boolean } = {},
  ): Promise<boolean> {
    assertObjectName(name);
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const writer = crypto.randomUUID();
    const headers = { [WRITER_HEADER]: writer, ...(ifAbsent ? { "if-none-match": "*" } : {}) };
    const { bucket } = this.#options;
    return await this.#attempt(`put object "${name}"`, async () => {
      try {
        await this.#client.putObject(bucket, this.#prefix + name, body, body.length, headers);
        return true;
      } catch (error) {
        if (s3Code(error) !== "PreconditionFailed") throw error;
        // Not only this attempt counts: the HTTP client itself sends a request again whose
        // connection breaks.
        return await this.#isBy(writer, name);
      }
    });
  }

  async get(name: string): Promise<Uint8Array | null> {
    assertObjectName(name);
    const { bucket } = this.#options;
    return await this.#attempt(`get object "${name}"`, async () => {
      try {
        const stream = await this.#client.getObject(bucket, this.#prefix + name);
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        return new Uint8Array(Buffer.concat(chunks));
      } catch (error) {
        if (s3Code(error) === "NoSuchKey") return null;
        throw error;
      }
    });
  }

  async stream(name: string): Promise<ReadableStream<Uint8Array> | null> {
    assertObjectName(name);
    const { bucket } = this.#options;
    const action = `get object "${name}"`;
    return await this.#attempt(action, async () => {
      try {
        const stream = await this.#client.getObject(bucket, this.#prefix + name);
        return ReadableStream.from(piecesOf(action, stream));
      } catch (error) {
        if (s3Code(error) === "NoSuchKey") return null;
        throw error;
      }
    });
  }

  async *list(prefix: string, after = ""): AsyncIterable<ObjectInfo> {
    const slash = prefix.lastIndexOf("/") + 1;
    if (slash > 0) assertObjectName(prefix.slice(0, slash - 1));
    let last = after;
    while (true) {
      const page = await this.#page(prefix, last);
      yield* page.objects;
      if (!page.more) return;
      last = page.objects[page.objects.length - 1].name;
    }
  }

  async remove(name: string): Promise<void> {
    assertObjectName(name);
    const { bucket } = this.#options;
    await this.#attempt(
      `remove object "${name}"`,
      () => this.#client.removeObject(bucket, this.#prefix + name),
    );
  }

  tableFunction(glob: string, structure: string): string {
    assertObjectGlob(glob);
    const { cluster, accessKey, secretKey } = this.#options;
    const by = cluster === undefined ? "s3(" : `s3Cluster(${sqlText(cluster)}, `;
    if (this.#collection !== null) {
      return `${by}${this.#collection}, filename = ${sqlText(glob)}, format = 'Parquet', ` +
        `structure = ${sqlText(structure)})`;
    }
    const url = bucketUrl(this.#options) + this.#prefix + glob;
    const values = [url, accessKey, secretKey, "Parquet", structure];
    return `${by}${values.map(sqlText).join(", ")})`;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #page(
    prefix: string,
    after: string,
  ): Promise<{ objects: ObjectInfo[]; more: boolean }> {
    const { bucket } = this.#options;
    const start = after === "" ? "" : this.#prefix + after;
    const page = await this.#attempt(
      `list objects "${prefix}"`,
      () =>
        this.#client.listObjectsV2Query(bucket, this.#prefix + prefix, "", "", PAGE_OBJECTS, start),
    );
    const objects = page.objects.map(({ name, size }) => ({
      name: name!.slice(this.#prefix.length),
      sizeBytes: size,
    }));
    return { objects, more: page.isTruncated && objects.length > 0 };
  }

  /** Whether the object is the one that this put wrote, in a request whose answer got lost. */
  async #isBy(writer: string, name: string): Promise<boolean> {
    const { metaData } = await this.#client.statObject(this.#options.bucket, this.#prefix + name);
    return metaData.writer === writer;
  }

  #attempt<T>(action: string, call: () => Promise<T>): Promise<T> {
    const { sleep } = this.#options.clock;
    return retry(async () => {
      try {
        return await call();
      } catch (cause) {
        throw s3Error(action, cause);
      }
    }, { sleep: (ms) => sleep(ms), chance: Math.random });
  }
}

/** A connection that breaks within an object is an outage, and the reader has a part of it already. */
async function* piecesOf(
  action: string,
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (cause) {
    throw s3Error(action, cause);
  }
}

/** 12 hex digits that differ where the text does. */
async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(bytes).toHex().slice(0, 12);
}
