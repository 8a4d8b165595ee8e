/** A ClickHouse server over HTTP(S), behind the interface that the embedded engine has too. */
import { ClickHouseError, type createClient } from "@clickhouse/client";
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { closeAll } from "../std/close_all.ts";
import type {
  ClientConnection,
  CommandResult,
  ExecResult,
  ExecStatement,
  InsertStatement,
  PingResult,
  Statement,
} from "./client_connection.ts";
import { ServerStream } from "./server_stream.ts";
import { type KillChannel, killedOnAbort, StatementKiller } from "./statement_killer.ts";
import { Semaphore } from "../std/semaphore.ts";

type HttpClient = ReturnType<typeof createClient>;

/** How long a killed statement is waited for before its socket is cut, in milliseconds. */
const KILL_MS = 10_000;

/**
 * Runs the client's statements on a server, each under a query id of its own.
 *
 * A statement that is aborted is killed on the server by that id, and rejects once the server has
 * answered; so when it rejects, it no longer runs. An answer that got lost (a time-out, a cut
 * connection) is followed by a kill, so that nothing is left behind there.
 */
export class ServerConnection implements ClientConnection {
  readonly #client: HttpClient;
  readonly #turns: Semaphore;
  readonly #killer: StatementKiller;
  readonly #streams = new Set<Readable>();

  /**
   * @param client brings address, user, database and settings; owned by the connection.
   * @param killClient another to the same server: a kill must not wait for a free socket.
   * @param connections the most statements at once; an open result stream counts as one.
   */
  constructor(client: HttpClient, killClient: HttpClient, connections: number) {
    this.#client = client;
    this.#turns = new Semaphore(connections);
    this.#killer = new StatementKiller(killChannel(killClient));
  }

  /**
   * Runs a statement and reads its whole result. The server is told to answer when it has ended, so
   * that an error is an error and not a torn result.
   */
  async query(statement: Statement): Promise<ExecResult> {
    const clickhouse_settings = { ...statement.clickhouse_settings, wait_end_of_query: 1 as const };
    return await this.#run({ ...statement, clickhouse_settings }, async (sent) => {
      const { stream, ...result } = await this.#client.exec(sent);
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      return { ...answered(result), stream: Readable.from([Buffer.concat(chunks)]) };
    });
  }

  async command(statement: Statement): Promise<CommandResult> {
    return await this.#run(
      statement,
      async (sent) => answered(await this.#client.command(sent)),
    );
  }

  async exec(statement: ExecStatement): Promise<ExecResult> {
    const { values } = statement;
    if (values === undefined) return await this.#stream(statement);
    return await this.#run(statement, async (sent) => {
      const { stream, ...result } = await this.#client.exec({ ...sent, values });
      // The answer is read to its end: until then the socket is not free.
      for await (const _ of stream);
      return { ...answered(result), stream: Readable.from([]) };
    });
  }

  async insert(statement: InsertStatement): Promise<CommandResult> {
    const { values } = statement;
    const source = typeof values === "string" ? Readable.from([values]) : values;
    return await this.exec({ ...statement, values: source });
  }

  async ping(): Promise<PingResult> {
    return await this.#client.ping();
  }

  /** Cancels open result streams, waits for the other statements and closes the sockets. */
  async close(): Promise<void> {
    const closing = this.#turns.close();
    for (const stream of this.#streams) {
      stream.destroy(new Error("Cannot read on: the warehouse was closed"));
    }
    await closeAll([() => closing, () => this.#killer.close(), () => this.#client.close()]);
  }

  /** Runs a statement that ends before its caller goes on. */
  async #run<T>(
    statement: Statement,
    send: (statement: Statement) => Promise<T>,
  ): Promise<T> {
    const { abort_signal: signal } = statement;
    await this.#turns.take(signal);
    const id = crypto.randomUUID();
    try {
      signal?.throwIfAborted();
      return await this.#send(id, statement, send);
    } catch (error) {
      if (!signal?.aborted && !(error instanceof ClickHouseError)) await this.#killer.tell(id);
      throw error;
    } finally {
      this.#turns.give();
    }
  }

  /** Sends a statement under an id. Where it is aborted it is killed, and after a while cut off. */
  async #send<S extends Statement, T>(
    id: string,
    { abort_signal: signal, ...statement }: S,
    send: (statement: Omit<S, "abort_signal"> & Statement) => Promise<T>,
    discard?: (result: T) => unknown,
  ): Promise<T> {
    const cut = new AbortController();
    const running = send({ ...statement, query_id: id, abort_signal: cut.signal });
    const kill = async () => {
      const timer = setTimeout(() => cut.abort(), KILL_MS);
      await this.#killer.kill(id, running);
      clearTimeout(timer);
    };
    return await killedOnAbort(running, signal, kill, discard);
  }

  /** Starts a statement whose result is read as it comes. */
  async #stream(statement: ExecStatement): Promise<ExecResult> {
    const { abort_signal: signal } = statement;
    await this.#turns.take(signal);
    const id = crypto.randomUUID();
    try {
      const { stream: source, ...result } = await this.#send(
        id,
        statement,
        (sent) => this.#client.exec(sent),
        ({ stream }) => stream.destroy(),
      );
      const stream: ServerStream = new ServerStream({
        source,
        headers: result.response_headers,
        kill: () => this.#killer.tell(id),
        signal,
        whenDone: () => {
          this.#streams.delete(stream);
          this.#turns.give();
        },
      });
      this.#streams.add(stream);
      return { ...answered(result), stream };
    } catch (error) {
      this.#turns.give();
      throw error;
    }
  }
}

/** What the inner client returns, as a connection returns it. */
function answered<T extends { response_headers?: ExecResult["response_headers"] }>(result: T) {
  return { ...result, response_headers: result.response_headers ?? {} };
}

function killChannel(client: HttpClient): KillChannel {
  return {
    send: async (id) => {
      await client.command({
        query: "KILL QUERY WHERE query_id = {id:String} ASYNC",
        query_params: { id },
      });
    },
    close: () => client.close(),
  };
}
