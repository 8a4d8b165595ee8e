/** The warehouse over `@clickhouse/client`: the embedded engine and a server alike. */
import { createClient } from "@clickhouse/client";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { Readable } from "node:stream";
import { closeAll } from "../std/close_all.ts";
import { TwofoldError } from "../std/errors.ts";
import type { StatementOptions, Warehouse } from "../ports/ports.ts";
import { bindDates } from "./bound_params.ts";
import { clusterStatements } from "./cluster_ddl.ts";
import { oneBlockSettings } from "./session_settings.ts";
import { toWarehouseError } from "./warehouse_error.ts";

/** The client; its connection decides where ClickHouse runs. */
export type ClickHouseClient = ReturnType<typeof createClient>;

/** Opens a client with so many connections at most. */
export type OpenClient = (connections: number) => ClickHouseClient;

/**
 * ClickHouse behind the port. The client brings the database and the settings of
 * {@link sessionSettings}.
 *
 * Date parameters may be ISO 8601 text with Z or an offset, or numbers in ticks of their type:
 * milliseconds for `DateTime64(3)`, seconds for `DateTime`. An aborted call rejects with its
 * signal's reason.
 */
export class ClickHouseWarehouse implements Warehouse {
  readonly database: string;
  readonly cluster: string | null;
  readonly #client: ClickHouseClient;
  readonly #openClient: OpenClient;
  readonly #apart: Warehouse[] = [];
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | null = null;

  /**
   * @param openClient opens a client with so many connections at most; the warehouse closes it.
   * @param connections of this warehouse.
   * @param cluster on whose servers DDL runs. Default: one server.
   */
  constructor(
    openClient: OpenClient,
    connections: number,
    database: string,
    cluster: string | null = null,
  ) {
    this.#openClient = openClient;
    this.#client = openClient(connections);
    this.database = database;
    this.cluster = cluster;
  }

  async query<Row = Record<string, unknown>>(
    sql: string,
    options: StatementOptions = {},
  ): Promise<Row[]> {
    return await this.#attempt("query the warehouse", options, async () => {
      const statement = { ...toStatement(sql, options), format: "JSONEachRow" } as const;
      return await (await this.#client.query(statement)).json<Row>();
    });
  }

  async stream(
    sql: string,
    format: string,
    options: StatementOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const action = "stream from the warehouse";
    return await this.#attempt(action, options, async () => {
      const statement = toStatement(`${withoutSemicolon(sql)}\nFORMAT ${format}`, options);
      const { stream } = await this.#client.exec(statement);
      return toWebStream(stream, action, options);
    });
  }

  async command(sql: string, options: StatementOptions = {}): Promise<void> {
    const { cluster, database } = this;
    const statements = cluster === null ? [sql] : clusterStatements(sql, { cluster, database });
    await this.#attempt("run a statement in the warehouse", options, async () => {
      for (const each of statements) await this.#client.command(toStatement(each, options));
    });
  }

  async insert(into: string, rows: Uint8Array, options: StatementOptions = {}): Promise<void> {
    if (rows.length === 0) return;
    await this.#attempt(`insert into ${into}`, options, async () => {
      const settings = { ...oneBlockSettings, ...options.settings };
      const bytes = Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength);
      const { stream } = await this.#client.exec({
        ...toStatement(`INSERT INTO ${into} FORMAT RowBinary`, { ...options, settings }),
        values: Readable.from([bytes], { objectMode: false }),
      });
      // A server's answer is read to its end: until then the connection is not free.
      for await (const _ of stream);
    });
  }

  apart(connections: number): Warehouse {
    const other = new ClickHouseWarehouse(
      this.#openClient,
      connections,
      this.database,
      this.cluster,
    );
    this.#apart.push(other);
    return other;
  }

  /** Refuses new statements, waits for those under way and cancels streams that are still open. */
  close(): Promise<void> {
    return this.#closing ??= closeAll([
      () => Promise.allSettled(this.#underWay),
      () => this.#client.close(),
      ...this.#apart.map((other) => () => other.close()),
    ]);
  }

  async #attempt<T>(
    action: string,
    { signal }: StatementOptions,
    call: () => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    if (this.#closing) throw new TwofoldError(`Cannot ${action}: the warehouse is closed`);
    const running = call();
    this.#underWay.add(running);
    try {
      return await running;
    } catch (error) {
      throw signal?.aborted ? signal.reason : toWarehouseError(action, error);
    } finally {
      this.#underWay.delete(running);
    }
  }
}

function toStatement(sql: string, { params, settings, signal }: StatementOptions) {
  return {
    query: sql,
    query_params: params && bindDates(sql, params),
    clickhouse_settings: settings && { ...settings },
    abort_signal: signal,
  };
}

/** A Node.js stream as a web stream that holds no more than the chunk being read. */
function toWebStream(
  source: Readable,
  action: string,
  { signal }: StatementOptions,
): ReadableStream<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        throw signal?.aborted ? signal.reason : toWarehouseError(action, error);
      }
    },
    async cancel() {
      if (source.closed) return;
      const closed = once(source, "close");
      source.destroy();
      await closed;
    },
  }, { highWaterMark: 0 });
}

function withoutSemicolon(sql: string): string {
  return sql.replace(/[;\s]+$/, "");
}
