/** One connection of the engine in the process: what the C interface does, in promises. */
import { addressOf, bytesAt, type Libchdb, textAt } from "./libchdb.ts";

type Bytes = Uint8Array<ArrayBuffer>;
/** Where something of the engine lies; 0 for nothing. */
type Address = bigint;

/** What the engine says of a statement that failed, in its own words. */
export class EngineFault extends Error {
  override readonly name = "EngineFault";
}

/** Bound parameters as ClickHouse's parser reads them: see `formatParam`. */
export type TextParams = Readonly<Record<string, string>>;

/** What a finished statement gives. */
export interface NativeResult {
  readonly bytes: Bytes;
  readonly rowsRead: bigint;
  readonly rowsWritten: bigint;
  readonly elapsedSeconds: number;
}

const encoder = new TextEncoder();

/** Buffers whose addresses the engine holds: the collector must not take them before it returns. */
const lent = new Set<unknown>();

async function lend<T>(buffers: unknown, call: () => Promise<T>): Promise<T> {
  lent.add(buffers);
  try {
    return await call();
  } finally {
    lent.delete(buffers);
  }
}

/** A connection; it runs one statement at a time, and its owner sees to that. */
export class NativeConnection {
  readonly #chdb: Libchdb;
  readonly #handle: Address;
  readonly #connection: Address;
  #closing: Promise<void> | null = null;

  /** The text in `log_comment` by which its statement is found in `system.processes`. */
  readonly mark: string;

  private constructor(chdb: Libchdb, handle: Address, mark: string) {
    this.#chdb = chdb;
    this.#handle = handle;
    [this.#connection] = new BigUint64Array(bytesAt(chdb, handle, 8n).buffer);
    this.mark = mark;
  }

  /**
   * Opens a connection; the first one of a process opens the directory (0.2 s), later ones take
   * about a millisecond.
   *
   * @param settings of the connection, as long as it lives.
   * @throws Error when the engine refuses; it tells why only on standard error.
   */
  static async open(
    chdb: Libchdb,
    dir: string | null,
    settings: Readonly<Record<string, string | number>>,
  ): Promise<NativeConnection> {
    const mark = `twofold-${crypto.randomUUID()}`;
    // On a terminal the engine writes its log over ours, with a line marked fatal whenever calls
    // move from one thread of the pool to another, which does no harm.
    const quiet = "--logger.console=0";
    const texts = ["twofold", quiet, `--log_comment=${mark}`];
    if (dir !== null) texts.push(`--path=${dir}`);
    for (const [name, value] of Object.entries(settings)) texts.push(`--${name}=${value}`);
    const args = texts.map(zeroTerminated), argv = addresses(chdb, args);
    const handle = await lend([args, argv], () => chdb.chdb_connect(args.length, argv));
    if (handle === 0n) throw new Error(`the engine refused "${dir}"`);
    return new NativeConnection(chdb, handle, mark);
  }

  /** Runs a statement and returns its whole result. */
  async run(sql: string, format: string, params: TextParams = {}): Promise<NativeResult> {
    return this.#take(
      await this.#statement("chdb_query_with_params_n", sql, format, params),
    );
  }

  /**
   * Starts a SELECT whose result is fetched block by block; every block is formatted on its own.
   * The cursor must be closed before the next statement.
   */
  async openCursor(
    sql: string,
    format: string,
    params: TextParams = {},
  ): Promise<NativeCursor> {
    const chdb = this.#chdb, connection = this.#connection;
    const cursor = await this.#statement("chdb_stream_query_with_params_n", sql, format, params);
    const error = this.#errorOf(cursor);
    if (error) {
      chdb.chdb_destroy_query_result(cursor);
      throw error;
    }
    let ended = false;
    const fetch = async () => {
      try {
        const block = await chdb.chdb_stream_fetch_result(connection, cursor);
        const bytes = block === 0n ? null : this.#take(block).bytes;
        ended = !bytes?.length;
        return ended ? null : bytes;
      } catch (failure) {
        ended = true;
        throw failure;
      }
    };
    const close = async () => {
      if (!ended) await chdb.chdb_stream_cancel_query(connection, cursor);
      chdb.chdb_destroy_query_result(cursor);
    };
    return { fetch, close };
  }

