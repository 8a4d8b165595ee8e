/** The embedded engine behind the interface through which `@clickhouse/client` reaches a server. */
import { addAbortSignal, Readable } from "node:stream";
import { closeAll } from "../std/close_all.ts";
import { asError } from "../std/errors.ts";
import { formatParam } from "./bound_params.ts";
import type {
  ClientConnection,
  CommandResult,
  ExecResult,
  ExecStatement,
  InsertStatement,
  PingResult,
  Statement,
} from "./client_connection.ts";
import { type ConnectionKind, ConnectionPool, type Lease } from "./connection_pool.ts";
import { EngineConnection, type EngineThread } from "./engine_connection.ts";
import type { NativeResult, TextParams } from "./native_connection.ts";
import { ResultStream } from "./result_stream.ts";
import { killedOnAbort, NativeKillChannel, StatementKiller } from "./statement_killer.ts";
import { isBlockwise, mayChangeSession, setStatement, splitFormat } from "./statement_text.ts";

/** Options of {@link EmbeddedConnection}. */
export interface EmbeddedConnectionOptions {
  /** The path of `libchdb.so`. */
  readonly library: string;
  /** The engine's folder, null for a temporary one; a process can open one only. */
  readonly dir: string | null;
  readonly database: string;
  /** Statements at once, inserts apart; an open result stream counts as one. */
  readonly connections: number;
  /** Settings of every statement. */
  readonly settings: Readonly<Record<string, string>>;
  /** Settings of inserts of streamed data, beside those of every statement. */
  readonly insertSettings: Readonly<Record<string, string>>;
}

/**
 * Inserts at once. The speed layer writes some twenty in a burst: more of them side by side take no
 * less time, and take the processor from readers.
 */
const INSERTS = 2;

/** A format for statements that name none, as a server's HTTP interface has it. */
const DEFAULT_FORMAT = "TabSeparated";

/**
 * Runs the client's statements on a pool of connections in the process.
 *
 * A statement with settings of its own gets them by SET on a connection that is closed afterwards,
 * so they cannot reach the next one. An aborted statement is killed in the engine, and rejects once
 * the engine has let go of it. A statement that was killed or failed may leave a part of its result
 * on its connection, which the next one would take for its own: so that is closed as well.
 */
export class EmbeddedConnection implements ClientConnection {
  readonly #pool: ConnectionPool;
  readonly #killer: StatementKiller;
  readonly #settings: Readonly<Record<ConnectionKind, Readonly<Record<string, string>>>>;
  readonly #streams = new Set<Readable>();

  constructor(thread: EngineThread, options: EmbeddedConnectionOptions) {
    const { library, dir, database, connections, settings, insertSettings } = options;
    this.#settings = { statement: settings, insert: { ...settings, ...insertSettings } };
    const open = async (kind: ConnectionKind) => {
      const connection = await EngineConnection.open(thread, library, dir, this.#settings[kind]);
      try {
        await connection.run(`USE ${database}`, "Null");
      } catch (error) {
        await connection.close().catch(() => {}); // the statement's error tells more
        throw error;
      }
      return connection;
    };
    this.#pool = new ConnectionPool({ statement: connections, insert: INSERTS }, open);
    this.#killer = new StatementKiller(new NativeKillChannel(() => open("statement")));
  }

  /** The result in one piece: every piece more is a call more, each of which waits for a thread. */
  async query(statement: Statement): Promise<ExecResult> {
    const { format } = splitFormat(statement.query);
    const result = await this.#whole(statement, format ?? DEFAULT_FORMAT);
    const stream = Readable.from([result.bytes], { objectMode: false });
    return { ...answer(result), stream };
  }

  async command(statement: Statement): Promise<CommandResult> {
    return answer(await this.#whole(statement, "Null"));
  }

  async exec(statement: ExecStatement): Promise<ExecResult> {
    const { values } = statement;
    if (!values) {
      const { format } = splitFormat(statement.query);
      const blockwise = format !== null && isBlockwise(statement.query, format);
      return await (blockwise ? this.#stream(statement, format) : this.query(statement));
    }
    const result = await this.#insert(statement, values);
    return { ...result, stream: Readable.from([]) };
  }

  async insert(statement: InsertStatement): Promise<CommandResult> {
    const { values } = statement;
    return await this.#insert(statement, typeof values === "string" ? [values] : values);
  }

  async ping(): Promise<PingResult> {
    try {
      await this.command({ query: "SELECT 1" });
      return { success: true };
    } catch (error) {
      return { success: false, error: asError(error) };
    }
  }

  /** Cancels open result streams, waits for the other statements and closes the connections. */
  async close(): Promise<void> {
    const closing = this.#pool.close();
    for (const stream of this.#streams) {
      stream.destroy(new Error("Cannot read on: the warehouse was closed"));
    }
    await closeAll([() => closing, () => this.#killer.close()]);
  }

  async #whole(statement: Statement, format: string): Promise<NativeResult> {
    return await this.#run(
      "statement",
      statement,
      ({ connection }) => connection.run(statement.query, format, textParams(statement)),
    );
  }

  async #insert(
    statement: Statement,
    values: Iterable<string> | AsyncIterable<string | Uint8Array<ArrayBuffer>>,
  ): Promise<CommandResult> {
    const { sql, format } = splitFormat(statement.query);
    // A source that is slow or stuck must not keep an aborted insert waiting.
    if (statement.abort_signal && values instanceof Readable) {
      addAbortSignal(statement.abort_signal, values);
    }
    const chunks = toAsync(values);
    const result = await this.#run(
      "insert",
      statement,
      ({ connection }) =>
        connection.insert(sql, format ?? DEFAULT_FORMAT, chunks, textParams(statement)),
    );
    return answer(result);
  }

  /** Runs a statement that ends before its caller goes on. */
  async #run<T>(
    kind: ConnectionKind,
    statement: Statement,
    work: (lease: Lease) => Promise<T>,
  ): Promise<T> {
    const { abort_signal: signal } = statement;
    const own = this.#ownSettings(kind, statement);
    const lease = await this.#pool.lend(kind, signal);
    let isWhole = false;
    try {
      await this.#apply(lease, own);
      signal?.throwIfAborted();
      const running = work(lease);
      const kill = () => this.#killer.kill(lease.connection.mark, running);
      const result = await killedOnAbort(running, signal, kill);
      isWhole = true;
      return result;
    } finally {
      await lease.giveBack(isWhole && isUnchanged(statement, own));
    }
  }

