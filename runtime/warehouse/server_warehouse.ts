/** Opens a ClickHouse server. */
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { Buffer } from "node:buffer";
import { ExternalError, UserError } from "../std/errors.ts";
import { tlsAdvice } from "../settings/tls_advice.ts";
import { ClickHouseWarehouse } from "./clickhouse_warehouse.ts";
import { clusterSettings } from "./cluster_ddl.ts";
import { ServerConnection } from "./server_connection.ts";
import { newerSettings, sessionSettings } from "./session_settings.ts";
import { assertName } from "./sql_name.ts";
import { toWarehouseError } from "./warehouse_error.ts";

/** Options of {@link openServerWarehouse}. */
export interface ServerWarehouseOptions {
  /** `http://host:8123` or `https://host:8443`, without user and password. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** The database, made if absent. */
  readonly database: string;
  /** Statements at once; an open result stream counts as one. Default 16. */
  readonly connections?: number;
  /** How long a server may be silent within a statement, in milliseconds. Default 120,000. */
  readonly timeoutMs?: number;
  /** A statement may take four fifths of it. Default 4 GiB. */
  readonly memoryLimitBytes?: number;
  /** GROUP BY and ORDER BY spill to disk beyond this. Default: a quarter of the memory limit. */
  readonly spillBytes?: number;
  /** Threads of one statement. Default: the server's choice. */
  readonly maxThreads?: number;
  /** The cluster on which tables are Replicated and Distributed. Default: one server. Unproven. */
  readonly cluster?: string;
  /** The certificate of the authority that signed the server's, PEM. Default: the system's. */
  readonly caCertificate?: string;
}

/**
 * Settings that not every server knows: it refuses a name that it does not know. The last lets one
 * statement see one state of a table in all its parts.
 */
const OPTIONAL_SETTINGS: Readonly<Record<string, string>> = {
  ...newerSettings,
  enable_shared_storage_snapshot_in_query: "1",
};

/** A long statement is silent unless told otherwise; its headers add up in the client. */
const SIGNS_OF_LIFE: Readonly<Record<string, string>> = {
  send_progress_in_http_headers: "1",
  http_headers_progress_interval_ms: "10000",
};
const MOST_HEADER_BYTES = 2 ** 20;

/**
 * Opens a database of a ClickHouse server, and makes it if it is not there.
 *
 * @throws UserError for a URL or a database's name that is none; ExternalError when the server is
 * not reached.
 */
export async function openServerWarehouse(
  options: ServerWarehouseOptions,
): Promise<ClickHouseWarehouse> {
  const { database, cluster, connections = 16, memoryLimitBytes = 4 * 2 ** 30 } = options;
  assertUrl(options.url);
  assertName("database", database);
  if (cluster !== undefined) assertName("cluster", cluster);
  const optional = await prepareServer(options);
  const settings = {
    ...sessionSettings({
      statementMemoryBytes: Math.floor(memoryLimitBytes * 0.8),
      spillBytes: options.spillBytes ?? Math.floor(memoryLimitBytes / 4),
      maxThreads: options.maxThreads,
    }),
    ...optional,
    ...(cluster === undefined ? {} : clusterSettings),
  };
  const openClient = (connections: number) =>
    createClient({
      connection: new ServerConnection(
        httpClient(options, { database, settings, sockets: connections }),
        httpClient(options, { settings: {}, sockets: 1 }),
        connections,
      ),
      log: { level: ClickHouseLogLevel.OFF },
    });
  return new ClickHouseWarehouse(openClient, connections, database, cluster);
}

const TLS_SETTINGS = { ca: "TWOFOLD_CLICKHOUSE_CA", address: "TWOFOLD_CLICKHOUSE_URL" };

/** Makes the database. @returns those optional settings that the server knows. */
async function prepareServer(options: ServerWarehouseOptions): Promise<Record<string, string>> {
  const { database, cluster } = options;
  const client = httpClient(options, { settings: {}, sockets: 1 });
  try {
    const answer = await client.query({
      query: "SELECT name FROM system.settings WHERE name IN {names:Array(String)}",
      query_params: { names: Object.keys(OPTIONAL_SETTINGS) },
      format: "JSONEachRow",
    });
    const known = await answer.json<{ name: string }>();
    const databases = await client.query({
      query: "SELECT name FROM system.databases WHERE name = {database:String}",
      query_params: { database },
      format: "JSONEachRow",
    });
    if ((await databases.json()).length === 0) {
      const on = cluster === undefined ? "" : ` ON CLUSTER ${cluster}`;
      await client.command({
        query: `CREATE DATABASE IF NOT EXISTS ${database}${on} ENGINE = Atomic`,
      });
    }
    return Object.fromEntries(known.map(({ name }) => [name, OPTIONAL_SETTINGS[name]]));
  } catch (error) {
    const fault = toWarehouseError(`open the warehouse at ${options.url}`, error);
    const advice = tlsAdvice(fault.message, TLS_SETTINGS);
    throw advice === null ? fault : new ExternalError(`${fault.message}; ${advice}`, fault);
  } finally {
    await client.close();
  }
}

function httpClient(
  { url, user, password, timeoutMs = 120_000, caCertificate }: ServerWarehouseOptions,
  { database, settings, sockets }: {
    readonly database?: string;
    readonly settings: Readonly<Record<string, string>>;
    readonly sockets: number;
  },
) {
  return createClient({
    url,
    username: user,
    password,
    database,
    application: "twofold",
    compression: { request: { codec: "zstd", level: 1 }, response: { codec: "zstd" } },
    request_timeout: timeoutMs,
    max_open_connections: sockets,
    // Deno sends a request again that breaks on a used connection, without the body that has been
    // read: such a statement would hang until its time is over.
    keep_alive: { enabled: false },
    max_response_headers_size: MOST_HEADER_BYTES,
    clickhouse_settings: { ...settings, ...SIGNS_OF_LIFE },
    tls: caCertificate === undefined ? undefined : { ca_cert: Buffer.from(caCertificate) },
    // Errors are thrown; the client would log them too.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/** A password in a URL would end up in messages. */
function assertUrl(text: string): void {
  const url = URL.parse(text);
  if (
    url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
  ) {
    return;
  }
  throw new UserError(
    "Cannot open the warehouse: its URL must be http:// or https://, without user and password",
    { field: "url" },
  );
}
