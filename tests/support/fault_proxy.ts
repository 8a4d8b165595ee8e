/** A TCP proxy on loopback that can be told to fail in the ways that networks and servers do. */

/**
 * `pass`: as if it were not there. `refuse`: every connection is closed at once. `hang`: connections
 * are taken and nothing goes on, in neither direction, as where a network is cut; what was sent
 * arrives when it is whole again. `cut`: what is sent arrives, and before anything comes back the
 * connection is closed, so that the sender does not know what became of it. `tear`: of what is sent
 * a part arrives, then the connection is closed. `slow`: all of it arrives, late and bit by bit.
 * Else: some HTTP requests are answered by the proxy itself.
 */
export type FaultMode = "pass" | "refuse" | "hang" | "cut" | "tear" | "slow" | HttpAnswers;

/** What a proxy says in the place of an HTTP server. */
export interface HttpAnswers {
  /**
   * @param head the request's first line and headers.
   * @returns the whole answer, or null to pass the request on.
   */
  readonly answer: (head: string) => string | null;
}

/** Options of {@link FaultProxy}. */
export interface FaultProxyOptions {
  /** The server is a Kafka broker: it is made to tell its clients the proxy's port as its own. */
  readonly kafka?: boolean;
}

const READ_BYTES = 65_536;
const SLOW_MS = 150;
const SLOW_BYTES_PER_SECOND = 400_000;
const METHOD = /^(GET|HEAD|PUT|POST|DELETE) /;

/** A proxy in front of one server. */
export class FaultProxy {
  #mode: FaultMode = "pass";
  /** Requests that were answered in the server's place. */
  answered = 0;
  readonly #listener: Deno.TcpListener;
  readonly #target: URL;
  readonly #port: readonly [own: Uint8Array, proxy: Uint8Array] | null;
  readonly #open = new Set<Deno.Conn>();

  /** @param target the server's URL. */
  constructor(target: string, { kafka = false }: FaultProxyOptions = {}) {
    this.#target = new URL(target);
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const told = (port: number) => addressBytes(this.#target.hostname, port);
    this.#port = kafka ? [told(Number(this.#target.port)), told(this.port)] : null;
    void this.#accept();
  }

  /** Where it listens. */
  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Where the server is reached through the proxy. */
  get url(): string {
    return `${this.#target.protocol}//127.0.0.1:${this.port}`;
  }

  /**
   * Fails in another way from now on; connections that are open go with the old one, but for those
   * that only wait: what hangs goes on hanging until the client gives up or until it is well again,
   * and what a network held back, or lets through slowly, arrives.
   */
  become(mode: FaultMode): void {
    const before = this.#mode;
    this.#mode = mode;
    const waits = (each: FaultMode) => each === "hang" || each === "slow";
    if (mode === "hang" || (mode === "slow" && before === "pass")) return;
    if (mode === "pass" && waits(before)) return;
    for (const connection of this.#open) close(connection);
  }

  /** Closes everything. */
  close(): void {
    this.#mode = "refuse";
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
      await Promise.race([this.#send(client, server), this.#bringBack(server, client)]);
    } finally {
      for (const connection of [client, server]) {
        this.#open.delete(connection);
        close(connection);
      }
    }
  }

  /** What the client says. Ends when the connection does. */
  async #send(client: Deno.Conn, server: Deno.Conn): Promise<void> {
    let drains = false;
    for await (const bytes of this.#chunks(client)) {
      const answer = drains ? null : this.#ownAnswer(bytes);
      if (answer !== null) {
        this.answered++;
        await writeAll(client, new TextEncoder().encode(answer));
        drains = true; // the client reads the answer when it has sent its body
      }
      if (drains) continue;
      const torn = this.#mode === "tear";
      await writeAll(server, torn ? bytes.subarray(0, bytes.length >> 1) : bytes);
      if (torn) return;
    }
  }

  /** What the server says. */
  async #bringBack(server: Deno.Conn, client: Deno.Conn): Promise<void> {
    for await (const bytes of this.#chunks(server)) {
      if (this.#mode === "cut") return;
      if (this.#port !== null) replace(bytes, ...this.#port);
      await writeAll(client, bytes);
    }
  }

  /** What a side says, when the network lets it through. */
  async *#chunks(from: Deno.Conn): AsyncGenerator<Uint8Array> {
    const bytes = new Uint8Array(READ_BYTES);
    for (;;) {
      const count = await from.read(bytes);
      while (this.#mode === "hang") await pause(20);
      if (count === null) return;
      if (this.#mode === "slow") await pause(SLOW_MS + count / SLOW_BYTES_PER_SECOND * 1000);
      yield bytes.subarray(0, count);
    }
  }

  #ownAnswer(bytes: Uint8Array): string | null {
    if (typeof this.#mode === "string") return null;
    // A client sends nothing before the last answer is there, so a head begins what is read.
    const head = new TextDecoder().decode(bytes.subarray(0, 4096)).split("\r\n\r\n")[0];
    return METHOD.test(head) ? this.#mode.answer(head) : null;
  }
}

/** A host and a port as Kafka's protocol writes them. */
function addressBytes(host: string, port: number): Uint8Array {
  const bytes = new Uint8Array(host.length + 4);
  new TextEncoder().encodeInto(host, bytes);
  new DataView(bytes.buffer).setUint32(host.length, port);
  return bytes;
}

/** A broker's address comes in small answers, each in one piece. */
function replace(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): void {
  for (let at = 0; at + from.length <= bytes.length; at++) {
    if (from.every((byte, i) => bytes[at + i] === byte)) bytes.set(to, at);
  }
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch { /* The other side was first. */ }
}