  /** Starts a SELECT; resolves with its first block, so that most errors come here. */
  async #stream(statement: Statement, format: string): Promise<ExecResult> {
    const own = this.#ownSettings("statement", statement);
    const lease = await this.#pool.lend("statement", statement.abort_signal);
    let stream: ResultStream;
    try {
      await this.#apply(lease, own);
      stream = await ResultStream.start({
        connection: lease.connection,
        killer: this.#killer,
        sql: statement.query,
        format,
        params: textParams(statement),
        signal: statement.abort_signal,
        whenDone: async (isWhole) => {
          this.#streams.delete(stream);
          await lease.giveBack(isWhole && isUnchanged(statement, own));
        },
      });
    } catch (error) {
      await lease.giveBack(false);
      throw error;
    }
    if (!stream.done) this.#streams.add(stream);
    return { query_id: lease.connection.mark, response_headers: {}, stream };
  }

  async #apply({ connection }: Lease, own: Record<string, unknown> | null): Promise<void> {
    if (!own) return;
    // The mark stays at the end of a comment: by it the statement is found and killed.
    if ("log_comment" in own) own.log_comment = `${own.log_comment} ${connection.mark}`;
    const sql = setStatement(own);
    if (sql) await connection.run(sql, "Null");
  }

  /** The statement's settings that differ from the connection's; null where there are none. */
  #ownSettings(
    kind: ConnectionKind,
    { clickhouse_settings }: Statement,
  ): Record<string, unknown> | null {
    const own = Object.entries(clickhouse_settings ?? {})
      .filter(([name, value]) =>
        value !== undefined && this.#settings[kind][name] !== String(value)
      );
    return own.length > 0 ? Object.fromEntries(own) : null;
  }
}

/** Whether a statement leaves the settings of its connection as they were. */
const isUnchanged = ({ query }: Statement, own: unknown) => !own && !mayChangeSession(query);

async function* toAsync<T>(values: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  yield* values;
}

function textParams({ query_params = {} }: Statement): TextParams {
  return Object.fromEntries(
    Object.entries(query_params).filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, formatParam(value)]),
  );
}

/** A result as the client reports it. */
function answer(result: NativeResult) {
  return {
    query_id: "",
    response_headers: {},
    summary: {
      read_rows: String(result.rowsRead),
      read_bytes: "0",
      written_rows: String(result.rowsWritten),
      written_bytes: "0",
      result_rows: "0",
      total_rows_to_read: "0",
      result_bytes: String(result.bytes.length),
      elapsed_ns: String(Math.round(result.elapsedSeconds * 1e9)),
    },
  };
}
