/** A TCP proxy on loopback that can be told to fail in the ways that networks do. */

/**
 * `pass`: as if it were not there. `refuse`: every connection is closed at once. `hang`: connections
 * are taken and nothing goes on. `cut`: what is sent arrives, and before anything comes back the
 * connection is closed, so that the sender does not know what became of it.
 */
export type FaultMode = "pass" | "refuse" | "hang" | "cut";

/** A proxy in front of one server. */
export class FaultProxy {
  #mode: FaultMode = "pass";
  readonly #listener: Deno.TcpListener;
  readonly #target: URL;
  readonly #open = new Set<Deno.Conn>();

  /** @param target the server's URL. */
  constructor(target: string) {
    this.#target = new URL(target);
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    void this.#accept();
  }

  /** Where the server is reached through the proxy. */
  get url(): string {
    const { port } = this.#listener.addr as Deno.NetAddr;
    return `${this.#target.protocol}//127.0.0.1:${port}`;
  }

  /** Fails in another way from now on; connections that are open go with the old one. */
  become(mode: FaultMode): void {
    this.#mode = mode;
    // What hangs has to go on hanging until the client gives up, or until it is well again.
    if (mode !== "hang") { for (const connection of this.#open) close(connection); }
  }

  /** Closes everything. */
  close(): void {
    this.#listener.close();
    for (const connection of this.#open) close(connection);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.#mode === "refuse") close(client);
      else void this.#serve(client).catch(() => {});
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    const port = Number(this.#target.port);
    const server = await Deno.connect({ hostname: this.#target.hostname, port });
    this.#open.add(client).add(server);
    try {
      await Promise.race([
        this.#copy(client, server, () => false),
        this.#copy(server, client, () => this.#mode === "cut"),
      ]);
    } finally {
      for (const connection of [client, server]) {
        this.#open.delete(connection);
        close(connection);
      }
    }
  }

  /** Ends when one side does, or where `cuts` says so before something is handed on. */
  async #copy(from: Deno.Conn, to: Deno.Conn, cuts: () => boolean): Promise<void> {
    const bytes = new Uint8Array(65_536);
    for (;;) {
      const count = await from.read(bytes);
      while (this.#mode === "hang") await new Promise((resolve) => setTimeout(resolve, 20));
      if (count === null || cuts()) return;
      for (let at = 0; at < count;) at += await to.write(bytes.subarray(at, count));
    }
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch { /* The other side was first. */ }
}
