/**
 * ClickHouse's HTTP interface over libchdb, for tests of the client side.
 *
 * What it proves: that our requests are what the interface takes (parameters, settings, database,
 * user, query ids, compressed bodies) and that we read what it answers (compressed results, error
 * codes, errors in the middle of a stream). The engine that runs the statements is ClickHouse's own.
 * What it does not prove: how a server behaves (its time-outs, its limits, its quotas, KILL QUERY by
 * id, which is translated here), and a cluster: it may name one, whose only server it is, without
 * Keeper, so without ON CLUSTER and replicated tables.
 */
import { Buffer } from "node:buffer";
import { pipeline, Readable, type Transform } from "node:stream";
import { parseArgs } from "node:util";
import { createGunzip, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib";
import { type Libchdb, loadLibchdb } from "../../runtime/warehouse/libchdb.ts";
import {
  EngineFault,
  NativeConnection,
  type NativeResult,
} from "../../runtime/warehouse/native_connection.ts";
import { ResultStream } from "../../runtime/warehouse/result_stream.ts";
import { isBlockwise, setStatement, splitFormat } from "../../runtime/warehouse/statement_text.ts";
import { NativeKillChannel, StatementKiller } from "../../runtime/warehouse/statement_killer.ts";

/** Options of {@link openFront}. */
export interface FrontOptions {
  /** The engine's folder; a process opens one only. */
  readonly dir: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The name of a cluster of this server alone. Default: none. */
  readonly cluster?: string;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** A statement as it came, with its connection. */
interface Call {
  readonly connection: NativeConnection;
  readonly sql: string;
  readonly params: Readonly<Record<string, string>>;
  /** The data of an insert, else null. */
  readonly data: ReadableStream<Bytes> | null;
  readonly headers: Headers;
  readonly buffered: boolean;
  /** Called once, when the statement has ended. */
  readonly done: () => Promise<void>;
}

const BASE_SETTINGS = { implicit_select: 0, max_server_memory_usage: 4_000_000_000 };
/** What the URL carries beside settings. */
const RESERVED = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "wait_end_of_query",
  "session_id",
  "role",
]);
const KILL = /^\s*KILL QUERY WHERE query_id = \{(\w+):String\}/;

/** Opens the engine and listens on loopback. */
export async function openFront(options: FrontOptions) {
  const front = new Front(loadLibchdb(), options);
  const settings = options.cluster === undefined
    ? BASE_SETTINGS
    : { ...BASE_SETTINGS, "config-file": await clusterFile(options.dir, options.cluster) };
  const anchor = await NativeConnection.open(loadLibchdb(), options.dir, settings);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: options.port, onListen: () => {} },
    (request) => front.answer(request),
  );
  return {
    port: server.addr.port,
    close: async () => {
      await server.shutdown();
      await front.close();
      await anchor.close();
    },
  };
}

/** Nobody listens on the port: a server reads its own tables without it. */
async function clusterFile(dir: string, cluster: string): Promise<string> {
  const path = `${dir}_cluster.xml`;
  await Deno.writeTextFile(
    path,
    `<clickhouse><tcp_port>9000</tcp_port><remote_servers><${cluster}><shard><replica>
<host>127.0.0.1</host><port>9000</port></replica></shard></${cluster}></remote_servers></clickhouse>`,
  );
  return path;
}

class Front {
  readonly #chdb: Libchdb;
  readonly #options: FrontOptions;
  readonly #killer: StatementKiller;
  /** By query id, the marks of the statements that run. */
  readonly #running = new Map<string, string>();

  constructor(chdb: Libchdb, options: FrontOptions) {
    this.#chdb = chdb;
    this.#options = options;
    this.#killer = new StatementKiller(new NativeKillChannel(() => this.#open()));
  }

