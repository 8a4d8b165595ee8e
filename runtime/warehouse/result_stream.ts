/** The result of a SELECT, fetched from the embedded engine as it is read. */
import { Readable } from "node:stream";
import type { EngineConnection } from "./engine_connection.ts";
import type { NativeCursor, TextParams } from "./native_connection.ts";
import { killedOnAbort, type StatementKiller } from "./statement_killer.ts";

/** Options of {@link ResultStream.start}. */
export interface ResultStreamOptions {
  /** Lent until `whenDone` is called. */
  readonly connection: Pick<EngineConnection, "mark" | "openCursor">;
  readonly killer: StatementKiller;
  readonly sql: string;
  readonly format: string;
  readonly params: TextParams;
  readonly signal?: AbortSignal;
  /**
   * Called once, after the statement has ended in the engine; not when `start` throws. `isWhole` is
   * false where it was ended before its last block.
   */
  readonly whenDone: (isWhole: boolean) => Promise<void>;
}

/**
 * Holds about one block in memory. Its connection is free again when the last block was fetched,
 * or when the stream is destroyed, which ends the statement.
 */
export class ResultStream extends Readable {
  readonly #options: ResultStreamOptions;
  readonly #cursor: NativeCursor;
  #fetching: Promise<Uint8Array<ArrayBuffer> | null> | null = null;
  #ending: Promise<void> | null = null;
  readonly #abort = () => this.destroy(this.#options.signal?.reason);

  private constructor(cursor: NativeCursor, options: ResultStreamOptions) {
    super({ highWaterMark: 1 });
    // An error before anybody reads would end the process; a later reader gets it.
    this.on("error", () => {});
    this.#cursor = cursor;
    this.#options = options;
    options.signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /**
   * Starts the statement and fetches its first block.
   *
   * @throws the statement's error, or the signal's reason; the connection has no statement then.
   */
  static async start(options: ResultStreamOptions): Promise<ResultStream> {
    const { connection, killer, signal } = options;
    signal?.throwIfAborted();
    const opening = firstBlock(options);
    const kill = () => killer.kill(connection.mark, opening);
    const { cursor, block } = await killedOnAbort(
      opening,
      signal,
      kill,
      ({ cursor }) => cursor.close(),
    );
    if (signal?.aborted) {
      await cursor.close();
      throw signal.reason;
    }
    const stream = new ResultStream(cursor, options);
    if (block) stream.push(block);
    else await stream.#end();
    return stream;
  }

  /** Whether the statement has ended in the engine. */
  get done(): boolean {
    return this.#ending !== null;
  }

  override _read(): void {
    this.#fetching ??= this.#cursor.fetch();
    this.#fetching.then(async (block) => {
      this.#fetching = null;
      if (this.destroyed) return;
      if (block) return void this.push(block);
      await this.#end();
    }).catch((error) => {
      this.#fetching = null;
      this.destroy(error);
    });
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const fetching = this.#fetching;
    const idle = fetching
      ? this.#options.killer.kill(this.#options.connection.mark, fetching)
      : Promise.resolve();
    idle.then(() => this.#release(false)).then(() => callback(error), callback);
  }

  async #end(): Promise<void> {
    await this.#release(true);
    this.push(null);
  }

  /** Ends the statement and gives the connection back, once. */
  #release(isWhole: boolean): Promise<void> {
    return this.#ending ??= (async () => {
      this.#options.signal?.removeEventListener("abort", this.#abort);
      try {
        await this.#cursor.close();
      } finally {
        await this.#options.whenDone(isWhole);
      }
    })();
  }
}

async function firstBlock({ connection, sql, format, params }: ResultStreamOptions) {
  const cursor = await connection.openCursor(sql, format, params);
  try {
    return { cursor, block: await cursor.fetch() };
  } catch (error) {
    await cursor.close();
    throw error;
  }
}