  /**
   * Inserts bytes in `format`.
   *
   * @param sql `INSERT INTO t (a, b)`, without FORMAT.
   * @throws before anything is stored, if a chunk, the source or the statement is at fault.
   */
  async insert(
    sql: string,
    format: string,
    chunks: Iterable<Bytes> | AsyncIterable<Bytes>,
    params: TextParams = {},
  ): Promise<NativeResult> {
    const chdb = this.#chdb;
    const stream = await this.#statement("chdb_stream_insert_with_params_n", sql, format, params);
    const throwIfFailed = () => {
      const text = chdb.chdb_stream_insert_error(stream);
      if (text !== 0n) throw new EngineFault(textAt(chdb, text));
    };
    let finished = false;
    try {
      throwIfFailed();
      for await (const bytes of chunks) {
        if (bytes.length === 0) continue;
        const length = BigInt(bytes.length);
        const state = await lend(bytes, () => chdb.chdb_stream_append(stream, bytes, length));
        throwIfFailed();
        if (state !== 0) throw new Error(`Cannot insert: the engine returned state ${state}`);
      }
      finished = true;
      return this.#take(await chdb.chdb_stream_done(stream));
    } finally {
      if (!finished) await chdb.chdb_stream_cancel_insert(stream);
      chdb.chdb_destroy_insert_stream(stream);
    }
  }

  /** Closes the connection; none of its statements may be running. A second call does nothing. */
  close(): Promise<void> {
    return this.#closing ??= this.#chdb.chdb_close_conn(this.#handle);
  }

  #statement(
    call:
      | "chdb_query_with_params_n"
      | "chdb_stream_query_with_params_n"
      | "chdb_stream_insert_with_params_n",
    sql: string,
    format: string,
    params: TextParams,
  ): Promise<Address> {
    const given = Object.entries(params);
    const query = encoder.encode(sql), formatBytes = encoder.encode(format);
    const names = given.map(([name]) => zeroTerminated(name));
    const values = given.map(([, value]) => zeroTerminated(value));
    const at = (buffers: readonly Bytes[]) => addresses(this.#chdb, buffers);
    const parts = [at(names), lengths(names), at(values), lengths(values)] as const;
    return lend([query, formatBytes, names, values, parts], () =>
      this.#chdb[call](
        this.#connection,
        query,
        BigInt(query.length),
        formatBytes,
        BigInt(formatBytes.length),
        ...parts,
        BigInt(given.length),
      ));
  }

  /** Copies a result and frees it. */
  #take(result: Address): NativeResult {
    const chdb = this.#chdb;
    if (result === 0n) throw new Error("Cannot read a result: the engine returned none");
    try {
      const error = this.#errorOf(result);
      if (error) throw error;
      const buffer = chdb.chdb_result_buffer(result);
      const length = buffer === 0n ? 0n : chdb.chdb_result_length(result);
      return {
        bytes: bytesAt(chdb, buffer, length),
        rowsRead: chdb.chdb_result_rows_read(result),
        rowsWritten: chdb.chdb_result_rows_written(result),
        elapsedSeconds: chdb.chdb_result_elapsed(result),
      };
    } finally {
      chdb.chdb_destroy_query_result(result);
    }
  }

  #errorOf(result: Address): Error | null {
    const text = this.#chdb.chdb_result_error(result);
    return text === 0n ? null : new EngineFault(textAt(this.#chdb, text));
  }
}

/** A result that is fetched block by block. */
export interface NativeCursor {
  /** The next block's bytes, or null at the end. Throws the statement's error. */
  fetch(): Promise<Bytes | null>;
  /** Ends the statement, if it has not ended, and frees the result. Called once, last. */
  close(): Promise<void>;
}

function zeroTerminated(text: string): Bytes {
  return encoder.encode(text + "\0");
}

function addresses(chdb: Libchdb, buffers: readonly Bytes[]): BigUint64Array<ArrayBuffer> {
  return BigUint64Array.from(buffers, (buffer) => addressOf(chdb, buffer));
}

/** Lengths without the closing zero. */
function lengths(buffers: readonly Bytes[]): BigUint64Array<ArrayBuffer> {
  return BigUint64Array.from(buffers, (buffer) => BigInt(buffer.length - 1));
}
