/** A server that takes Kafka's requests and answers none by itself. */

/** A request that it got. */
export interface TakenRequest {
  /** Which of the connections, in their order, brought it. */
  readonly connection: number;
  /** Sends an answer. With `partBytes` only so many bytes of it arrive; then the connection is cut. */
  answer(body: Uint8Array, options?: { readonly partBytes?: number }): Promise<void>;
  /** Closes the connection. */
  cut(): void;
}

/** Listens on loopback. */
export class MuteBroker {
  /** How many connections were made. */
  connections = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #taken: TakenRequest[] = [];
  #came = Promise.withResolvers<void>();

  constructor() {
    void this.#accept();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** The next request, of whichever connection. */
  async next(): Promise<TakenRequest> {
    while (this.#taken.length === 0) await this.#came.promise;
    return this.#taken.shift()!;
  }

  close(): void {
    this.#listener.close();
    for (const connection of this.#open) this.#cut(connection);
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.#open.add(connection);
      void this.#serve(connection, this.connections++).catch(() => {}).finally(() =>
        this.#cut(connection)
      );
    }
  }

  #cut(connection: Deno.Conn): void {
    if (this.#open.delete(connection)) connection.close();
  }

  async #serve(connection: Deno.Conn, number: number): Promise<void> {
    for (;;) {
      const size = await read(connection, 4);
      if (size === null) return;
      const request = await read(connection, new DataView(size.buffer).getInt32(0));
      if (request === null) return;
      const cut = () => this.#cut(connection);
      this.#taken.push({
        connection: number,
        cut,
        async answer(body, { partBytes } = {}) {
          const bytes = new Uint8Array(8 + body.length);
          new DataView(bytes.buffer).setInt32(0, 4 + body.length);
          bytes.set(request.subarray(4, 8), 4); // the correlation id
          bytes.set(body, 8);
          await connection.write(bytes.subarray(0, partBytes));
          if (partBytes !== undefined) cut();
        },
      });
      this.#came.resolve();
      this.#came = Promise.withResolvers();
    }
  }
}

async function read(connection: Deno.Conn, sizeBytes: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes;) {
    const count = await connection.read(bytes.subarray(at));
    if (count === null) return null;
    at += count;
  }
  return bytes;
}