  async answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/ping") return new Response("Ok.\n");
    const id = url.searchParams.get("query_id") ?? crypto.randomUUID();
    const headers = new Headers({
      "x-clickhouse-query-id": id,
      "content-type": "application/octet-stream",
    });
    if (!this.#mayEnter(request)) {
      return refusal(
        `Code: 516. DB::Exception: ${this.#options.user}: Authentication failed: ` +
          "password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)",
      );
    }
    try {
      return compressed(request, url, await this.#run(request, url, id, headers));
    } catch (error) {
      return refusal(textOf(error), headers);
    }
  }

  async close(): Promise<void> {
    await this.#killer.close();
  }

  async #run(request: Request, url: URL, id: string, headers: Headers): Promise<Response> {
    const query = url.searchParams.get("query");
    const body = decompressed(request);
    const sql = query ?? await new Response(body).text();
    const params = Object.fromEntries(
      [...url.searchParams].filter(([name]) => name.startsWith("param_"))
        .map(([name, value]) => [name.slice("param_".length), value]),
    );
    const killed = KILL.exec(sql);
    if (killed) return await this.#kill(params[killed[1]], headers);
    const connection = await this.#open();
    const done = async () => {
      this.#running.delete(id);
      await connection.close();
    };
    try {
      await this.#prepare(connection, url);
      this.#running.set(id, connection.mark);
      const buffered = url.searchParams.get("wait_end_of_query") === "1";
      const data = query === null ? null : body;
      return await this.#execute({ connection, sql, params, data, headers, buffered, done });
    } catch (error) {
      await done();
      throw error;
    }
  }

  async #execute(call: Call): Promise<Response> {
    const { connection, params, headers, done } = call;
    const { sql, format } = splitFormat(call.sql);
    if (call.data !== null) {
      const result = await connection.insert(sql, format ?? "TabSeparated", call.data, params);
      await done();
      return new Response(null, { headers: withSummary(headers, result) });
    }
    if (format !== null && !call.buffered && isBlockwise(sql, format)) {
      return await this.#stream(call, sql, format);
    }
    const result = await connection.run(call.sql, format ?? "TabSeparated", params);
    await done();
    return new Response(result.bytes, { headers: withSummary(headers, result) });
  }

  /** An error in the middle is told as ClickHouse does since 25.11. */
  async #stream(call: Call, sql: string, format: string): Promise<Response> {
    const { connection, params, headers, done: whenDone } = call;
    const options = { connection, killer: this.#killer, sql, format, params, whenDone };
    const result = await ResultStream.start(options);
    const tag = crypto.randomUUID().slice(0, 16).replaceAll("-", "x");
    headers.set("x-clickhouse-exception-tag", tag);
    const body = readable(result, (error) => exceptionBlock(textOf(error), tag));
    return new Response(body, { headers });
  }

  async #kill(id: string, headers: Headers): Promise<Response> {
    const mark = this.#running.get(id);
    if (mark !== undefined) await this.#killer.tell(mark);
    return new Response(null, { headers });
  }

  async #prepare(connection: NativeConnection, url: URL): Promise<void> {
    const settings: Record<string, string> = {};
    for (const [name, value] of url.searchParams) {
      if (RESERVED.has(name) || name.startsWith("param_")) continue;
      settings[name] = name === "log_comment" ? `${value} ${connection.mark}` : value;
    }
    const set = setStatement(settings);
    if (set !== null) await connection.run(set, "Null");
    const database = url.searchParams.get("database") ?? "default";
    await connection.run(`USE ${database}`, "Null");
  }

  async #open(): Promise<NativeConnection> {
    return await NativeConnection.open(this.#chdb, this.#options.dir, { implicit_select: 0 });
  }

  #mayEnter(request: Request): boolean {
    const { user, password } = this.#options;
    const { headers } = request;
    const basic = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    // The client's way by TLS, where it is given an authority.
    return headers.get("authorization") === basic ||
      headers.get("x-clickhouse-user") === user && headers.get("x-clickhouse-key") === password;
  }
}

