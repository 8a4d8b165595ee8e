/** TLS in front of a server on loopback that speaks none. */
import type { Certificates } from "./certificates.ts";

/** Ends TLS and hands bytes on, both ways. */
export class TlsProxy {
  readonly #listener: Deno.TlsListener;
  readonly #target: URL;

  private constructor(target: URL, listener: Deno.TlsListener) {
    this.#target = target;
    this.#listener = listener;
    void this.#accept();
  }

  /** @param target the server's URL. */
  static async start(target: string, { certificate, key }: Certificates): Promise<TlsProxy> {
    const listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: await Deno.readTextFile(certificate),
      key: await Deno.readTextFile(key),
    });
    return new TlsProxy(new URL(target), listener);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  close(): void {
    this.#listener.close();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) void this.#serve(client).catch(() => {});
  }

  async #serve(client: Deno.TlsConn): Promise<void> {
    const port = Number(this.#target.port);
    const server = await Deno.connect({ hostname: this.#target.hostname, port });
    // Whichever side ends, the streams close both connections.
    await Promise.all([
      client.readable.pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]);
  }
}
