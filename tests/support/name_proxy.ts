/** A forward HTTP proxy that knows names which no name server does: all of them are loopback. */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that went through. */
export interface ProxiedRequest {
  readonly method: string;
  /** The name that was asked for. */
  readonly host: string;
  /** The path and the query. */
  readonly path: string;
  /** The program that asked. */
  readonly agent: string;
}

/**
 * Stands in for the name server: programs that are told of it in `http_proxy` send it the whole URL,
 * and it goes to that port of this machine. Headers, and so signatures, pass as they came.
 */
export class NameProxy {
  readonly requests: ProxiedRequest[] = [];
  readonly #server = createServer((asked, answer) => this.#serve(asked, answer));

  static async start(): Promise<NameProxy> {
    const proxy = new NameProxy();
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** Variables of programs that are to use it; they reach addresses without. */
  get env(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return {
      http_proxy: `http://127.0.0.1:${port}`,
      no_proxy: "127.0.0.1",
      NODE_USE_ENV_PROXY: "1",
    };
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #serve(asked: IncomingMessage, answer: ServerResponse): void {
    const { method = "", headers } = asked;
    const { hostname: host, port, pathname, search } = new URL(asked.url!);
    const path = pathname + search;
    this.requests.push({ method, host, path, agent: headers["user-agent"] ?? "" });
    const on = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (got) => {
      answer.writeHead(got.statusCode!, got.headers);
      got.pipe(answer);
    });
    on.on("error", () => answer.destroy());
    asked.pipe(on);
  }
}