function decompressed(request: Request): ReadableStream<Bytes> {
  const body = request.body ?? new Blob([]).stream();
  const decompressor = DECOMPRESSORS[request.headers.get("content-encoding") ?? ""]?.();
  return decompressor ? through(body, decompressor) : body;
}

function compressed(request: Request, url: URL, answer: Response): Response {
  const accepted = request.headers.get("accept-encoding") ?? "";
  const codec = Object.keys(COMPRESSORS).find((codec) => accepted.includes(codec));
  const wanted = url.searchParams.get("enable_http_compression") === "1";
  if (!wanted || codec === undefined || answer.body === null) return answer;
  answer.headers.set("content-encoding", codec);
  return new Response(through(answer.body, COMPRESSORS[codec]()), { headers: answer.headers });
}

const COMPRESSORS: Readonly<Record<string, () => Transform>> = {
  zstd: createZstdCompress,
  gzip: createGzip,
};
const DECOMPRESSORS: Readonly<Record<string, () => Transform>> = {
  zstd: createZstdDecompress,
  gzip: createGunzip,
};

/** By hand: the platform's own adapters throw at nobody when a reader leaves. */
function through(body: ReadableStream<Bytes>, transform: Transform): ReadableStream<Bytes> {
  const reader = body.getReader();
  const source = new Readable({
    read() {
      reader.read().then(
        ({ done, value }) => this.push(done ? null : value),
        (error) => this.destroy(error),
      );
    },
    destroy: (error, callback) => {
      const left = () => callback(error);
      reader.cancel().then(left, left);
    },
  });
  pipeline(source, transform, () => {}); // the reader of the end gets the error
  return readable(transform);
}

/** A Node.js stream as a web stream that holds no more than the chunk being read. */
function readable(
  source: Readable,
  lastWords?: (error: unknown) => Bytes,
): ReadableStream<Bytes> {
  const chunks: AsyncIterator<Bytes> = source[Symbol.asyncIterator]();
  return new ReadableStream<Bytes>({
    pull: async (controller) => {
      try {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        if (lastWords === undefined) throw error;
        controller.enqueue(lastWords(error));
        controller.close();
      }
    },
    cancel: () => void source.destroy(),
  }, { highWaterMark: 0 });
}

function refusal(text: string, headers = new Headers()): Response {
  headers.set("x-clickhouse-exception-code", /Code: (\d+)/.exec(text)?.[1] ?? "1000");
  return new Response(`${text}\n`, { status: 500, headers });
}

function exceptionBlock(text: string, tag: string): Bytes {
  const message = `${text}\n`;
  const length = new TextEncoder().encode(message).length;
  return new TextEncoder().encode(
    `\r\n__exception__\r\n${tag}\r\n${message}${length} ${tag}\r\n__exception__\r\n`,
  );
}

function textOf(error: unknown): string {
  return error instanceof EngineFault ? error.message : `Code: 1002. DB::Exception: ${error}`;
}

function withSummary(headers: Headers, result: NativeResult): Headers {
  headers.set(
    "x-clickhouse-summary",
    JSON.stringify({
      read_rows: String(result.rowsRead),
      read_bytes: "0",
      written_rows: String(result.rowsWritten),
      written_bytes: "0",
      total_rows_to_read: "0",
      result_rows: "0",
      result_bytes: String(result.bytes.length),
      elapsed_ns: String(Math.round(result.elapsedSeconds * 1e9)),
    }),
  );
  return headers;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      data: { type: "string" },
      cluster: { type: "string" },
    },
  });
  const front = await openFront({
    dir: values.data ?? await Deno.makeTempDir(),
    port: Number(values.port),
    cluster: values.cluster,
    user: Deno.env.get("FRONT_USER") ?? "twofold",
    password: Deno.env.get("FRONT_PASSWORD") ?? "",
  });
  console.log(`http://127.0.0.1:${front.port}`);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, async () => {
      await front.close();
      Deno.exit(0);
    });
  }
}
