/** Connections of the engine in the process, called on a thread of its own. */
import { parseError } from "@clickhouse/client";
import { ExternalError, messageOf, TwofoldError, UserError } from "../std/errors.ts";
import { WorkerThread } from "../std/worker_thread.ts";
import type { EngineMethods } from "./engine_thread.ts";
import type { NativeCursor, NativeResult, TextParams } from "./native_connection.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The engine's thread; a process has one, whatever it has open. */
export class EngineThread {
  static #shared: EngineThread | null = null;
  readonly #thread = new WorkerThread<EngineMethods>(
    new URL("./engine_thread.ts", import.meta.url),
    { name: "engine" },
  );
  #users = 0;

  private constructor() {}

  /** Starts the thread, or joins those who use it: each has to leave it. */
  static join(): EngineThread {
    const thread = EngineThread.#shared ??= new EngineThread();
    thread.#users++;
    return thread;
  }

  /** Calls a method. @throws ClickHouseError for an error of the engine, else Error. */
  async call<M extends keyof EngineMethods>(
    method: M,
    ...args: Parameters<EngineMethods[M]>
  ): Promise<Awaited<ReturnType<EngineMethods[M]>>> {
    try {
      return await this.#thread.call(method, args);
    } catch (error) {
      const { name, message } = error as Error;
      if (this.#thread.fault !== null) {
        throw new TwofoldError(`${this.#thread.fault.message}; restart Twofold`, {
          part: "warehouse",
          cause: error,
        });
      }
      throw name === "EngineFault" ? engineError(message) : error;
    }
  }

  /** Ends the thread when nobody else uses it. All connections have to be closed before. */
  leave(): void {
    if (--this.#users > 0) return;
    this.#thread.terminate();
    EngineThread.#shared = null;
  }
}

/** The engine writes to the disk of the data folder. */
function engineError(message: string): Error {
  const cause = parseError(message);
  return /NOT_ENOUGH_SPACE|errno: 28\b/.test(message)
    ? new ExternalError(`Cannot write to the warehouse: ${messageOf(cause)}`, {
      part: "disk",
      cause,
    })
    : cause;
}

/** A connection; it runs one statement at a time, and its owner sees to that. */
export class EngineConnection {
  readonly #thread: EngineThread;
  readonly #connection: number;
  #closing: Promise<void> | null = null;

  /** The text in `log_comment` by which its statement is found in `system.processes`. */
  readonly mark: string;

  private constructor(thread: EngineThread, connection: number, mark: string) {
    this.#thread = thread;
    this.#connection = connection;
    this.mark = mark;
  }

  /**
   * Opens a connection; the first one of a process opens the directory (0.2 s), later ones take
   * about a millisecond.
   *
   * @param library the path of `libchdb.so`.
   * @param settings of the connection, as long as it lives.
   * @throws UserError when the engine refuses; it tells why only on standard error.
   */
  static async open(
    thread: EngineThread,
    library: string,
    dir: string | null,
    settings: Readonly<Record<string, string | number>>,
  ): Promise<EngineConnection> {
    try {
      const { connection, mark } = await thread.call("open", library, dir, settings);
      return new EngineConnection(thread, connection, mark);
    } catch (cause) {
      throw new UserError(
        `Cannot open the warehouse "${dir}": the engine refused the folder; another process may ` +
          "own it, it may be unreadable, or hold data of a newer ClickHouse",
        { cause },
      );
    }
  }

  /** Lets threads give way that run already, merges most; for the first connection of a process. */
  async yieldThreads(library: string): Promise<void> {
    await this.#thread.call("yieldThreads", this.#connection, library);
  }

  /** Runs a statement and returns its whole result. */
  async run(sql: string, format: string, params: TextParams = {}): Promise<NativeResult> {
    return await this.#thread.call("run", this.#connection, sql, format, params);
  }

  /**
   * Starts a SELECT whose result is fetched block by block; every block is formatted on its own.
   * The cursor must be closed before the next statement.
   */
  async openCursor(sql: string, format: string, params: TextParams = {}): Promise<NativeCursor> {
    const thread = this.#thread;
    const cursor = await thread.call("openCursor", this.#connection, sql, format, params);
    return {
      fetch: () => thread.call("fetch", cursor),
      close: () => thread.call("closeCursor", cursor),
    };
  }

  /**
   * Inserts bytes in `format`; all of them are gathered first.
   *
   * @param sql `INSERT INTO t (a, b)`, without FORMAT.
   * @throws before anything is stored, if a chunk, the source or the statement is at fault.
   */
  async insert(
    sql: string,
    format: string,
    chunks: AsyncIterable<Bytes | string>,
    params: TextParams = {},
  ): Promise<NativeResult> {
    const gathered: Bytes[] = [];
    for await (const chunk of chunks) {
      gathered.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
    }
    return await this.#thread.call("insert", this.#connection, sql, format, gathered, params);
  }

  /** Closes the connection; none of its statements may be running. A second call does nothing. */
  close(): Promise<void> {
    return this.#closing ??= this.#thread.call("close", this.#connection);
  }
}
