/** The result of a SELECT, read from a server as it comes. */
import { EXCEPTION_TAG_HEADER_NAME, extractErrorAtTheEndOfChunk } from "@clickhouse/client";
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";

/** Options of {@link ServerStream}. */
export interface ServerStreamOptions {
  /** The body as it comes, decompressed. */
  readonly source: Readable;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Ends the statement on the server. */
  readonly kill: () => Promise<void>;
  readonly signal?: AbortSignal;
  /** Called once, when the socket is free or gone. */
  readonly whenDone: () => void;
}

/**
 * Passes the body on, except for the error that a server since 25.11 writes at the end of a result
 * that failed on its way, behind a mark that its header announces. Older servers break the
 * connection, which is an error too.
 */
export class ServerStream extends Readable {
  readonly #options: ServerStreamOptions;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #tag: string;
  readonly #mark: Buffer;
  /** The last bytes, which may be the beginning of the mark; all of the error once that is found. */
  #held: Buffer = Buffer.alloc(0);
  #failing = false;
  #ended = false;
  readonly #abort = () => this.destroy(this.#options.signal?.reason);

  constructor(options: ServerStreamOptions) {
    super({ highWaterMark: 1 });
    // An error before anybody reads would end the process; a later reader gets it.
    this.on("error", () => {});
    const { source, headers, signal } = options;
    this.#options = options;
    this.#chunks = source[Symbol.asyncIterator]();
    this.#tag = String(headers[EXCEPTION_TAG_HEADER_NAME] ?? "");
    this.#mark = Buffer.from(this.#tag === "" ? "" : `\r\n__exception__\r\n${this.#tag}\r\n`);
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (signal?.aborted) this.#abort();
  }

  override _read(): void {
    this.#next().catch((error) => this.destroy(error));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const { source, signal, kill, whenDone } = this.#options;
    signal?.removeEventListener("abort", this.#abort);
    source.on("error", () => {}); // what a cut socket says is of no interest any more
    source.destroy();
    const gone = this.#ended ? Promise.resolve() : kill();
    gone.finally(() => {
      whenDone();
      callback(error);
    });
  }

  /** Pushes the next bytes that are surely of the result. */
  async #next(): Promise<void> {
    while (true) {
      const { done, value } = await this.#chunks.next();
      if (this.destroyed) return;
      if (done) return this.#finish();
      const ready = this.#take(value);
      if (ready.length === 0) continue;
      this.push(ready);
      return;
    }
  }

  #take(chunk: Buffer): Buffer {
    if (this.#mark.length === 0) return chunk;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const at = this.#failing ? 0 : bytes.indexOf(this.#mark);
    this.#failing ||= at >= 0;
    const keep = this.#failing ? at : Math.max(0, bytes.length - this.#mark.length + 1);
    this.#held = bytes.subarray(keep);
    return bytes.subarray(0, keep);
  }

  #finish(): void {
    this.#ended = true;
    if (this.#failing) throw extractErrorAtTheEndOfChunk(this.#held, this.#tag);
    if (this.#held.length > 0) this.push(this.#held);
    this.push(null);
  }
}
